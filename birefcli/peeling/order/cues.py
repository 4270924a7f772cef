"""Cues for occlusion: what speaks for the first of two touching instances being in front."""

from dataclasses import dataclass

import cv2
import numpy as np

from birefcli.image import Disparity, Labels, Mask, Matte
from birefcli.peeling.geometry import box_around, hull, shared_border, window
from birefcli.peeling.order.junctions import find_junctions
from birefcli.peeling.thresholds import (
    DEPTH_BAND,
    DEPTH_BELOW,
    FRONT_BAND_NEAR,
    FRONT_BAND_REACHES,
    FRONT_WEIGHT,
    JUNCTION_FAR,
    JUNCTION_FAR_LEAST,
    JUNCTION_FAR_MOST,
    JUNCTION_LIMIT,
    REFERENCE_SIDE,
)


@dataclass(frozen=True)
class OcclusionCues:
    """What speaks for the first of two touching instances being in front; above 0 it is."""

    hull: float  # -1…1
    junction: float  # -1.5…1.5
    depth: float | None = None  # -1…1; None without an estimate
    front: float = 0.0  # how much more a network holds it for uncovered, -1…1

    @property
    def score(self) -> float:
        """All of it together, -1…1; above 0 the first is in front."""
        outline = np.clip(self.hull + self.junction, -1, 1)
        outline = np.clip(outline + FRONT_WEIGHT * self.front, -1, 1)
        if self.depth is not None and abs(outline) < DEPTH_BELOW:
            outline = np.clip(outline + self.depth, -1, 1)
        return float(outline)

    def swapped(self) -> "OcclusionCues":
        """Give the same cues for the second one."""
        depth = None if self.depth is None else -self.depth
        return OcclusionCues(-self.hull, -self.junction, depth, -self.front)


def compare_pair(
    labels: Labels,
    one: int,
    other: int,
    disparity: Disparity | None = None,
    front: Matte | None = None,
) -> OcclusionCues:
    """Give the cues for `one` being in front of `other` in a label map (H, W).

    `front` (H, W) is a matte of what nothing covers.
    """
    near = window(box_around((labels == one) | (labels == other), margin=3))
    inside = labels[near]
    a, b = inside == one, inside == other
    side = min(labels.shape)
    farthest = float(
        np.clip(JUNCTION_FAR * side / REFERENCE_SIDE, JUNCTION_FAR_LEAST, JUNCTION_FAR_MOST)
    )
    depth = None
    if disparity is not None:
        depth = depth_cue(a, b, disparity[near])
    uncovered = 0.0
    if front is not None:
        uncovered = front_cue(a, b, front[near], FRONT_BAND_REACHES * farthest)
    return OcclusionCues(hull_cue(a, b), junction_cue(a, b, farthest), depth, uncovered)


def hull_cue(a: Mask, b: Mask) -> float:
    """Compare how far each of two masks (H, W) intrudes into the other's convex hull, -1…1.

    The intruder is in front, as in the convex baseline of Zhan et al., "Self-Supervised Scene
    De-Occlusion", 2020.
    """
    into_b = float(np.count_nonzero(hull(b) & a))
    into_a = float(np.count_nonzero(hull(a) & b))
    return (into_b - into_a) / max(into_a + into_b, 1.0)


def junction_cue(a: Mask, b: Mask, farthest: float = JUNCTION_FAR) -> float:
    """Sum, over T-junctions, which of two masks' outlines goes straight on, -1.5…1.5.

    The outline of what is in front continues along the shared border; the other's ends there.
    """
    total = sum(junction.vote for junction in find_junctions(a, b, farthest))
    return float(np.clip(total, -JUNCTION_LIMIT, JUNCTION_LIMIT))


def front_cue(a: Mask, b: Mask, front: Matte, reach: float) -> float:
    """Compare the matte of what nothing covers on both sides of the shared border, -1…1.

    It looks up to `reach` pixels from the border. A network that is unsure of a covered object
    leaves it out near what covers it. 0 where either side has nothing there.
    """
    near = _beside_border(a, b, FRONT_BAND_NEAR, reach)
    if not (a & near).any() or not (b & near).any():
        return 0.0
    return float(front[a & near].mean() - front[b & near].mean())


def depth_cue(a: Mask, b: Mask, disparity: Disparity) -> float | None:
    """Compare the median disparity in two bands beside the shared border, -1…1.

    The unit is the spread of the disparity of both, between quartiles. None where either side has
    nothing there.
    """
    near = _beside_border(a, b, *DEPTH_BAND)
    if not (a & near).any() or not (b & near).any():
        return None
    low, high = np.percentile(disparity[a | b], [25, 75])
    step = float(np.median(disparity[a & near]) - np.median(disparity[b & near]))
    return float(np.clip(step / max(float(high - low), 1e-6), -1, 1))


def _beside_border(a: Mask, b: Mask, nearest: float, farthest: float) -> Mask:
    """Give all that is so many pixels away from where two masks touch; nothing if they do not."""
    border = shared_border(a, b)
    if not border.any():
        return border
    away = cv2.distanceTransform((~border).astype(np.uint8), cv2.DIST_L2, 3)
    return np.asarray((away >= nearest) & (away <= farthest), np.bool_)
