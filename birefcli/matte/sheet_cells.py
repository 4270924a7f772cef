"""The cells of a sprite sheet: told by the user, or found by the gaps between what it shows."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from birefcli.errors import UsageError
from birefcli.image import Alpha, Mask
from birefcli.matte.morphology import Box, Size

# In `--sheet AxB`, numbers from here on are the pixels of a cell, smaller ones columns and rows.
SMALLEST_CELL = 16
_SPEC = re.compile(r"(\d+)\s*[xX×]\s*(\d+)\s*(px|cells)?")
_FEWEST_PIXELS = 6  # sides of a cell that is looked for
_CUT = 0.1  # how much of what a line usually cuts may be cut by the lines of a grid
_FILLED = 0.6  # the share of cells that show something
_SPACINGS = (0, 1, 2)  # pixels between cells


@dataclass(frozen=True)
class Lattice:
    """A regular grid: so many columns and rows over a sheet, with `spacing` pixels between."""

    columns: int
    rows: int
    size: Size
    spacing: tuple[int, int] = (0, 0)  # across and down

    def boxes(self) -> list[Box]:
        """Return every cell in reading order."""
        across = _spans(self.size[1], self.columns, self.spacing[0])
        down = _spans(self.size[0], self.rows, self.spacing[1])
        return [(left, top, right, bottom) for top, bottom in down for left, right in across]


def cells(size: Size, spec: str, alpha: Alpha) -> list[Box]:
    """Return the cells of a sheet of (height, width) in reading order, empty ones too.

    `8x4` is columns x rows, `32x32` the width x height of a cell: both numbers from 16 on are
    pixels. `20x16cells` and `8x8px` say it outright. `auto` finds the grid by the gaps in alpha
    (H, W), and where there is no regular one cuts in the middle of the empty rows and columns.
    Raise UsageError for a spec that fits no sheet of that size.
    """
    if spec == "auto":
        lattice = find_lattice(alpha > 0)
        return lattice.boxes() if lattice is not None else _between_gaps(alpha > 0)
    across, down, unit = read_spec(spec)
    height, width = size
    if across > width or down > height:
        raise UsageError(f"a sheet of {width}x{height} pixels has no cells of {spec}")
    is_pixels = unit == "px" or (not unit and min(across, down) >= SMALLEST_CELL)
    if not is_pixels:
        return Lattice(across, down, size).boxes()
    return [
        (left, top, min(left + across, width), min(top + down, height))
        for top in range(0, height, down)
        for left in range(0, width, across)
        # A rest at the end that shows nothing is no cell.
        if (left + across <= width and top + down <= height)
        or alpha[top : top + down, left : left + across].any()
    ]


def read_spec(spec: str) -> tuple[int, int, str]:
    """Read `20x16cells` as two numbers and a unit; the unit may be missing.

    Raise UsageError for what is none.
    """
    match = _SPEC.fullmatch(spec.strip())
    if match is None or not (int(match[1]) and int(match[2])):
        raise UsageError(
            f"{spec!r} is no sheet; write columns x rows (8x4), the pixels of a cell (32x32px)"
            " or auto"
        )
    return int(match[1]), int(match[2]), match[3] or ""


def find_lattice(visible: Mask) -> Lattice | None:
    """Find the regular grid whose lines run between what is visible (H, W); None if there is none.

    Of the grids that fit it is the one of most cells, as long as most of them show something.
    """
    height, width = visible.shape
    found = [
        (columns * rows, -abs(width / columns - height / rows), gap_x, gap_y, columns, rows)
        for columns, gap_x in _fitting(visible)
        for rows, gap_y in _fitting(visible.T)
        if columns * rows > 1 and (gap_x == gap_y or 1 in (columns, rows))
        if max(width * rows, height * columns) <= 4 * min(width * rows, height * columns)
    ]
    for _, _, gap_x, gap_y, columns, rows in sorted(found, key=lambda f: f[:2], reverse=True):
        lattice = Lattice(columns, rows, (height, width), (gap_x, gap_y))
        filled = [visible[t:b, left:right].any() for left, t, right, b in lattice.boxes()]
        if np.mean(filled) >= _FILLED:
            return lattice
    return None


def _fitting(visible: Mask) -> Iterator[tuple[int, int]]:
    """Give the numbers of columns whose lines cut next to nothing, with the pixels between them."""
    width = visible.shape[1]
    yield 1, 0
    both = np.count_nonzero(visible[:, 1:] & visible[:, :-1], axis=0)  # cut by a line after x
    usual = both.mean() if both.size else 0.0
    for spacing in _SPACINGS:
        for columns in range(2, (width + spacing) // _FEWEST_PIXELS + 1):
            if (width + spacing) % columns:
                continue
            ends = np.arange(1, columns) * ((width + spacing) // columns)
            if spacing:
                between = ends[:, None] - 1 - np.arange(spacing)
                is_fitting = not visible[:, between.ravel()].any()
            else:
                is_fitting = both[ends - 1].mean() <= _CUT * usual
            if is_fitting:
                yield columns, spacing


def _spans(length: int, count: int, spacing: int) -> list[tuple[int, int]]:
    """Divide a length evenly, as far as whole pixels allow; give the begin and end of each part."""
    ends = [round(i * (length + spacing) / count) for i in range(count + 1)]
    return [(a, b - spacing) for a, b in pairwise(ends)]


def _between_gaps(visible: Mask) -> list[Box]:
    """Cut in the middle of every empty band of rows, then of the empty columns of each strip."""
    height, width = visible.shape
    boxes = []
    down = _middles(np.any(visible, axis=1))
    for top, bottom in zip([0, *down], [*down, height], strict=True):
        across = _middles(visible[top:bottom].any(axis=0))
        for left, right in zip([0, *across], [*across, width], strict=True):
            boxes.append((left, top, right, bottom))
    return boxes


def _middles(filled: NDArray[np.bool_] | np.bool_) -> list[int]:
    """Return the middle of every gap that has something on both sides."""
    places = np.flatnonzero(filled)
    gaps = np.flatnonzero(np.diff(places) > 1)
    return [int(places[i] + 1 + places[i + 1]) // 2 for i in gaps]
