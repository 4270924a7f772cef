"""What lies behind: where a thing is seen, but not among what nothing covers."""

import cv2
import numpy as np
from numpy.typing import NDArray

from birefcli.image.types import Mask, Matte, rescale
from birefcli.peel.instances.instance import extend_labels
from birefcli.peel.order.cues import front_cue

_BEHIND = 0.4  # mean of the matte of what nothing covers, up to which it leaves a side out
_STEP = 0.5  # by which that matte falls where what is covered begins; doubt fades
_LEAST_SHARE = 0.05  # of a connected part, for each side of it
_WORK_SIDE = 1280  # pixels of the longer side that large pictures are looked at in
_ROUGH = 0.01  # of the picture's longer side: thinner strips are how two mattes differ at edges


def split_covered(matte: Matte, front: Matte, least: float) -> tuple[Matte, ...]:
    """Part a matte (H, W) in what nothing covers and what lies behind, one where all is one.

    `front` is the matte of what is uncovered. A connected part is parted where that falls in one
    step from one side of it to the other, which it leaves out, both of at least so many pixels.
    """
    support = matte > 0.5
    covered = support & _small_or_whole(support, front, least)
    if not covered.any() or covered[support].all():
        return (matte,)
    # What is soft belongs to the side it is nearest to.
    sides = extend_labels(np.where(covered, 2, support).astype(np.int32), ~support)
    return tuple(np.where(sides == side, matte, np.float32(0)) for side in (1, 2))


def _small_or_whole(support: Mask, front: Matte, least: float) -> Mask:
    """Find what is covered; of a large picture in a small copy, as networks see no more of it."""
    size = (support.shape[0], support.shape[1])
    factor = max(size) / _WORK_SIDE
    if factor <= 1:
        return _is_covered(support, front, least)
    small = max(1, round(size[0] / factor)), max(1, round(size[1] / factor))
    part = rescale(support.astype(np.float32), small) > 0.5
    found = _is_covered(part, rescale(front, small), least / factor**2)
    return rescale(found.astype(np.float32), size) > 0.5


def _is_covered(support: Mask, front: Matte, least: float) -> Mask:
    """Find what of a support (H, W) something lies over, one connected part after another."""
    radius = max(1, round(_ROUGH * max(support.shape)))
    ball = np.asarray(
        cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1)), np.uint8
    )
    count, parts = cv2.connectedComponents(support.astype(np.uint8), connectivity=8)
    found = np.zeros(support.shape, np.bool_)
    for number in range(1, count):
        part = parts == number
        if part.sum() < 2 * least:
            continue
        enough = max(least, _LEAST_SHARE * part.sum())
        is_high = front > _between(front[part])
        high = _large(_opened(part & is_high, ball), enough)
        low = _large(_opened(part & ~is_high, ball), enough)
        if not high.any() or not low.any():
            continue
        sides = np.where(low, 2, high).astype(np.int32)
        sides = extend_labels(sides, sides == 0)
        near, far = part & (sides == 1), part & (sides == 2)
        step = front_cue(near, far, front, 2 * (radius + 1))
        if step > _STEP and front[far].mean() <= _BEHIND:
            found |= far
    return found


def _between(values: NDArray[np.float32]) -> float:
    """Give the value that parts others, 0…1, in two groups that differ most: Otsu, 1979."""
    levels = np.rint(values * 255).astype(np.uint8)
    return cv2.threshold(levels, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)[0] / 255


def _opened(mask: Mask, ball: NDArray[np.uint8]) -> Mask:
    return np.asarray(cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, ball) > 0)


def _large(mask: Mask, least: float) -> Mask:
    """Keep the connected parts of at least so many pixels."""
    _, parts = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    sizes = np.bincount(parts.ravel())
    is_large = sizes >= least
    is_large[0] = False
    return np.asarray(is_large[parts])
