"""Pixel art at its true size, back on the screen, and cleaned cell by cell."""

import numpy as np
from numpy.typing import NDArray

from birefcli.image import Rgb, to_uint8
from birefcli.matte.linear_resampling import LinearSteps
from birefcli.matte.palette_recovery import merge_noisy_colors
from birefcli.matte.pixel_grid import Enlargement, PixelGrid

_SAME_SHADE = 16  # levels: how far the dominant colour of a cell reaches


def native(rgb: Rgb, grid: PixelGrid) -> Rgb:
    """Return the art at its true size, one pixel a cell, those cut off by the frame too.

    Exact enlargements give every cell's own colour; bilinear ones are solved for the colours that
    give the picture; of lossy ones the middle of every cell counts, and colours that differ by
    noise become one.
    """
    if grid.how is Enlargement.RESAMPLED and grid.scale > 1:
        return _unblurred(rgb, grid)
    if grid.how is Enlargement.LOSSY and grid.scale > 1:
        return merge_noisy_colors(_middle_means(rgb, grid))
    rows, columns = grid.cells(rgb.shape[:2])
    middles = _middles(rows, grid.scale, grid.offset[1])
    return np.ascontiguousarray(rgb[middles][:, _middles(columns, grid.scale, grid.offset[0])])


def enlarge(
    array: NDArray[np.generic], grid: PixelGrid, size: tuple[int, int]
) -> NDArray[np.generic]:
    """Repeat every pixel of the art (h, w, …) over its cell, in a picture of (height, width)."""
    rows, columns = grid.cells(size)
    return np.ascontiguousarray(array[rows][:, columns])


def snap_grid(rgb: Rgb, grid: PixelGrid) -> Rgb:
    """Give every cell one colour, the one that most of its pixels have or nearly have."""
    height, width = rgb.shape[:2]
    rows, columns = grid.cells((height, width))
    cells = (rows[:, None] * (columns[-1] + 1) + columns).ravel()
    colors = rgb.reshape(-1, 3).astype(np.int64)
    count = int(cells[-1]) + 1
    votes = np.zeros(count, np.intp)
    is_chosen = np.zeros(len(cells), bool)
    # Shades that one way of counting parts in two, another keeps together.
    for shift in (0, _SAME_SHADE // 2):
        shades = ((colors + shift) // _SAME_SHADE) @ np.array([1 << 16, 1 << 8, 1])
        top, of = _most_frequent(cells, shades, count)
        is_better = of > votes
        votes = np.maximum(votes, of)
        is_chosen = np.where(is_better[cells], shades == top[cells], is_chosen)
    chosen = np.flatnonzero(is_chosen)
    exact, _ = _most_frequent(cells[chosen], colors[chosen] @ np.array([1 << 16, 1 << 8, 1]), count)
    snapped = np.stack([exact >> 16, exact >> 8 & 255, exact & 255], axis=-1)
    return np.asarray(snapped[cells].reshape(rgb.shape), np.uint8)


def _most_frequent(
    cells: NDArray[np.intp], values: NDArray[np.int64], count: int
) -> tuple[NDArray[np.int64], NDArray[np.intp]]:
    """Return every cell's most frequent value, and how often it occurs; (count,) each."""
    span = int(values.max()) + 1
    keys, often = np.unique(cells * span + values, return_counts=True)
    of = keys // span
    # Sorted by cell, then by frequency: the last of each cell is its most frequent.
    order = np.lexsort((often, of))
    last = np.flatnonzero(np.diff(of[order], append=-1))
    top, votes = np.zeros(count, np.int64), np.zeros(count, np.intp)
    top[of[order[last]]] = keys[order[last]] % span
    votes[of[order[last]]] = often[order[last]]
    return top, votes


def _middles(cells: NDArray[np.intp], scale: int, start: int) -> NDArray[np.intp]:
    """Give the middle pixel of every cell of a line, or the nearest that the frame leaves."""
    first = start - scale * (start > 0)
    places = first + scale * np.arange(int(cells[-1]) + 1) + scale // 2
    return np.clip(places, 0, len(cells) - 1)


def _middle_means(rgb: Rgb, grid: PixelGrid) -> NDArray[np.float64]:
    """Give the mean colour (h, w, 3) of every cell, its rim left out where it has an inside."""
    rows, columns = grid.cells(rgb.shape[:2])
    sums = _weighted_sums(rgb.astype(np.float64), rows, grid.scale, grid.offset[1])
    means = _weighted_sums(sums.transpose(1, 0, 2), columns, grid.scale, grid.offset[0])
    return np.ascontiguousarray(means.transpose(1, 0, 2))


def _weighted_sums(
    lines: NDArray[np.float64], cells: NDArray[np.intp], scale: int, start: int
) -> NDArray[np.float64]:
    """Average lines (length, …) over every cell, the pixels at its rim counting less."""
    place = (np.arange(len(cells)) - start) % scale
    rim = 1.0 if scale == 2 else 0.25
    weights = np.where((place == 0) | (place == scale - 1), rim, 1.0)
    starts = np.flatnonzero(np.diff(cells, prepend=-1))
    sums = np.add.reduceat(lines * weights.reshape(-1, 1, 1), starts, axis=0)
    return np.asarray(sums / np.add.reduceat(weights, starts).reshape(-1, 1, 1))


def _unblurred(rgb: Rgb, grid: PixelGrid) -> Rgb:
    """Solve a bilinear enlargement for the colours of its cells."""
    rows, columns = grid.cells(rgb.shape[:2])
    left, top = grid.offset
    solved = _solved_along(rgb.astype(np.float64), grid.scale, top, int(rows[-1]) + 1)
    solved = solved.transpose(1, 0, 2)
    solved = _solved_along(solved, grid.scale, left, int(columns[-1]) + 1)
    art = to_uint8(solved.transpose(1, 0, 2))
    if grid.scale % 2:
        # The middle pixel of a cell has its colour, but for those that the frame cuts off.
        y, x = (
            first + grid.scale * np.arange(count) + grid.scale // 2
            for first, count in (
                (top - grid.scale * (top > 0), art.shape[0]),
                (left - grid.scale * (left > 0), art.shape[1]),
            )
        )
        inner_y = np.flatnonzero((y >= 0) & (y < rgb.shape[0]))
        inner_x = np.flatnonzero((x >= 0) & (x < rgb.shape[1]))
        art[np.ix_(inner_y, inner_x)] = rgb[np.ix_(y[inner_y], x[inner_x])]
    return np.ascontiguousarray(art)


def _solved_along(
    lines: NDArray[np.float64], scale: int, start: int, count: int
) -> NDArray[np.float64]:
    """Solve lines (length, …) for their cells (count, …)."""
    steps = LinearSteps.along(len(lines), scale, start)
    return steps.invert(lines)[steps.first : steps.first + count]
