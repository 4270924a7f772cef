"""Colours that differ by noise only become one, as in a palette before JPEG."""

import numpy as np
from numpy.typing import NDArray

from birefcli.image import Rgb, to_uint8

_BIN = 4  # levels
_FEWEST = 4  # pixels that a colour of the palette has
_ALONE = 0.8  # of the pixels within 14 levels, those within 6


def merge_noisy_colors(colors: NDArray[np.float64]) -> Rgb:
    """Round colours (h, w, 3), and give those that lie close together, with few around, one colour.

    Colours that fill a range evenly, as a noisy ground does, stay as they are.
    """
    rounded = to_uint8(colors)
    flat = colors.reshape(-1, 3)
    at = np.minimum((np.clip(flat, 0, 255) // _BIN).astype(np.intp), 255 // _BIN)
    side = 256 // _BIN
    index = (at[:, 0] * side + at[:, 1]) * side + at[:, 2]
    counts = np.bincount(index, minlength=side**3).astype(np.float32).reshape(side, side, side)
    near, around = _box(counts, 1), _box(counts, 3)
    numbers = np.full(counts.shape, -1, np.intp)
    seen, found = np.flatnonzero(counts.ravel()), 0
    # The fullest first; a colour belongs to the first that takes it.
    for place in seen[np.argsort(-near.ravel()[seen], kind="stable")]:
        close = near.ravel()[place]
        if close < _FEWEST:
            break
        if close < _ALONE * around.ravel()[place]:
            continue
        box = numbers[
            tuple(slice(max(0, i - 1), i + 2) for i in np.unravel_index(place, counts.shape))
        ]
        box[box < 0] = found
        found += 1
    if not found:
        return rounded
    number = numbers.ravel()[index]
    is_merged = number >= 0
    often = np.bincount(number[is_merged], minlength=found)
    sums = [np.bincount(number[is_merged], flat[is_merged, i], found) for i in range(3)]
    means = to_uint8(np.stack(sums, axis=-1) / np.maximum(often, 1)[:, None])
    merged = np.where(is_merged[:, None], means[number], rounded.reshape(-1, 3))
    return np.asarray(merged.reshape(rounded.shape), np.uint8)


def _box(counts: NDArray[np.float32], reach: int) -> NDArray[np.float32]:
    """Sum a cube of counts over boxes that reach so far to every side."""
    for axis in range(3):
        padded = np.pad(counts, [(reach + 1, reach) if i == axis else (0, 0) for i in range(3)])
        total = padded.cumsum(axis=axis, dtype=np.float64)
        length = counts.shape[axis]
        high = np.take(total, np.arange(2 * reach + 1, 2 * reach + 1 + length), axis=axis)
        low = np.take(total, np.arange(length), axis=axis)
        counts = (high - low).astype(np.float32)
    return counts
