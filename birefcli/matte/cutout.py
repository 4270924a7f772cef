"""From a picture and its matte to the cutout: clean the matte, estimate colours, crop, render."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from birefcli.image import Alpha, Matte, Picture, Rgb, to_uint8
from birefcli.matte import morphology as mattes
from birefcli.matte.foreground import (
    checkerboard,
    clear_hidden,
    estimate_foreground,
    flatten,
    over,
    parse_color,
)
from birefcli.matte.morphology import Box
from birefcli.matte.pixelart import art_grid, decided_on_grid
from birefcli.settings import AlphaMode, CutSettings, Format, OnEmpty, Product

MID_GREY = 128
# Alpha from here on counts as object when cropping: a haze of a few levels must not widen the box.
CROP_ALPHA = 13 / 255
WHITE = (255, 255, 255)


@dataclass(frozen=True, eq=False)
class Cutout:
    """An object cut out of its picture."""

    rgb: Rgb  # (H, W, 3), the object's own colours
    matte: Matte  # (H, W)
    box: Box | None  # what of it is kept; None is all
    is_empty: bool


def cut_image(
    picture: Picture, segment: Callable[[Sequence[Rgb]], list[Matte]], settings: CutSettings
) -> NDArray[np.uint8]:
    """Cut one decoded picture and give its cutout, RGBA (H, W, 4) or RGB on a background.

    `segment` gives every picture (H, W, 3) its matte (H, W) in 0…1; what it raises is raised.
    """
    (matte,) = segment([network_view(picture)])
    cutout = make_cutout(picture, matte, settings)
    return render(cutout, picture, Product.CUTOUT, settings.format or Format.PNG, settings)


def network_view(picture: Picture) -> Rgb:
    """Give what the network sees (H, W, 3): a transparent picture lies over mid-grey."""
    if picture.alpha is None:
        return picture.rgb
    grey = np.full_like(picture.rgb, MID_GREY)
    return over(picture.rgb, _as_matte(picture.alpha), grey)


def make_cutout(picture: Picture, matte: Matte, settings: CutSettings) -> Cutout:
    """Clean a matte (H, W), join the picture's own alpha, estimate colours and find the crop."""
    grid = art_grid(picture.rgb)
    is_hard = settings.alpha == AlphaMode.HARD
    if settings.alpha != AlphaMode.SOFT and grid is not None:
        # The threshold moves what counts as half.
        moved = np.clip(matte + np.float32(0.5 - settings.threshold), 0, 1)
        is_hard, matte = True, decided_on_grid(picture.rgb, moved, grid)
    matte = clean(matte, settings, is_hard=is_hard)
    visible = matte if picture.alpha is None else matte * (picture.alpha > 0)
    # A faint object is still an object, so how faint its own alpha is does not count.
    is_empty = mattes.is_empty(visible)
    if picture.alpha is not None:
        matte = matte * _as_matte(picture.alpha)
    if is_empty:
        matte = _empty_matte(picture, settings)
    rgb = picture.rgb
    if not (is_hard or is_empty or settings.keep_colors):
        rgb = estimate_foreground(rgb, matte)
    return Cutout(rgb, matte, _frame(matte, settings), is_empty)


def clean(matte: Matte, settings: CutSettings, *, is_hard: bool) -> Matte:
    """Apply the matte options to a matte (H, W), in their fixed order; inversion comes last."""
    matte = mattes.levels(matte, *settings.levels)
    if is_hard:
        matte = mattes.harden(matte, settings.threshold)
    if settings.min_area:
        matte = mattes.remove_specks(matte, settings.min_area)
    if settings.fill_holes:
        matte = mattes.fill_holes(matte)
    if settings.grow:
        matte = mattes.grow(matte, settings.grow)
    if settings.shrink:
        matte = mattes.shrink(matte, settings.shrink)
    return mattes.invert(matte) if settings.invert else matte


def render(
    cutout: Cutout, picture: Picture, product: Product, format: Format, settings: CutSettings
) -> NDArray[Any]:
    """Give the array of one product, cropped to the cutout's box, the preview excepted.

    A cutout is uint8 (h, w, 4), or (h, w, 3) on a background; a mask is (h, w), uint8 or uint16 as
    `mask_bits` says; a preview is uint8 (H, 2 W, 3).
    """
    alpha = to_uint8(cutout.matte * 255)
    if product == Product.MASK:
        depth = (
            np.rint(cutout.matte * 65535).astype(np.uint16) if settings.mask_bits == 16 else alpha
        )
        return _cropped(depth, cutout.box)
    if product == Product.PREVIEW:
        ground = checkerboard(picture.size)
        return np.concatenate([picture.rgb, over(cutout.rgb, cutout.matte, ground)], 1)
    rgba = np.dstack([cutout.rgb, alpha])
    if settings.background is not None or format == Format.JPG:
        color = parse_color(settings.background) if settings.background else WHITE
        return _cropped(flatten(rgba, color), cutout.box)
    rgb = cutout.rgb if settings.bleed else clear_hidden(cutout.rgb, alpha)
    return _cropped(np.dstack([rgb, alpha]), cutout.box)


def _empty_matte(picture: Picture, settings: CutSettings) -> Matte:
    """Give nothing at all, or everything where an empty picture is to be copied."""
    if settings.on_empty != OnEmpty.COPY:
        return np.zeros(picture.size, np.float32)
    if picture.alpha is None:
        return np.ones(picture.size, np.float32)
    return _as_matte(picture.alpha)


def _as_matte(alpha: Alpha) -> Matte:
    return alpha.astype(np.float32) / np.float32(255)


def _frame(matte: Matte, settings: CutSettings) -> Box | None:
    """Find the box to crop to, with its margin; an empty picture is left whole."""
    box = mattes.bounding_box(matte, CROP_ALPHA) if settings.crop else None
    height, width = matte.shape
    return None if box is None else mattes.pad_box(box, settings.margin, (height, width))


def _cropped(array: NDArray[Any], box: Box | None) -> NDArray[Any]:
    if box is None:
        return array
    left, top, right, bottom = box
    return np.ascontiguousarray(array[top:bottom, left:right])
