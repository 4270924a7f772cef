"""What sort of picture it is: pixel art on a grid, flat graphics, or a photograph."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from birefcli.image.types import Rgb
from birefcli.matte.pixelart import NATIVE, Grid, find_grid
from birefcli.settings.peel import PeelKind
from birefcli.stack.types import Kind

_EVEN = 0.7  # of the pixels, that shade without a bend


@dataclass(frozen=True)
class DetectedKind:
    """A picture's kind and its grid."""

    kind: Kind
    grid: Grid = NATIVE


def detect_kind(picture: NDArray[np.uint8], asked: PeelKind, *, is_jpeg: bool) -> DetectedKind:
    """Tell what sort of picture (H, W, 3 or 4) this is, or take the word for it."""
    if asked in (PeelKind.AUTO, PeelKind.PIXEL):
        grid = find_grid(picture)
        if grid is not None:
            return DetectedKind(Kind.PIXEL, grid)
        if asked == PeelKind.PIXEL:
            return DetectedKind(Kind.PIXEL)
    if asked == PeelKind.AUTO:
        return DetectedKind(Kind.FLAT if is_flat(picture[..., :3], is_jpeg=is_jpeg) else Kind.PHOTO)
    return DetectedKind(Kind(asked.value))


def is_flat(rgb: Rgb, *, is_jpeg: bool) -> bool:
    """Whether most of it is even or shades evenly, or a few colours are nearly all of it."""
    if is_jpeg:
        rgb = np.asarray(cv2.medianBlur(rgb, 3) // 4 * 4, np.uint8)
    slope = cv2.morphologyEx(rgb, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    if np.mean(slope.max(axis=-1) == 0) >= 0.5 or _even_share(rgb) >= _EVEN:
        return True
    packed = (rgb >> 3).astype(np.uint32) @ np.array([1024, 32, 1], np.uint32)
    counts = np.sort(np.bincount(packed.ravel()))[::-1]
    return bool(counts[:16].sum() >= 0.9 * packed.size)


def _even_share(rgb: Rgb) -> float:
    """Give the share of pixels at which no channel's slope bends, as in drawn gradients.

    Of photographs it is a third at the most, as their grain bends everywhere.
    """
    levels = rgb.astype(np.int16)
    if min(levels.shape[:2]) < 3:
        return 0.0
    across = np.abs(levels[1:-1, 2:] - 2 * levels[1:-1, 1:-1] + levels[1:-1, :-2])
    down = np.abs(levels[2:, 1:-1] - 2 * levels[1:-1, 1:-1] + levels[:-2, 1:-1])
    return float((np.maximum(across, down).max(axis=-1) <= 1).mean())
