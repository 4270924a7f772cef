"""Amodal completion: how the outlines of what is covered go on behind it, shape before colour."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from birefcli.image import Labels, Mask
from birefcli.peeling.geometry import SQUARE, disk_kernel, extend_labels, grown, hull
from birefcli.peeling.thresholds import (
    CURVE_ENDS,
    CURVE_POINTS,
    CURVE_PULL,
    DISTANCE_COST,
    HEADING_AGREEMENT,
    HEADING_NEAR,
    HEADING_PIXELS,
    HEADING_REACH,
    HEADING_REACH_MOST,
    MOST_CROSSED,
    MOST_ENDS,
    NARROW_GAP,
    REFERENCE_SIDE,
)

_Point = NDArray[np.float64]  # (x, y)

_OPEN = np.iinfo(np.int32).min  # nobody's label


@dataclass(frozen=True, eq=False)
class _End:
    """Where an outline goes under something, and its direction there."""

    at: _Point
    heading: _Point


def complete_labels(labels: Labels, hole: Mask) -> Labels:
    """Say who owns every pixel of a hole (H, W): outlines that end at it are led on through it.

    Where an outline's ends find no partner, a pixel belongs to the nearest owner. Outside the hole
    labels stay; a hole that is all of the picture gets 0.
    """
    near = extend_labels(labels, hole)
    if hole.all() or not hole.any():
        return near
    asked = hole
    hole = hole | _narrow_gaps(labels, hole)
    reach = HEADING_REACH * min(hole.shape) / REFERENCE_SIDE
    reach = float(np.clip(reach, HEADING_REACH, HEADING_REACH_MOST))
    near = extend_labels(labels, hole)
    rim = grown(hole) & ~hole
    curves = np.zeros(hole.shape, np.uint8)
    numbers = [int(number) for number in np.unique(labels[rim]) if number > 0]
    for number in numbers:
        for one, other in _paired(_ends(labels == number, hole, reach)):
            points = _curve(one, other)
            if not _crosses(points, labels == number):
                fixed = np.rint(points * 16).astype(np.int32)  # OpenCV takes sixteenths here
                cv2.polylines(curves, [fixed], False, 1, 2, cv2.LINE_8, shift=4)
    if not curves.any():
        return np.where(asked, near, labels).astype(np.int32)
    found = _flooded(labels, near, hole, curves > 0)
    for number in numbers:
        # What lies between the visible parts of an object is not taken from it.
        found = np.where(hole & (near == number) & hull(labels == number), number, found)
    return np.where(asked, found, labels).astype(np.int32)


def _narrow_gaps(labels: Labels, hole: Mask) -> Mask:
    """Find the ground in narrow gaps between a hole and an object beside it."""
    kernel = disk_kernel(max(1, round(NARROW_GAP * min(hole.shape))))
    taken = (hole | (labels > 0)).astype(np.uint8)
    closed = cv2.morphologyEx(taken, cv2.MORPH_CLOSE, kernel) > 0
    near = cv2.dilate(hole.astype(np.uint8), kernel) > 0
    return np.asarray(closed & (taken == 0) & near, np.bool_)


def _flooded(labels: Labels, near: Labels, hole: Mask, curves: Mask) -> Labels:
    """Give every part of a hole between curves to the owner it has most of its rim with."""
    _, parts = cv2.connectedComponents((hole & ~curves).astype(np.uint8), connectivity=4)
    result = np.where(hole & (parts == 0), _OPEN, near)
    rows, columns = np.nonzero(hole & (parts > 0))
    height, width = hole.shape
    touched: dict[int, dict[int, int]] = {}
    for dy, dx in ((0, 1), (1, 0), (0, -1), (-1, 0)):
        y, x = np.clip(rows + dy, 0, height - 1), np.clip(columns + dx, 0, width - 1)
        is_rim = ~hole[y, x]
        pairs = np.stack([parts[rows, columns][is_rim], labels[y, x][is_rim]], axis=1)
        for (part, owner), count in zip(*np.unique(pairs, axis=0, return_counts=True), strict=True):
            counts = touched.setdefault(int(part), {})
            counts[int(owner)] = counts.get(int(owner), 0) + int(count)
    for part, counts in touched.items():
        result[hole & (parts == part)] = max(counts, key=lambda owner: (counts[owner], -owner))
    return extend_labels(result.astype(np.int32), result == _OPEN)


def _ends(owner: Mask, hole: Mask, reach: float) -> list[_End]:
    """Find where the outline of an owner (H, W) meets a hole, and which way it goes on."""
    outline = owner & grown(~owner & ~hole)
    meets = outline & grown(hole)
    joined = cv2.dilate(meets.astype(np.uint8), SQUARE)
    count, groups = cv2.connectedComponents(joined, connectivity=8)
    found = []
    y, x = np.nonzero(outline)
    for number in range(1, count):
        middle_y, middle_x = np.nonzero(meets & (groups == number))
        if not len(middle_x):
            continue
        at = np.array([middle_x.mean(), middle_y.mean()])
        steps = np.stack([x - at[0], y - at[1]], axis=1)
        away = np.hypot(steps[:, 0], steps[:, 1])
        branch = steps[(away > HEADING_NEAR) & (away <= reach)]
        if len(branch) < HEADING_PIXELS:
            continue
        mean = -(branch / np.hypot(branch[:, 0], branch[:, 1])[:, None]).mean(axis=0)
        if np.hypot(*mean) > HEADING_AGREEMENT:
            found.append(_End(at, mean / np.hypot(*mean)))
    return found


def _paired(ends: Sequence[_End]) -> list[tuple[_End, _End]]:
    """Pair the ends whose curves bend least; of an odd number one is left over."""
    if not 2 <= len(ends) <= MOST_ENDS:
        return []
    every = list(range(len(ends)))
    left_over = [[n for n in every if n != one] for one in every] if len(ends) % 2 else [every]
    best = min(
        (pairing for left in left_over for pairing in _pairings(left)),
        key=lambda p: sum(_bend(ends[a], ends[b]) for a, b in p),
    )
    return [(ends[a], ends[b]) for a, b in best]


def _pairings(left: list[int]) -> list[list[tuple[int, int]]]:
    """List every way to pair some numbers."""
    if not left:
        return [[]]
    first, rest = left[0], left[1:]
    return [
        [(first, other), *more]
        for other in rest
        for more in _pairings([n for n in rest if n != other])
    ]


def _bend(one: _End, other: _End) -> float:
    """Measure how far both ends must turn to meet, and how far they are apart."""
    chord = other.at - one.at
    length = float(np.hypot(*chord)) + 1e-6
    turn = 2 - float(one.heading @ chord) / length + float(other.heading @ chord) / length
    return turn + DISTANCE_COST * length


def _curve(one: _End, other: _End) -> NDArray[np.float64]:
    """Draw a cubic curve (N, 2) that leaves both ends the way they were heading."""
    pull = CURVE_PULL * float(np.hypot(*(other.at - one.at)))
    t = np.linspace(0, 1, CURVE_POINTS)[:, None]
    first, second = one.at + pull * one.heading, other.at + pull * other.heading
    return np.asarray(
        (1 - t) ** 3 * one.at
        + 3 * (1 - t) ** 2 * t * first
        + 3 * (1 - t) * t**2 * second
        + t**3 * other.at
    )


def _crosses(points: NDArray[np.float64], owner: Mask) -> bool:
    """Whether a curve runs through what is seen of an owner, so that it is no outline of it."""
    x, y = np.rint(points[CURVE_ENDS:-CURVE_ENDS]).astype(int).T
    is_inside = (x >= 0) & (y >= 0) & (x < owner.shape[1]) & (y < owner.shape[0])
    return bool(owner[y[is_inside], x[is_inside]].sum() > MOST_CROSSED * len(x))
