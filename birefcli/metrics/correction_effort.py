"""Human correction effort (Qin et al. 2022, Dichotomous Image Segmentation, 5); needs skimage."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from birefcli.image import Mask
from birefcli.metrics.pair import Pair

OutlinePoints: TypeAlias = NDArray[np.int32]  # (N, 2), x and y

RELAX = 5  # pixels of the outline that nobody would correct
EPSILON = 2.0  # how far a polygon may run from the outline
CROSS = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], np.uint8)


@dataclass(frozen=True)
class Clicks:
    """What a person would click: points of polygons, and whole regions."""

    points: int
    regions: int


def correction_effort(pair: Pair) -> float:
    """Clicks that would correct the prediction (H, W), both cut above 128 (section 5)."""
    truth, found = pair.object, pair.prediction > 128
    both, extra, lost = truth & found, found & ~truth, truth & ~found
    core = _erode(truth | found)
    extra_parts = extra & _regrown(extra & core, both | lost)
    # What the prediction misses of the truth's skeleton is lost structure, however thin.
    lost_parts = lost & _regrown(lost & core, both | extra) | skeleton(truth) & ~both
    clicks = (
        _clicks(extra_parts, both | lost_parts),
        _clicks(lost_parts, ~(both | extra_parts | lost_parts)),
    )
    return float(sum(click.points + click.regions for click in clicks))


def skeleton(mask: Mask) -> Mask:
    """Thin the mask (H, W) to lines of one pixel (Zhang and Suen 1984)."""
    from skimage.morphology import skeletonize

    thin: Callable[[Mask], Mask] = skeletonize
    return thin(mask)


def _erode(mask: Mask) -> Mask:
    return cv2.erode(mask.astype(np.uint8), CROSS, iterations=RELAX) > 0


def _regrown(seeds: Mask, barrier: Mask) -> Mask:
    """Grow what survived erosion (H, W) by as much again, but not over the barrier."""
    free = (~barrier).astype(np.uint8)
    grown = seeds.astype(np.uint8)
    for _ in range(RELAX):
        grown = np.asarray(cv2.dilate(grown, CROSS), np.uint8) & free
    return grown > 0


def _clicks(parts: Mask, condition: Mask) -> Clicks:
    """Count the clicks on the parts (H, W): only outlines that touch the condition need points."""
    width = parts.shape[1]
    is_near = cv2.dilate(condition.astype(np.uint8), CROSS).ravel() > 0
    picture = parts.astype(np.uint8)
    outlines, _ = cv2.findContours(picture, cv2.RETR_TREE, cv2.CHAIN_APPROX_NONE)
    if not outlines:
        return Clicks(0, 0)
    points: OutlinePoints = np.concatenate([np.asarray(line, np.int32)[:, 0] for line in outlines])
    places = points[:, 1].astype(np.int64) * width + points[:, 0]
    counted = np.flatnonzero(is_near[places])
    # Each pixel counts the first time an outline passes it.
    counted = np.sort(counted[np.unique(places[counted], return_index=True)[1]])
    number, labels = cv2.connectedComponents(picture, connectivity=8)
    touched = np.unique(labels.ravel()[places[counted]]).size
    lengths = [len(line) for line in outlines]
    owner = np.repeat(np.arange(len(outlines)), lengths)[counted]
    starts = np.flatnonzero((np.diff(counted) != 1) | (np.diff(owner) != 0)) + 1
    pieces = np.split(points[counted], starts) if counted.size else []
    owners = [int(owner[i]) for i in (0, *starts)] if counted.size else []
    polygons = [
        cv2.approxPolyDP(piece[:, None], EPSILON, closed=False) for piece in _joined(pieces, owners)
    ]
    return Clicks(sum(map(len, polygons)), number - 1 - touched)


def _joined(pieces: list[OutlinePoints], owners: list[int]) -> list[OutlinePoints]:
    """Join the last piece of an outline to its first where their ends touch; each is (N, 2)."""
    by_owner: dict[int, list[OutlinePoints]] = {}
    for piece, owner in zip(pieces, owners, strict=True):
        by_owner.setdefault(owner, []).append(piece)
    joined: list[OutlinePoints] = []
    for own in by_owner.values():
        if len(own) > 1 and np.abs(own[0][0] - own[-1][-1]).max() == 1:
            # As in the official code, the first piece is appended backwards.
            own[-1] = np.concatenate([own[-1], own[0][::-1]])
            del own[0]
        joined += own
    return joined
