"""Tells whether a picture is pixel art on a grid, flat graphics, or a photograph."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from birefcli.image import Rgb
from birefcli.matte import NATIVE, Grid, find_grid
from birefcli.peeling.geometry import SQUARE
from birefcli.peeling.thresholds import (
    FLAT_COLORS,
    FLAT_COLORS_SHARE,
    FLAT_EVEN,
    FLAT_GRADIENT,
    GRADIENT_BEND,
    JPEG_MEDIAN,
    JPEG_STEP,
)
from birefcli.settings import PeelKind
from birefcli.stack import PictureKind


@dataclass(frozen=True)
class DetectedKind:
    """A picture's kind, and the grid that its pixels lie on."""

    kind: PictureKind
    grid: Grid = NATIVE


def detect_kind(picture: NDArray[np.uint8], asked: PeelKind, *, is_jpeg: bool) -> DetectedKind:
    """Give the kind of a picture (H, W, 3 or 4): the one that was asked for, else as detected."""
    if asked in (PeelKind.AUTO, PeelKind.PIXEL):
        grid = find_grid(picture)
        if grid is not None:
            return DetectedKind(PictureKind.PIXEL, grid)
        if asked == PeelKind.PIXEL:
            return DetectedKind(PictureKind.PIXEL)
    if asked == PeelKind.AUTO:
        flat = is_flat(picture[..., :3], is_jpeg=is_jpeg)
        return DetectedKind(PictureKind.FLAT if flat else PictureKind.PHOTO)
    return DetectedKind(PictureKind(asked.value))


def is_flat(rgb: Rgb, *, is_jpeg: bool) -> bool:
    """Whether most of a picture is even or an even gradient, or a few colours nearly fill it."""
    if is_jpeg:
        rgb = np.asarray(cv2.medianBlur(rgb, JPEG_MEDIAN) // JPEG_STEP * JPEG_STEP, np.uint8)
    slope = cv2.morphologyEx(rgb, cv2.MORPH_GRADIENT, SQUARE)
    if np.mean(slope.max(axis=-1) == 0) >= FLAT_EVEN or _gradient_share(rgb) >= FLAT_GRADIENT:
        return True
    # Five bits of every channel side by side.
    packed = (rgb >> 3).astype(np.uint32) @ np.array([1024, 32, 1], np.uint32)
    counts = np.sort(np.bincount(packed.ravel()))[::-1]
    return bool(counts[:FLAT_COLORS].sum() >= FLAT_COLORS_SHARE * packed.size)


def _gradient_share(rgb: Rgb) -> float:
    """Give the share of pixels at which no channel's slope bends, as in drawn gradients, 0…1."""
    levels = rgb.astype(np.int16)
    if min(levels.shape[:2]) < 3:
        return 0.0
    across = np.abs(levels[1:-1, 2:] - 2 * levels[1:-1, 1:-1] + levels[1:-1, :-2])
    down = np.abs(levels[2:, 1:-1] - 2 * levels[1:-1, 1:-1] + levels[:-2, 1:-1])
    return float((np.maximum(across, down).max(axis=-1) <= GRADIENT_BEND).mean())
