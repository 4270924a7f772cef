"""Splitting a matte into what nothing covers and what is covered."""

import cv2
import numpy as np
from numpy.typing import NDArray

from birefcli.image import Mask, Matte, rescale
from birefcli.peeling.geometry import disk_kernel, extend_labels, working_size
from birefcli.peeling.order.cues import front_cue
from birefcli.peeling.thresholds import (
    COVERED_MEAN,
    COVERED_SHARE,
    COVERED_SIDE,
    COVERED_STEP,
    COVERED_STRIP,
    SUPPORT,
)


def split_covered(matte: Matte, front: Matte, least: float) -> tuple[Matte, ...]:
    """Part a matte (H, W) in what nothing covers and what is covered; one matte if all is one.

    `front` (H, W) is the matte of what nothing covers. A connected part is parted where that falls
    in one step from one side to the other, which it leaves out; both sides have at least `least`
    pixels.
    """
    support = matte > SUPPORT
    covered = support & _covered_at_working_size(support, front, least)
    if not covered.any() or covered[support].all():
        return (matte,)
    # What is soft belongs to the side it is nearest to.
    sides = extend_labels(np.where(covered, 2, support).astype(np.int32), ~support)
    return tuple(np.where(sides == side, matte, np.float32(0)) for side in (1, 2))


def _covered_at_working_size(support: Mask, front: Matte, least: float) -> Mask:
    """Find what is covered; of a large picture in a small copy, as networks see no more of it."""
    size = (support.shape[0], support.shape[1])
    factor, small = working_size(size, COVERED_SIDE)
    if factor <= 1:
        return _covered(support, front, least)
    part = rescale(support.astype(np.float32), small) > 0.5
    found = _covered(part, rescale(front, small), least / factor**2)
    return rescale(found.astype(np.float32), size) > 0.5


def _covered(support: Mask, front: Matte, least: float) -> Mask:
    """Find what of a support (H, W) something lies over, one connected part after another."""
    radius = max(1, round(COVERED_STRIP * max(support.shape)))
    kernel = disk_kernel(radius)
    count, parts = cv2.connectedComponents(support.astype(np.uint8), connectivity=8)
    found = np.zeros(support.shape, np.bool_)
    for number in range(1, count):
        part = parts == number
        if part.sum() < 2 * least:
            continue
        enough = max(least, COVERED_SHARE * part.sum())
        is_high = front > _otsu(front[part])
        high = _large_parts(_opened(part & is_high, kernel), enough)
        low = _large_parts(_opened(part & ~is_high, kernel), enough)
        if not high.any() or not low.any():
            continue
        sides = np.where(low, 2, high).astype(np.int32)
        sides = extend_labels(sides, sides == 0)
        near, far = part & (sides == 1), part & (sides == 2)
        step = front_cue(near, far, front, 2 * (radius + 1))
        if step > COVERED_STEP and front[far].mean() <= COVERED_MEAN:
            found |= far
    return found


def _otsu(values: NDArray[np.float32]) -> float:
    """Give the value that parts others, 0…1, in two groups that differ most: Otsu, 1979."""
    levels = np.rint(values * 255).astype(np.uint8)
    return cv2.threshold(levels, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)[0] / 255


def _opened(mask: Mask, kernel: NDArray[np.uint8]) -> Mask:
    """Take away what is narrower than a kernel."""
    return np.asarray(cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, kernel) > 0)


def _large_parts(mask: Mask, least: float) -> Mask:
    """Keep the connected parts of at least so many pixels."""
    _, parts = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    sizes = np.bincount(parts.ravel())
    is_large = sizes >= least
    is_large[0] = False
    return np.asarray(is_large[parts])
