"""What sort of picture it is: pixel art on a grid, flat graphics, or a photograph."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from birefcli.arrays import Rgb
from birefcli.peel.stack import Kind
from birefcli.peelsettings import PeelKind

LARGEST_GRID = 16
_CONSTANT = 0.995  # of the cells
_EVEN = 0.7  # of the pixels, that shade without a bend
_SMALLEST_NATIVE = 8  # sides of art that was enlarged


@dataclass(frozen=True)
class Grid:
    """Where the cells of enlarged art lie: their side, and the first one's corner."""

    step: int = 1
    left: int = 0
    top: int = 0

    def native(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Take one pixel of every cell (H, W, C), those cut off by the frame too."""
        rows, columns = self._cells(picture.shape[0], picture.shape[1])
        _, first_row = np.unique(rows, return_index=True)
        _, first_column = np.unique(columns, return_index=True)
        # The middle of a cell, as far as the frame leaves one.
        middle = self.step // 2
        y = np.minimum(first_row + middle, np.append(first_row[1:], len(rows)) - 1)
        x = np.minimum(first_column + middle, np.append(first_column[1:], len(columns)) - 1)
        return np.ascontiguousarray(picture[y][:, x])

    def enlarged(self, art: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
        """Repeat every pixel of the art over its cell, in a picture of (height, width)."""
        rows, columns = self._cells(*size)
        return np.ascontiguousarray(art[rows][:, columns])

    def _cells(self, height: int, width: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Number the cell of every row and column from 0."""
        rows = (np.arange(height) - self.top) // self.step
        columns = (np.arange(width) - self.left) // self.step
        return rows - rows[0], columns - columns[0]


@dataclass(frozen=True)
class Sort:
    """A picture's kind and its grid."""

    kind: Kind
    grid: Grid = Grid()


def sort_of(picture: NDArray[np.uint8], asked: PeelKind, *, is_jpeg: bool) -> Sort:
    """Tell what sort of picture (H, W, 3 or 4) this is, or take the word for it."""
    if asked in (PeelKind.AUTO, PeelKind.PIXEL):
        grid = find_grid(picture)
        if grid is not None:
            return Sort(Kind.PIXEL, grid)
        if asked == PeelKind.PIXEL:
            return Sort(Kind.PIXEL)
    if asked == PeelKind.AUTO:
        return Sort(Kind.FLAT if is_flat(picture[..., :3], is_jpeg=is_jpeg) else Kind.PHOTO)
    return Sort(Kind(asked.value))


def find_grid(picture: NDArray[np.uint8]) -> Grid | None:
    """Find the largest grid whose cells have one colour each; None if it is not pixel art."""
    colors = _count_colors(picture)
    height, width = picture.shape[:2]
    if colors > 256:
        return None
    changes_x = np.any(picture[:, 1:] != picture[:, :-1], axis=-1)
    changes_y = np.any(picture[1:] != picture[:-1], axis=-1)
    for step in range(min(LARGEST_GRID, min(height, width) // _SMALLEST_NATIVE), 1, -1):
        if max(height, width) > 512 * step:
            continue
        left, top = _offset(changes_x.sum(0), step), _offset(changes_y.sum(1), step)
        if _constant_share(changes_x, changes_y, (height, width), step, left, top) >= _CONSTANT:
            return Grid(step, left, top)
    return Grid() if max(height, width) <= 256 and colors <= 64 else None


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


def _count_colors(picture: NDArray[np.uint8]) -> int:
    """Count the colours, giving up above 256 as soon as a sample of the rows shows it."""
    shifts = 256 ** np.arange(picture.shape[2], dtype=np.uint32)
    packed = picture.astype(np.uint32) @ shifts
    sample = np.unique(packed[:: max(1, len(packed) // 32)])
    return len(sample) if len(sample) > 256 else len(np.unique(packed))


def _offset(changes: NDArray[np.intp], step: int) -> int:
    """Find where cells begin: at the lines that most changes lie on."""
    at = np.arange(1, len(changes) + 1) % step
    counts = np.bincount(at, weights=changes, minlength=step)
    return int(np.argmax(counts))


def _constant_share(
    changes_x: NDArray[np.bool_],
    changes_y: NDArray[np.bool_],
    size: tuple[int, int],
    step: int,
    left: int,
    top: int,
) -> float:
    """Give the share of cells within which no colour changes."""
    height, width = size
    rows, columns = (np.arange(height) - top) // step, (np.arange(width) - left) // step
    rows, columns = rows - rows[0], columns - columns[0]
    is_mixed = np.zeros((rows[-1] + 1, columns[-1] + 1), bool)
    y, x = np.nonzero(changes_x & (columns[1:] == columns[:-1]))
    is_mixed[rows[y], columns[x]] = True
    y, x = np.nonzero(changes_y & (rows[1:] == rows[:-1])[:, None])
    is_mixed[rows[y], columns[x]] = True
    return 1 - float(is_mixed.mean())
