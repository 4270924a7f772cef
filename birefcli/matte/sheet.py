"""The separate things on a sheet: each with its fragments, its rectangle and its pivot."""

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import fmean

import cv2
import numpy as np
from numpy.typing import NDArray

from birefcli.image import Alpha, Labels, Mask
from birefcli.matte.morphology import Box
from birefcli.matte.sheet_cells import Lattice, cells, find_lattice

__all__ = ["Thing", "cells", "find_things"]

_FRAGMENT = 1 / 8  # of the area of a usual thing: smaller ones may belong to another
_SPECK = 1 / 400  # of the same: what is smaller and alone is dirt
_NEAR = 0.5  # of the gaps between things: how far away a fragment may be
_WHOLE = 0.9  # the share of a piece that lies in one cell of the grid it belongs to
_ONE = 0.7  # the share of what a cell shows that is in one piece
_MOST_ONE = 0.6  # of the cells must be so for a grid to tell what belongs together
_MOST_LARGE = 0.5  # of the cells must show something large
_CUT_PIECES = 0.25  # for each cell, more pieces than may lie in several
_FEWEST_CELLS = 4


@dataclass(frozen=True, eq=False)
class Thing:
    """One thing on a sheet."""

    box: Box
    mask: Mask  # (bottom - top, right - left): which pixels of the box are its own
    pivot: tuple[float, float]  # x and y in the sheet: the bottom centre of the box

    @property
    def area(self) -> int:
        """How many pixels it has."""
        return int(np.count_nonzero(self.mask))


def find_things(
    alpha: Alpha, *, merge_distance: float | None = None, min_area: int | None = None
) -> list[Thing]:
    """Return what stands apart on a sheet, by its alpha (H, W), in reading order.

    Pieces of one thing (sparks, eyes, a hat that floats) are merged: those of one cell where the
    sheet has a regular grid that tells things apart; else a small piece with the large one that
    is nearest, up to half the usual gap between large ones, and large ones within a quarter.
    `merge_distance` merges all that have no more empty pixels between them, and nothing else.
    What has fewer than `min_area` pixels is left out: as a rule 1/400 of a usual thing, at most 8.
    """
    count, numbered, stats, _ = cv2.connectedComponentsWithStats(
        (alpha > 0).astype(np.uint8), connectivity=8
    )
    if count == 1:
        return []
    pieces = np.asarray(numbered, np.int32)
    areas = np.asarray(stats[1:, cv2.CC_STAT_AREA], np.int64)
    usual = _usual(areas)
    lattice = find_lattice(pieces > 0) if merge_distance is None else None
    if lattice is not None and _tells_apart(lattice, pieces, usual):
        labels = _by_cell(lattice, pieces)
    else:
        lattice = None
        groups = _groups(areas, _gaps(pieces), usual, merge_distance)
        labels = np.append(0, groups + 1).astype(np.int32)[pieces]
    least = min(8.0, usual * _SPECK) if min_area is None else min_area
    things = _things(labels, least)
    return things if lattice is not None else _in_reading_order(things)


def _usual(areas: NDArray[np.int64]) -> float:
    """Return the area of a usual thing: half of all that is visible lies in larger pieces."""
    falling = np.sort(areas)[::-1]
    return float(falling[np.searchsorted(np.cumsum(falling), falling.sum() / 2)])


# Pieces of one cell


def _tells_apart(lattice: Lattice, pieces: Labels, usual: float) -> bool:
    """Whether most cells show one large piece and little else, and few pieces are cut by lines.

    A grid that is there by chance has rows of things in one cell, or parts of one in several.
    """
    is_one, is_large = [], []
    held = np.zeros(int(pieces.max()) + 1, np.int64)  # the most of a piece that one cell has
    for left, top, right, bottom in lattice.boxes():
        sizes = np.bincount(pieces[top:bottom, left:right].ravel(), minlength=held.size)
        sizes[0] = 0
        held = np.maximum(held, sizes)
        if sizes.any():
            is_one.append(sizes.max() >= _ONE * sizes.sum())
            is_large.append(sizes.max() >= _FRAGMENT * usual)
    areas = np.bincount(pieces.ravel())
    cut = np.count_nonzero(held[1:] < _WHOLE * areas[1:])
    return bool(
        len(is_one) >= _FEWEST_CELLS
        and np.mean(is_one) >= _MOST_ONE
        and np.mean(is_large) >= _MOST_LARGE
        and cut < _CUT_PIECES * len(is_one)
    )


def _by_cell(lattice: Lattice, pieces: Labels) -> Labels:
    """Number what is visible by its cell; pieces that touch over a line are parted there.

    A piece that only pokes over a line stays whole.
    """
    cell_of = np.zeros(pieces.shape, np.int32)
    for number, (left, top, right, bottom) in enumerate(lattice.boxes(), 1):
        cell_of[top:bottom, left:right] = number
    is_visible = pieces > 0
    pairs, counts = np.unique(
        np.stack([pieces[is_visible], cell_of[is_visible]]), axis=1, return_counts=True
    )
    whole = np.zeros(int(pieces.max()) + 1, np.int32)
    areas = np.bincount(pieces.ravel())
    is_home = counts >= _WHOLE * areas[pairs[0]]
    whole[pairs[0][is_home]] = pairs[1][is_home]
    labels = np.where(whole[pieces] > 0, whole[pieces], cell_of)
    return np.where(is_visible, labels, 0).astype(np.int32)


# Pieces by their distance


def _gaps(pieces: Labels) -> list[tuple[float, int, int]]:
    """Return (empty pixels between, piece, piece) of all neighbours, pieces counted from 0.

    Neighbours are pieces between which no third one is nearer, which is all that merging needs.
    """
    distance, numbers = cv2.distanceTransformWithLabels(
        (pieces == 0).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    owner_of = np.zeros(int(numbers.max()) + 1, np.int32)
    owner_of[numbers[pieces > 0]] = pieces[pieces > 0]
    owner = owner_of[numbers]
    found = []
    for a, b in (
        *((np.s_[:, 1:], np.s_[:, :-1]), (np.s_[1:], np.s_[:-1])),
        *((np.s_[1:, 1:], np.s_[:-1, :-1]), (np.s_[1:, :-1], np.s_[:-1, 1:])),
    ):
        is_border = owner[a] != owner[b]
        low, high = (
            np.minimum(owner[a], owner[b])[is_border],
            np.maximum(owner[a], owner[b])[is_border],
        )
        found.append(np.stack([distance[a][is_border] + distance[b][is_border], low, high]))
    gaps, low, high = np.concatenate(found, axis=1)
    order = np.lexsort((gaps, high, low))
    low, high, gaps = low[order], high[order], gaps[order]
    is_first = np.append(True, (np.diff(low) != 0) | (np.diff(high) != 0))[: len(low)]
    return sorted(
        (float(gap), int(i) - 1, int(j) - 1)
        for gap, i, j in zip(gaps[is_first], low[is_first], high[is_first], strict=True)
    )


def _groups(
    areas: NDArray[np.int64],
    gaps: list[tuple[float, int, int]],
    usual: float,
    merge_distance: float | None,
) -> NDArray[np.intp]:
    """Give every piece the number of its group: nearest first, as far as the distance allows."""
    parent = list(range(len(areas)))
    is_large = list(areas >= usual * _FRAGMENT)

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    near = _near(areas, gaps, is_large) if merge_distance is None else merge_distance
    for gap, i, j in gaps:
        a, b = root(i), root(j)
        limit = near / 2 if merge_distance is None and is_large[a] and is_large[b] else near
        if a != b and gap <= limit:
            parent[b] = a
            is_large[a] = is_large[a] or is_large[b]
    return np.unique([root(i) for i in range(len(areas))], return_inverse=True)[1]


def _near(
    areas: NDArray[np.int64], gaps: list[tuple[float, int, int]], is_large: list[bool]
) -> float:
    """Return how far a fragment may be from its thing: clearly less than things are apart."""
    nearest: dict[int, float] = {}
    for gap, i, j in gaps:
        if is_large[i] and is_large[j]:
            nearest.setdefault(i, gap)
            nearest.setdefault(j, gap)
    if nearest:
        return _NEAR * float(np.median(list(nearest.values())))
    # One large thing alone: what is within half its own extent is its own.
    return float(areas.max() ** 0.5) * _NEAR


# What comes out


def _things(labels: Labels, least: float) -> list[Thing]:
    """Describe every label that has enough pixels, in the order of the numbers."""
    things = []
    for number, (top, bottom, left, right) in _extents(labels):
        mask = labels[top:bottom, left:right] == number
        if np.count_nonzero(mask) >= least:
            things.append(
                Thing((left, top, right, bottom), mask, ((left + right) / 2, float(bottom)))
            )
    return things


def _extents(labels: Labels) -> Iterable[tuple[int, tuple[int, int, int, int]]]:
    """Give every number with its (top, bottom, left, right)."""
    y, x = np.nonzero(labels)
    numbers = labels[y, x]
    most = int(numbers.max()) + 1
    low = np.full((2, most), max(labels.shape), np.int64)
    high = np.zeros((2, most), np.int64)
    for axis, values in enumerate((y, x)):
        np.minimum.at(low[axis], numbers, values)
        np.maximum.at(high[axis], numbers, values + 1)
    for number in np.unique(numbers).tolist():
        yield (
            number,
            (
                *(int(low[0, number]), int(high[0, number])),
                *(int(low[1, number]), int(high[1, number])),
            ),
        )


def _in_reading_order(things: list[Thing]) -> list[Thing]:
    """Sort into rows that overlap by half of the lower one's height, then from left to right."""
    rows: list[list[Thing]] = []
    for thing in sorted(things, key=lambda thing: (thing.box[1] + thing.box[3], thing.box)):
        if rows:
            top = fmean(other.box[1] for other in rows[-1])
            bottom = fmean(other.box[3] for other in rows[-1])
            overlap = min(bottom, thing.box[3]) - max(top, thing.box[1])
            if overlap >= min(bottom - top, thing.box[3] - thing.box[1]) / 2:
                rows[-1].append(thing)
                continue
        rows.append([thing])
    return [thing for row in rows for thing in sorted(row, key=lambda thing: thing.box)]
