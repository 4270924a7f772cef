"""T-junctions: where the shared border of two regions ends, and whose outline goes straight on.

The outline of what is in front continues, and that of what is behind it stops there:
Rezaeirowshan, Ballester and Haro, "Monocular Depth Ordering Using Perceptual Occlusion Cues", 2016.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from birefcli.image import Mask
from birefcli.peeling.geometry import SQUARE, grown
from birefcli.peeling.thresholds import JUNCTION_FAR, JUNCTION_NEAR, LEAST_BRANCH

_Point = NDArray[np.float64]  # (x, y)


@dataclass(frozen=True)
class Junction:
    """A place where the shared border of two regions meets a third one."""

    ours: float  # how straight the first one's outline goes on along the border, -1…1
    theirs: float  # the same of the second's
    past: float  # how straight the outline of both goes past the border's end

    @property
    def vote(self) -> float:
        """Above 0 the first one's outline is the straighter one; -2…2."""
        return self.ours - self.theirs

    @property
    def is_marking(self) -> bool:
        """Whether the border just ends at one outline, as a stripe does, and hides nothing."""
        return self.past > max(self.ours, self.theirs)


def find_junctions(a: Mask, b: Mask, farthest: float = JUNCTION_FAR) -> list[Junction]:
    """Find the ends of the border that two regions (H, W) share, where all branches are clear.

    Branches are read up to `farthest` pixels from the end.
    """
    third = ~(a | b)
    grown_a, grown_b, grown_third = grown(a), grown(b), grown(third)
    border = (a & grown_b) | (b & grown_a)
    found = []
    for centre in _clusters(border & grown_third):
        shared = _direction(border, centre, farthest)
        ours = _direction(a & grown_third & ~grown_b, centre, farthest)
        theirs = _direction(b & grown_third & ~grown_a, centre, farthest)
        if shared is not None and ours is not None and theirs is not None:
            found.append(
                Junction(-float(shared @ ours), -float(shared @ theirs), -float(ours @ theirs))
            )
    return found


def _clusters(mask: Mask) -> Sequence[_Point]:
    """Give the middles of groups of pixels that lie within two pixels of one another."""
    joined = cv2.dilate(mask.astype(np.uint8), SQUARE)
    count, numbered = cv2.connectedComponents(joined, connectivity=8)
    numbered = np.where(mask, numbered, 0)
    y, x = np.nonzero(numbered)
    groups = numbered[y, x]
    sizes = np.maximum(np.bincount(groups, minlength=count), 1)
    middle_x = np.bincount(groups, weights=x, minlength=count) / sizes
    middle_y = np.bincount(groups, weights=y, minlength=count) / sizes
    return [np.array([middle_x[n], middle_y[n]]) for n in range(1, count)]


def _direction(mask: Mask, centre: _Point, farthest: float) -> _Point | None:
    """Give the mean direction in which a branch leaves a junction; None where it is too short."""
    reach = int(np.ceil(farthest)) + 1
    left, top = (max(0, int(v) - reach) for v in centre)
    right, bottom = (int(v) + reach + 1 for v in centre)
    y, x = np.nonzero(mask[top:bottom, left:right])
    steps = np.stack([x + left - centre[0], y + top - centre[1]], axis=1)
    length = np.hypot(steps[:, 0], steps[:, 1])
    is_branch = (length > JUNCTION_NEAR) & (length <= farthest)
    if np.count_nonzero(is_branch) < LEAST_BRANCH:
        return None
    mean = (steps[is_branch] / length[is_branch, None]).mean(axis=0)
    size = float(np.hypot(*mean))
    return mean / size if size > 1e-6 else None
