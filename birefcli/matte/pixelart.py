"""Pixel art: tell it from photographs, find its grid, and decide its pixels by their colours."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from birefcli.image import Matte, Rgb, looks_hard
from birefcli.matte import pixel_grid

_FEW_COLORS = 256
_LARGEST_NATIVE = 512  # pixels of a side
_BAND = 8  # pixels on both sides of a matte's outline that are decided again
_AROUND = 16  # pixels around the object that tell the colours of the ground
_LOOKS = 8
_SURE = 2.5  # of the odds' logarithm, the most that a matte says about a pixel
_TELLING = 4.0  # the same for its colour
_BY_MATTE, _BY_COLOR, _BY_NEIGHBORS = 0.6, 1.5, 2.0
_UNSEEN = 2.0  # pixels of each colour that are taken as seen beforehand, on both sides together


@dataclass(frozen=True)
class Grid:
    """Where the cells of enlarged art lie: their side, and the first one's corner."""

    step: int = 1
    left: int = 0
    top: int = 0

    def native(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return one pixel of every cell of a picture (H, W, C), those cut off by the frame too."""
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


NATIVE = Grid()


def find_grid(picture: NDArray[np.uint8]) -> Grid | None:
    """Find the largest grid whose cells (of H, W, C) have one colour each; None if none has.

    Only pictures (H, W, 3 or 4) of at most 256 colours are looked at, enlarged exactly or not.
    """
    colors = _count_colors(picture)
    if colors > _FEW_COLORS:
        return None
    found = pixel_grid.find_exact_grid(picture)
    if found and max(picture.shape[:2]) <= _LARGEST_NATIVE * found.scale:
        return _as_grid(found)
    return Grid() if max(picture.shape[:2]) <= 256 and colors <= 64 else None


def art_grid(rgb: Rgb) -> Grid | None:
    """Return the grid of pixel art, uint8 (H, W, 3), enlarged or not; None for anything else.

    Enlarged art may have any number of colours, and have been enlarged bilinearly or be a JPEG.
    """
    found = pixel_grid.find_enlarged_grid(rgb)
    if found and found.confidence >= pixel_grid.CONFIDENT:
        return _as_grid(found)
    return NATIVE if looks_hard(rgb) else None


def _as_grid(found: pixel_grid.PixelGrid) -> Grid:
    """Give a found grid as its step and first corner."""
    return Grid(found.scale, *found.offset)


def decided_by_color(rgb: Rgb, matte: Matte) -> Matte:
    """Give a matte of 0 and 1 (H, W), its outline moved to where the art's own colours change.

    Art of few colours uses them for one side or the other: a dark outline is the object's where
    the ground has no such colour. Near its outline every pixel weighs the matte, how often its
    colour is seen on either side, and its neighbours, again and again. What is cut off from the
    object thereby goes.
    """
    support = matte > 0.5
    if not support.any() or support.all():
        return support.astype(np.float32)
    outside = cv2.distanceTransform((~support).astype(np.uint8), cv2.DIST_C, 3)
    inside = cv2.distanceTransform(support.astype(np.uint8), cv2.DIST_C, 3)
    is_near, is_open = outside <= _AROUND, (outside <= _BAND) & (inside <= _BAND)
    known = np.clip(matte, 0.02, 0.98).astype(np.float64)
    told = _BY_MATTE * np.clip(np.log(known / (1 - known)), -_SURE, _SURE)
    share = np.where(is_open, known, support)
    colors = _numbered_colors(rgb)
    for _ in range(_LOOKS):
        by_color = np.clip(_odds(colors, share, is_near), -_TELLING, _TELLING)[colors]
        around = cv2.blur(share, (3, 3), borderType=cv2.BORDER_REPLICATE) - 0.5
        odds = told + _BY_COLOR * by_color + 2 * _BY_NEIGHBORS * around
        share = np.where(is_open, 1 / (1 + np.exp(-odds)), share)
    found = share > 0.5
    _, parts = cv2.connectedComponents(found.astype(np.uint8), connectivity=8)
    stays = np.zeros(int(parts.max()) + 1, bool)
    stays[parts[found & (inside > 1)]] = True
    return np.where(found & stays[parts], np.float32(1), np.float32(0))


def decided_on_grid(rgb: Rgb, matte: Matte, grid: Grid) -> Matte:
    """Return a matte of 0 and 1 (H, W) that is decided at the art's own size, cell by cell."""
    if grid.step == 1:
        return decided_by_color(rgb, matte)
    mean = cv2.blur(matte, (grid.step, grid.step), borderType=cv2.BORDER_REPLICATE)
    small = grid.native(np.rint(mean[..., None] * 255).astype(np.uint8))[..., 0]
    decided = decided_by_color(grid.native(rgb), np.asarray(small / np.float32(255), np.float32))
    height, width = matte.shape
    return np.asarray(
        grid.enlarged(decided[..., None].astype(np.uint8), (height, width))[..., 0], np.float32
    )


def _odds(
    colors: NDArray[np.intp], share: NDArray[np.float64], where: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Give for every colour the logarithm of how much more of the object has it than of the ground.

    A colour that is hardly seen says nothing.
    """
    count = int(colors.max()) + 1
    own = np.bincount(colors[where], share[where], count)
    others = np.bincount(colors[where], 1 - share[where], count)
    part = own.sum() / max(float(own.sum() + others.sum()), 1e-9)
    part = float(np.clip(part, 1e-3, 1 - 1e-3))
    seen = (own + _UNSEEN * part) / (others + _UNSEEN * (1 - part))
    return np.asarray(np.log(seen) - np.log(part / (1 - part)), np.float64)


def _numbered_colors(rgb: Rgb) -> NDArray[np.intp]:
    """Number the colours of a picture (H, W), those that differ by under eight levels alike."""
    packed = (rgb >> 3).astype(np.int64) @ np.array([1024, 32, 1])
    return np.unique(packed, return_inverse=True)[1].reshape(packed.shape)


def _count_colors(picture: NDArray[np.uint8]) -> int:
    """Count the colours, giving up above 256 as soon as a sample of the rows shows it."""
    shifts = 256 ** np.arange(picture.shape[2], dtype=np.uint32)
    packed = picture.astype(np.uint32) @ shifts
    sample = np.unique(packed[:: max(1, len(packed) // 32)])
    return len(sample) if len(sample) > 256 else len(np.unique(packed))
