"""From a picture and its matte to the cutout: clean the matte, estimate colours, crop, render."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from birefcli.image import Alpha, Matte, Picture, Rgb, Rgba, to_uint8
from birefcli.matte import morphology as mattes
from birefcli.matte.engine import BLEED_REACH, bleed, premultiply
from birefcli.matte.evidence import DecidedBy, PictureEvidence, find_evidence
from birefcli.matte.foreground import (
    checkerboard,
    clear_hidden,
    estimate_foreground,
    flatten,
    over,
    parse_color,
)
from birefcli.matte.framing import framed
from birefcli.matte.morphology import Box
from birefcli.matte.own_alpha import backdrop, filled_under
from birefcli.matte.pixelart import art_grid, decided_on_grid
from birefcli.settings import EVERYWHERE, AlphaMode, CutSettings, Format, OnEmpty, Product

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
    evidence: PictureEvidence  # what decided it

    def offset(self, settings: CutSettings) -> tuple[int, int]:
        """Give where in the result the corner of the box lies, (x, y)."""
        return framed(self.matte, self.box, settings).offset


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
    """Give what the network sees: transparency lies over a colour unlike all that is visible."""
    if picture.alpha is None or (picture.alpha == 255).all():
        return picture.rgb
    ground = np.broadcast_to(np.array(backdrop(picture), np.uint8), picture.rgb.shape)
    return over(picture.rgb, _as_matte(picture.alpha), ground)


def make_cutout(picture: Picture, matte: Matte, settings: CutSettings) -> Cutout:
    """Weigh what the picture gives away, clean the matte, free the colours, find the frame.

    `matte` (H, W) is the network's.
    """
    evidence = find_evidence(picture, matte, settings)
    if evidence.rgb is None or evidence.matte is None:
        rgb, matte, is_empty = _by_network(picture, matte, settings)
    else:
        rgb, matte, is_empty = _by_evidence(picture, evidence, settings)
    if is_empty:
        rgb, matte = picture.rgb, _empty_matte(picture, settings)
    above = 0.0 if evidence.decided_by == DecidedBy.ALPHA else CROP_ALPHA
    return Cutout(rgb, matte, _frame(matte, settings, above), is_empty, evidence)


def _by_network(picture: Picture, matte: Matte, settings: CutSettings) -> tuple[Rgb, Matte, bool]:
    """Give colours, matte and whether nothing was found, as the network has it."""
    seen = picture.rgb
    if picture.alpha is not None and not picture.alpha.all():
        # What is hidden is no ground: it gets a colour that nothing else has.
        hidden = np.array(backdrop(picture), np.uint8)
        seen = np.where(picture.alpha[..., None] > 0, seen, hidden)
    grid = art_grid(seen)
    is_hard = settings.alpha == AlphaMode.HARD
    if settings.alpha != AlphaMode.SOFT and grid is not None:
        # The threshold moves what counts as half.
        moved = np.clip(matte + np.float32(0.5 - settings.threshold), 0, 1)
        is_hard, matte = True, decided_on_grid(seen, moved, grid)
    matte = clean(matte, settings, is_hard=is_hard)
    # A faint object is still an object, so how faint its own alpha is does not count.
    is_empty = mattes.is_empty(matte if picture.alpha is None else matte * (picture.alpha > 0))
    rgb = picture.rgb
    if not (is_hard or is_empty or settings.keep_colors):
        rgb = _straight(picture, estimate_foreground(filled_under(picture), matte))
    return rgb, _under_own_alpha(picture, matte), is_empty


def _by_evidence(
    picture: Picture, evidence: PictureEvidence, settings: CutSettings
) -> tuple[Rgb, Matte, bool]:
    """Give colours, matte and whether nothing is there, as the picture itself gives them away."""
    assert evidence.rgb is not None and evidence.matte is not None
    rgb = picture.rgb if settings.keep_colors else _straight(picture, evidence.rgb)
    is_hard = settings.alpha == AlphaMode.HARD
    matte = clean(evidence.matte, settings, is_hard=is_hard, is_exact=True)
    if evidence.decided_by != DecidedBy.GROUND:
        assert picture.alpha is not None
        # Behind a cutout there is nothing that could be kept instead.
        matte = matte * (picture.alpha > 0) * (not settings.invert)
        return rgb, np.asarray(matte, np.float32), not (matte > 0).any()
    if settings.invert:
        rgb = _ground_colors(picture, evidence)
    is_exact = evidence.is_hard and evidence.ground is not None and evidence.ground.tolerance == 0
    is_empty = not (matte > 0.5).any() if is_exact else mattes.is_empty(matte)
    return rgb, _under_own_alpha(picture, matte), is_empty


def _ground_colors(picture: Picture, evidence: PictureEvidence) -> Rgb:
    """Give the colours of the ground also where the object covers part of it."""
    ground, matte = evidence.ground, evidence.matte
    if ground is None or matte is None or evidence.is_hard:
        return picture.rgb
    return np.where(matte[..., None] > 0, to_uint8(ground.rgb), picture.rgb)


def _straight(picture: Picture, rgb: Rgb) -> Rgb:
    """Keep the colours wherever the picture's own alpha is what makes them soft."""
    if picture.alpha is None:
        return rgb
    return np.where(picture.alpha[..., None] == 255, rgb, picture.rgb)


def _under_own_alpha(picture: Picture, matte: Matte) -> Matte:
    return matte if picture.alpha is None else matte * _as_matte(picture.alpha)


def clean(matte: Matte, settings: CutSettings, *, is_hard: bool, is_exact: bool = False) -> Matte:
    """Apply the matte options in their fixed order; inversion comes last.

    The levels that are usual for a network's matte are not for an exact one.
    """
    if not is_exact or settings.levels != CutSettings.levels:
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
        return framed(depth, cutout.box, settings).rgba
    if product == Product.PREVIEW:
        ground = checkerboard(picture.size)
        return np.concatenate([picture.rgb, over(cutout.rgb, cutout.matte, ground)], 1)
    has_alpha = settings.background is None and format != Format.JPG
    rgb = clear_hidden(cutout.rgb, alpha) if has_alpha else cutout.rgb
    rgba: Rgba = framed(np.dstack([rgb, alpha]), cutout.box, settings).rgba
    if not has_alpha:
        return flatten(rgba, parse_color(settings.background) if settings.background else WHITE)
    if settings.bleed:
        rgba = bleed(rgba, _reach(settings.bleed))
    return premultiply(rgba) if settings.premultiply else rgba


def _reach(asked: int | str) -> int | None:
    """Give how many pixels colour is spread; None is everywhere."""
    if asked == EVERYWHERE:
        return None
    return BLEED_REACH if asked is True else int(asked)


def _empty_matte(picture: Picture, settings: CutSettings) -> Matte:
    """Give nothing at all, or everything where an empty picture is to be copied."""
    if settings.on_empty != OnEmpty.COPY:
        return np.zeros(picture.size, np.float32)
    if picture.alpha is None:
        return np.ones(picture.size, np.float32)
    return _as_matte(picture.alpha)


def _as_matte(alpha: Alpha) -> Matte:
    return alpha.astype(np.float32) / np.float32(255)


def _frame(matte: Matte, settings: CutSettings, above: float) -> Box | None:
    """Find the box to crop to, with its margin; an empty picture is left whole."""
    box = mattes.bounding_box(matte, above) if settings.crop else None
    height, width = matte.shape
    return None if box is None else mattes.pad_box(box, settings.margin, (height, width))
