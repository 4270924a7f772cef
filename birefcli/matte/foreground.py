"""Foreground colours: estimated where edges are soft, and composited over a backdrop."""

from collections.abc import Iterator
from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt
from PIL import ImageColor

from birefcli.errors import UsageError
from birefcli.image import Alpha, Matte, Rgb, Rgba, to_uint8
from birefcli.matte.morphology import HALF_STEP, Box, Size, pad_box

Color: TypeAlias = tuple[int, int, int]
_Image: TypeAlias = npt.NDArray[np.float32]  # (H, W, 3), 0…1

# The two windows of blur fusion: a wide one, then a small one that sharpens its answer.
WINDOWS = (90, 6)
_TILE = 512


def estimate_foreground(rgb: Rgb, matte: Matte) -> Rgb:
    """Return a picture (H, W, 3) without the backdrop's share in the soft edges of a matte (H, W).

    Solid pixels keep their colour bit for bit; where the matte is 0 the colour means nothing.
    """
    is_soft = (matte > HALF_STEP) & (matte < 1 - HALF_STEP)
    size = (matte.shape[0], matte.shape[1])
    foreground = rgb.copy()
    for tile in _tiles(size):
        if is_soft[_cut(tile)].any():
            # No pixel looks further than half of both windows.
            around = pad_box(tile, sum(WINDOWS) // 2, size)
            image = rgb[_cut(around)].astype(np.float32) / np.float32(255)
            estimate = blur_fusion(image, matte[_cut(around)])[_cut(tile, within=around)]
            soft = is_soft[_cut(tile)]
            foreground[_cut(tile)][soft] = to_uint8(estimate[soft] * 255)
    return foreground


def blur_fusion(image: _Image, alpha: Matte, windows: tuple[int, ...] = WINDOWS) -> _Image:
    """Estimate the foreground (H, W, 3) of an image (H, W, 3) of 0…1, one pass per window.

    Forte, "Approximate Fast Foreground Colour Estimation", ICIP 2021, as BiRefNet uses it.
    """
    foreground = backdrop = image
    for window in windows:
        foreground, backdrop = fusion_pass(image, foreground, backdrop, alpha, window)
    return foreground


def fusion_pass(
    image: _Image, foreground: _Image, backdrop: _Image, alpha: Matte, window: int
) -> tuple[_Image, _Image]:
    """Refine both estimates (H, W, 3) by their means over `window` × `window` pixels.

    Images are float32 (H, W, 3) of 0…1, `alpha` is (H, W).
    """
    a = alpha[..., None]

    def blur(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        return np.asarray(cv2.blur(values, (window, window)), np.float32)

    mean_alpha = blur(alpha)[..., None]
    mean_foreground = blur(foreground * a) / (mean_alpha + 1e-5)
    mean_backdrop = blur(backdrop * (1 - a)) / ((1 - mean_alpha) + 1e-5)
    # What the two means leave unexplained belongs to the foreground, as far as it is there.
    residue = image - a * mean_foreground - (1 - a) * mean_backdrop
    return np.clip(mean_foreground + a * residue, 0, 1), mean_backdrop


def over(foreground: Rgb, matte: Matte, backdrop: Rgb) -> Rgb:
    """Return the foreground over the backdrop, by a matte (H, W) of 0…1: uint8 (H, W, 3)."""
    m = matte[..., None]
    return to_uint8(m * foreground + (1 - m) * backdrop)


def over8(rgba: Rgba, backdrop: Rgb) -> Rgb:
    """Lay an RGBA picture (H, W, 4) over an opaque one in whole numbers, as Pillow does.

    Every channel is (A F + (255 - A) B) / 255, rounded exactly.
    """
    # At most 255 * 255 + 128 + 254, which 16 bits hold.
    alpha = rgba[..., 3:].astype(np.uint16)
    mixed = alpha * rgba[..., :3] + (255 - alpha) * backdrop + 128
    return np.asarray((mixed + (mixed >> 8)) >> 8, np.uint8)


def flatten(rgba: npt.NDArray[np.uint8], color: Color) -> Rgb:
    """Return an RGBA picture (H, W, 4) over one colour: uint8 (H, W, 3)."""
    matte = rgba[..., 3].astype(np.float32) / np.float32(255)
    return over(rgba[..., :3], matte, np.array(color, np.uint8))


def clear_hidden(rgb: Rgb, alpha: Alpha) -> Rgb:
    """Return colours (H, W, 3) that are black wherever alpha (H, W) is 0."""
    return np.where(alpha[..., None] > 0, rgb, np.uint8(0))


def checkerboard(size: Size, square: int = 8) -> Rgb:
    """Draw the two greys (H, W, 3) that stand for transparency."""
    y, x = np.indices(size) // square
    grey = np.where((x + y) % 2 == 0, np.uint8(255), np.uint8(204))
    return np.repeat(grey[..., None], 3, axis=2)


def parse_color(text: str) -> Color:
    """Read a colour as people write it: white, #fff, #ffffff or 255,255,255.

    Raise UsageError for anything else.
    """
    try:
        if "," in text and "(" not in text:
            values = tuple(int(part) for part in text.split(","))
        else:
            values = ImageColor.getrgb(text.strip())
        red, green, blue = values
    except ValueError:
        values = ()
    if not values or not all(0 <= value <= 255 for value in values):
        raise UsageError(f"{text!r} is not a colour; write white, #ffffff or 255,255,255")
    return red, green, blue


def _tiles(size: Size) -> Iterator[Box]:
    """Cut a picture into boxes that are worked on one by one, which bounds the memory."""
    height, width = size
    for top in range(0, height, _TILE):
        for left in range(0, width, _TILE):
            yield left, top, min(left + _TILE, width), min(top + _TILE, height)


def _cut(box: Box, within: Box = (0, 0, 0, 0)) -> tuple[slice, slice]:
    """Index what lies in the box, in an array that begins where the box `within` does."""
    left, top, right, bottom = box
    x, y = within[:2]
    return slice(top - y, bottom - y), slice(left - x, right - x)
