"""The grid of pixel art: the size of its pixels on the screen, and where they begin."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from birefcli.matte.art_look import art_look, packed_colors
from birefcli.matte.grid_evidence import (
    LARGEST_SCALE,
    Lines,
    exact_start,
    fold,
    linear_start,
    lossy_start,
    sample_lines,
)

T = TypeVar("T")

CONFIDENT = 0.5  # from here on a grid may be relied on
_SMALLEST_NATIVE = 8  # sides of art that was enlarged
_CONSTANT = 0.995  # of the cells
_CLEAR = 0.95  # of a confidence of 1: no smaller scale is asked for
_ON_GRID = 0.9  # of the places where the colour changes


class Enlargement(StrEnum):
    """How art came to its size on the screen."""

    EXACT = "exact"  # every pixel repeated
    RESAMPLED = "resampled"  # bilinear
    LOSSY = "lossy"  # repeated, then written as JPEG or the like


@dataclass(frozen=True)
class PixelGrid:
    """Where the cells of pixel art lie on the screen, and how sure that is."""

    scale: int = 1  # screen pixels to the side of a cell
    offset: tuple[int, int] = (0, 0)  # (x, y) of the first whole cell, each 0…scale - 1
    how: Enlargement = Enlargement.EXACT
    confidence: float = 1.0  # 0…1

    def cells(self, size: tuple[int, int]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Number the cell of every row and every column of a picture of (height, width) from 0."""
        left, top = self.offset
        return cells_along(size[0], self.scale, top), cells_along(size[1], self.scale, left)


def find_grid(picture: NDArray[np.uint8]) -> PixelGrid | None:
    """Find the pixel grid of a picture (H, W, 3 or 4): the largest that fits; None if it has none.

    A few lines are looked at first, so that a photograph is told at once. Scale 1 is art that was
    not enlarged, as far as its look tells.
    """
    if not picture.size:
        return None
    grid = find_enlarged_grid(picture)
    if grid:
        return grid
    look = art_look(picture)
    return PixelGrid(confidence=look.confidence) if look.is_art else None


def find_enlarged_grid(picture: NDArray[np.uint8]) -> PixelGrid | None:
    """Find the grid of a picture (H, W, 3 or 4) if it was enlarged, however; None if not."""
    axes = _Axes(picture)
    return _exact(axes) or _softened(axes)


def find_exact_grid(picture: NDArray[np.uint8]) -> PixelGrid | None:
    """Find the largest scale above 1 at which a picture (H, W, 3 or 4) was enlarged exactly."""
    return _exact(_Axes(picture))


class _Axes:
    """The sampled lines of a picture along both axes; columns only when a row has fitted."""

    def __init__(self, picture: NDArray[np.uint8]) -> None:
        self.picture = picture
        self.largest = min(LARGEST_SCALE, min(picture.shape[:2]) // _SMALLEST_NATIVE)
        self.rows = sample_lines(picture, 1) if self.largest > 1 else None

    @cached_property
    def columns(self) -> Lines:
        return sample_lines(self.picture, 0)

    @cached_property
    def changes(self) -> "_Changes":
        codes = packed_colors(self.picture)
        return _Changes(codes[:, 1:] != codes[:, :-1], codes[1:] != codes[:-1])

    def both(self, of: Callable[[Lines, int], T | None], scale: int) -> tuple[T, T] | None:
        """Return what a test says along x and along y; None if it fails along either."""
        assert self.rows is not None
        x = of(self.rows, scale)
        y = None if x is None else of(self.columns, scale)
        return None if x is None or y is None else (x, y)


class _Changes:
    """Where the colour changes to the next pixel, in a whole picture, along x and along y."""

    def __init__(self, along_x: NDArray[np.bool_], along_y: NDArray[np.bool_]) -> None:
        self.along_x, self.along_y = along_x, along_y
        self.at_x = np.count_nonzero(along_x, axis=0)
        self.at_y = np.count_nonzero(along_y, axis=1)

    def grid(self, scale: int) -> PixelGrid | None:
        """Return the grid of a scale if its cells have one colour each, a few spoilt ones aside.

        Drawings with large even areas have such cells too, but their outlines lie on no grid.
        """
        left, top = (int(np.argmax(fold(at, scale, 1)[0])) for at in (self.at_x, self.at_y))
        on_x, on_y = self.at_x[(left - 1) % scale :: scale], self.at_y[(top - 1) % scale :: scale]
        steps = int(self.at_x.sum()) + int(self.at_y.sum())
        if int(on_x.sum()) + int(on_y.sum()) < _ON_GRID * max(1, steps):
            return None
        grid = PixelGrid(scale, (left, top))
        constant = self._constant_share(grid)
        # Lines that lie at random places all lie on some grid of this scale this often.
        lines = sum(max(0, int(np.count_nonzero(on)) - 1) for on in (on_x, on_y))
        chance = min(1.0, LARGEST_SCALE * float(scale) ** -lines)
        return replace(grid, confidence=constant * (1 - chance)) if constant >= _CONSTANT else None

    def _constant_share(self, grid: PixelGrid) -> float:
        """Give the share of cells within which no colour changes."""
        rows, columns = grid.cells((len(self.along_x), self.along_y.shape[1]))
        is_mixed = np.zeros((rows[-1] + 1, columns[-1] + 1), bool)
        within_x, within_y = columns[1:] == columns[:-1], rows[1:] == rows[:-1]
        y, x = np.nonzero(self.along_x & within_x)
        is_mixed[rows[y], columns[x]] = True
        y, x = np.nonzero(self.along_y & within_y[:, None])
        is_mixed[rows[y], columns[x]] = True
        return 1 - float(is_mixed.mean())


def _exact(axes: _Axes) -> PixelGrid | None:
    """Find the largest exact scale."""
    for scale in range(axes.largest, 1, -1):
        grid = axes.changes.grid(scale) if axes.both(exact_start, scale) else None
        if grid:
            return grid
    return None


def _softened(axes: _Axes) -> PixelGrid | None:
    """Find the clearest scale of a bilinear enlargement, or else of a lossy one."""
    for how, of in ((Enlargement.RESAMPLED, linear_start), (Enlargement.LOSSY, lossy_start)):
        best: PixelGrid | None = None
        for scale in range(axes.largest, 1, -1):
            found = axes.both(of, scale)
            if found:
                (left, sure_x), (top, sure_y) = found
                sure = min(sure_x, sure_y)
                if best is None or _is_clearer(sure, best.confidence):
                    best = PixelGrid(scale, (left, top), how, sure)
        if best:
            return best
    return None


def cells_along(length: int, scale: int, start: int) -> NDArray[np.intp]:
    """Number the cell of every pixel of a line from 0; the one cut off before `start` counts."""
    cells = (np.arange(length) - start) // scale
    return cells - cells[0] if length else cells


def _is_clearer(sure: float, than: float) -> bool:
    """Whether a smaller scale is the true one: a checkerboard's cells fit too, but less clearly."""
    return than < _CLEAR and 1 - sure < 0.7 * (1 - than)
