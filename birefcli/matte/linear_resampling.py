"""Bilinear enlargement by a whole factor, and the way back."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_TOWARDS_NEIGHBOR = 1e-5  # keeps cells determined that hardly show


@dataclass(frozen=True)
class LinearSteps:
    """How the pixels of a line mix the cells before and after them.

    A pixel's place among the cells' centres is (x - start + 1/2) / scale - 1/2, as in Pillow and
    OpenCV: pixel x is (1 - part) of cell `before` and `part` of the next.
    """

    before: NDArray[np.intp]  # for every pixel, counted from the first cell that shows
    part: NDArray[np.float64]
    first: int  # the number of the first cell of the grid among them

    @classmethod
    def along(cls, length: int, scale: int, start: int) -> "LinearSteps":
        """Return the steps of a line of pixels whose first whole cell begins at `start`."""
        place = (np.arange(length) - start + 0.5) / scale - 0.5
        before = np.floor(place).astype(np.intp)
        return cls(before - before[0], place - before, -(start > 0) - int(before[0]))

    @property
    def count(self) -> int:
        """How many cells show, the neighbours beyond both ends included."""
        return int(self.before[-1]) + 2

    def render(self, cells: NDArray[np.float64]) -> NDArray[np.float64]:
        """Enlarge cells (count, …) to pixels (length, …)."""
        part = self.part.reshape(-1, *[1] * (cells.ndim - 1))
        return np.asarray((1 - part) * cells[self.before] + part * cells[self.before + 1])

    def invert(self, pixels: NDArray[np.float64]) -> NDArray[np.float64]:
        """Find the cells (count, …) that give pixels (length, …) with the least squared error."""
        part = self.part.reshape(-1, *[1] * (pixels.ndim - 1))
        starts = np.flatnonzero(np.diff(self.before, prepend=-1))
        right = np.zeros((self.count, *pixels.shape[1:]))
        right[:-1] += np.add.reduceat((1 - part) * pixels, starts, axis=0)
        right[1:] += np.add.reduceat(part * pixels, starts, axis=0)
        middle = np.zeros(self.count)
        middle[:-1] += np.add.reduceat((1 - self.part) ** 2, starts) + _TOWARDS_NEIGHBOR
        middle[1:] += np.add.reduceat(self.part**2, starts) + _TOWARDS_NEIGHBOR
        beside = np.add.reduceat((1 - self.part) * self.part, starts) - _TOWARDS_NEIGHBOR
        return _solve_tridiagonal(middle, beside, right)


def _solve_tridiagonal(
    middle: NDArray[np.float64], beside: NDArray[np.float64], right: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Solve a symmetric tridiagonal system for many right sides (n, …): the Thomas algorithm."""
    middle, solved = middle.copy(), right.copy()
    for i in range(1, len(middle)):
        factor = beside[i - 1] / middle[i - 1]
        middle[i] -= factor * beside[i - 1]
        solved[i] -= factor * solved[i - 1]
    solved[-1] /= middle[-1]
    for i in range(len(middle) - 2, -1, -1):
        solved[i] = (solved[i] - beside[i] * solved[i + 1]) / middle[i]
    return solved
