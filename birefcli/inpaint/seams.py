"""Levelling a fill that was copied together: the light of neighbouring copies is evened out.

After Perez, Gangnet and Blake, "Poisson Image Editing" (2003): the fill gets the slopes that its
pixels had where they come from, and the picture's own colours at its rim.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from birefcli.image import Mask, rescale

_Floats = NDArray[np.float32]
_Places = NDArray[np.intp]

HIGHEST = 96.0  # levels; a higher step is a mismatch, and spreading it out would smear it
MOST = 40.0  # levels by which a pixel changes
CYCLES, SWEEPS = 3, 4
_AROUND = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], np.float32) / 4


def level_seams(rgb: _Floats, hole: Mask, known: Mask, rows: _Places, columns: _Places) -> _Floats:
    """Return float32 (H, W, 3) without the steps between copies that lie side by side.

    `rows` and `columns` (H, W) say where each pixel was copied from; what is neither hole nor
    `known` is not looked at.
    """
    pull = np.zeros_like(rgb)
    for down, over in ((1, 0), (0, 1)):
        step = _steps(rgb, hole | known, known, rows, columns, down, over)
        height, width = hole.shape
        pull[: height - down, : width - over] += step
        pull[down:, over:] -= step
    change = np.zeros_like(rgb)
    for _ in range(CYCLES):
        change = _cycle(change, pull, hole)
    return np.where(hole[..., None], rgb + np.clip(change, -MOST, MOST), rgb)


def _steps(
    rgb: _Floats, own: Mask, known: Mask, rows: _Places, columns: _Places, down: int, over: int
) -> _Floats:
    """Give how much more each next pixel differs than it did where the two came from."""
    height, width = own.shape
    one = slice(0, height - down), slice(0, width - over)
    next_ = slice(down, None), slice(over, None)
    total: _Floats = np.zeros((height - down, width - over, 3), np.float32)
    count: _Floats = np.zeros((height - down, width - over, 1), np.float32)
    for place, way in ((one, 1), (next_, -1)):
        y, x = rows[place], columns[place]
        to_y, to_x = y + way * down, x + way * over
        fits = (to_y >= 0) & (to_y < height) & (to_x >= 0) & (to_x < width)
        to_y, to_x = np.where(fits, to_y, y), np.where(fits, to_x, x)
        fits &= known[to_y, to_x]
        slope = (rgb[to_y, to_x] - rgb[y, x]) * np.float32(way)
        total += np.where(fits[..., None], slope, 0)
        count += fits[..., None]
    step = rgb[next_] - rgb[one] - total / np.maximum(count, 1)
    is_seam = (count[..., 0] > 0) & own[one] & own[next_] & (np.abs(step).max(-1) < HIGHEST)
    return np.asarray(np.where(is_seam[..., None], step, 0), np.float32)


def _cycle(change: _Floats, pull: _Floats, hole: Mask) -> _Floats:
    """Bring the change nearer to where its differences undo the steps, large waves included."""
    free = hole[..., None]
    change = _swept(change, pull, free)
    height, width = hole.shape
    if min(height, width) <= 4:
        return change
    rest = np.where(free, pull + 4 * (_mean_around(change) - change), 0)
    small = -(-height // 2), -(-width // 2)
    padding = ((0, small[0] * 2 - height), (0, small[1] * 2 - width))
    few = 4 * rescale(np.pad(rest, (*padding, (0, 0))), small, cv2.INTER_AREA)
    whole = rescale(np.pad(hole, padding).astype(np.float32), small, cv2.INTER_AREA) > 0.99
    coarse = _cycle(np.zeros_like(few), few, whole)
    wide = rescale(coarse, (small[0] * 2, small[1] * 2), cv2.INTER_LINEAR)[:height, :width]
    return _swept(np.where(free, change + wide, 0).astype(np.float32), pull, free)


def _swept(change: _Floats, pull: _Floats, free: Mask) -> _Floats:
    for _ in range(SWEEPS):
        better = change + np.float32(0.8) * (_mean_around(change) + pull / 4 - change)
        change = np.where(free, better, np.float32(0))
    return change


def _mean_around(change: _Floats) -> _Floats:
    mean = cv2.filter2D(change, cv2.CV_32F, _AROUND, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(mean, np.float32)
