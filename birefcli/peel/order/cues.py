"""Who is in front: what outlines say where two things touch."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from birefcli.image.types import Labels, Mask
from birefcli.matte.morphology import Box, pad_box

_Point = NDArray[np.float64]  # (x, y)

TOUCH = np.ones((5, 5), np.uint8)
_SQUARE = np.ones((3, 3), np.uint8)
NEAREST, FARTHEST = 2.0, 9.0  # of a junction's branches, in pixels
SHORTEST, LONGEST = 6.0, 15.0  # that they reach in small and large pictures
_REFERENCE_SIDE = 400  # the picture's shorter side at which branches are that long
_LEAST_BRANCH = 3  # pixels
_JUNCTION_LIMIT = 1.5
_DEPTH_BAND = (3.0, 8.0)  # pixels from the shared border
_SEEN = 3.0  # what a network sees plainly outweighs what outlines say
_SEEN_BAND = 2.0  # of a branch's reach, on both sides of the shared border
_NEXT = 2.0  # pixels from the shared border, that no edge of a matte blurs
_UNCOVERED = 0.5  # mean of the matte of what nothing covers, from which it holds a thing
_DEPTH_FROM = 0.5  # outlines that say less than this let depth speak too


@dataclass(frozen=True)
class OcclusionCues:
    """What speaks for the first of two touching things being in front, each -1…1."""

    hull: float
    junction: float
    depth: float | None = None
    front: float = 0.0  # how much more a network holds it for uncovered

    @property
    def score(self) -> float:
        """All of it together; above 0 the first is in front."""
        outline = np.clip(self.hull + self.junction, -1, 1)
        outline = np.clip(outline + _SEEN * self.front, -1, 1)
        if self.depth is not None and abs(outline) < _DEPTH_FROM:
            outline = np.clip(outline + self.depth, -1, 1)
        return float(outline)

    def swapped(self) -> "OcclusionCues":
        """The same, seen from the other one."""
        depth = None if self.depth is None else -self.depth
        return OcclusionCues(-self.hull, -self.junction, depth, -self.front)


@dataclass(frozen=True)
class OcclusionOrder:
    """What was found about every touching pair (front to behind both ways)."""

    numbers: tuple[int, ...]
    cues: dict[tuple[int, int], OcclusionCues] = field(default_factory=dict)
    seen: dict[int, float] = field(default_factory=dict)  # how much a network holds uncovered

    def touching(self, number: int) -> tuple[int, ...]:
        """What touches a thing."""
        return tuple(other for one, other in sorted(self.cues) if one == number)

    def exposure(self, number: int) -> float:
        """The worst vote of a thing against what touches it; 1 where nothing does."""
        votes = [self.cues[number, other].score for other in self.touching(number)]
        return min(votes, default=1.0)

    def front_set(self, least: float) -> tuple[int, ...]:
        """All things exposed enough; where there is none, the most exposed one."""
        exposed = tuple(n for n in self.numbers if self.exposure(n) >= least)
        # Of things that a network leaves out it is asked again when what it sees is gone.
        shown = tuple(n for n in exposed if self.seen.get(n, 1.0) >= _UNCOVERED)
        if exposed or not self.numbers:
            return shown or exposed
        return (max(self.numbers, key=lambda n: (self.certainty(n), -n)),)

    def certainty(self, number: int) -> float:
        """How sure it is that nothing covers a thing, -1…2."""
        return self.exposure(number) + self.seen.get(number, 1.0)


def find_order(
    labels: Labels,
    disparity: NDArray[np.float32] | None = None,
    front: NDArray[np.float32] | None = None,
) -> OcclusionOrder:
    """Judge all touching pairs of a label map (H, W).

    Larger disparity is nearer; `front` is a matte of what nothing covers.
    """
    numbers = tuple(int(n) for n in np.unique(labels) if n > 0)
    found: dict[tuple[int, int], OcclusionCues] = {}
    for one, other in touching_pairs(labels):
        cues = compare_pair(labels, one, other, disparity, front)
        found[one, other], found[other, one] = cues, cues.swapped()
    seen = {} if front is None else {n: float(front[labels == n].mean()) for n in numbers}
    return OcclusionOrder(numbers, found, seen)


def touching_pairs(labels: Labels) -> list[tuple[int, int]]:
    """List the pairs, lower number first, of which one grown by two pixels meets the other."""
    met: set[tuple[int, int]] = set()
    for dy in range(3):
        for dx in range(-2, 3):
            if (dy, dx) <= (0, 0):
                continue
            ones, others = _shifted(labels, dy, dx)
            is_pair = (ones != others) & (ones > 0) & (others > 0)
            pairs = np.stack([ones[is_pair], others[is_pair]], axis=1)
            pairs = np.unique(np.sort(pairs, axis=1), axis=0)
            met.update((int(a), int(b)) for a, b in pairs)
    return sorted(met)


def compare_pair(
    labels: Labels,
    one: int,
    other: int,
    disparity: NDArray[np.float32] | None = None,
    front: NDArray[np.float32] | None = None,
) -> OcclusionCues:
    """Say what speaks for `one` being in front of `other`."""
    box = _box((labels == one) | (labels == other), margin=3)
    left, top, right, bottom = box
    inside = labels[top:bottom, left:right]
    a, b = inside == one, inside == other
    side = min(labels.shape)
    farthest = float(np.clip(FARTHEST * side / _REFERENCE_SIDE, SHORTEST, LONGEST))
    depth = None
    if disparity is not None:
        depth = depth_cue(a, b, disparity[top:bottom, left:right])
    uncovered = 0.0
    if front is not None:
        uncovered = front_cue(a, b, front[top:bottom, left:right], _SEEN_BAND * farthest)
    return OcclusionCues(hull_cue(a, b), junction_cue(a, b, farthest), depth, uncovered)


def hull_cue(a: Mask, b: Mask) -> float:
    """Compare how far each intrudes into the other's convex hull; the intruder is in front."""
    into_b = float(np.count_nonzero(hull(b) & a))
    into_a = float(np.count_nonzero(hull(a) & b))
    return (into_b - into_a) / max(into_a + into_b, 1.0)


def junction_cue(a: Mask, b: Mask, farthest: float = FARTHEST) -> float:
    """Sum over the T-junctions of two outlines which of them goes straight on; at most ±1.5.

    The outline of what is in front continues along the shared border; the other's ends there.
    """
    total = sum(fork.vote for fork in find_junctions(a, b, farthest))
    return float(np.clip(total, -_JUNCTION_LIMIT, _JUNCTION_LIMIT))


@dataclass(frozen=True)
class Junction:
    """A place where the shared border of two regions meets a third one."""

    ours: float  # how straight the first one's outline goes on along the border, -1…1
    theirs: float  # the same of the second's
    past: float  # how straight the outline of both goes past the border's end

    @property
    def vote(self) -> float:
        """Above 0 the first one's outline is the straighter one."""
        return self.ours - self.theirs

    @property
    def is_marking(self) -> bool:
        """Whether the border just ends at one outline, as a stripe does, and hides nothing."""
        return self.past > max(self.ours, self.theirs)


def find_junctions(a: Mask, b: Mask, farthest: float = FARTHEST) -> list[Junction]:
    """Look at every end of the border that two regions share, where its branches are clear."""
    third = ~(a | b)
    grown_a, grown_b, grown_third = _grown(a), _grown(b), _grown(third)
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


def front_cue(a: Mask, b: Mask, front: NDArray[np.float32], reach: float) -> float:
    """Compare the matte of what nothing covers on both sides of the shared border, -1…1.

    A network that is unsure of a covered thing leaves it out near what covers it.
    """
    near = _beside_border(a, b, _NEXT, reach)
    if not (a & near).any() or not (b & near).any():
        return 0.0
    return float(front[a & near].mean() - front[b & near].mean())


def depth_cue(a: Mask, b: Mask, disparity: NDArray[np.float32]) -> float | None:
    """Compare the disparity of two bands beside the shared border, by how much it varies."""
    near = _beside_border(a, b, *_DEPTH_BAND)
    if not (a & near).any() or not (b & near).any():
        return None
    low, high = np.percentile(disparity[a | b], [25, 75])
    step = float(np.median(disparity[a & near]) - np.median(disparity[b & near]))
    return float(np.clip(step / max(float(high - low), 1e-6), -1, 1))


def _beside_border(a: Mask, b: Mask, nearest: float, farthest: float) -> Mask:
    """Give all that is so many pixels away from where two masks touch; nothing if they do not."""
    border = (a & _grown(b)) | (b & _grown(a))
    if not border.any():
        return border
    away = cv2.distanceTransform((~border).astype(np.uint8), cv2.DIST_L2, 3)
    return np.asarray((away >= nearest) & (away <= farthest), np.bool_)


def hull(mask: Mask) -> Mask:
    """Fill the convex hull of a mask."""
    y, x = np.nonzero(mask)
    filled = np.zeros(mask.shape, np.uint8)
    if len(x):
        corners = cv2.convexHull(np.stack([x, y], axis=1).astype(np.int32))
        cv2.fillConvexPoly(filled, corners, 1)
    return filled > 0


def solidity(mask: Mask) -> float:
    """The share of its convex hull that a mask fills."""
    return float(np.count_nonzero(mask)) / max(int(np.count_nonzero(hull(mask))), 1)


def without_cycles(
    scores: dict[tuple[int, int], float],
) -> tuple[dict[tuple[int, int], float], tuple[tuple[int, ...], ...]]:
    """Drop the weakest edge (front, behind) of every cycle; give what stays, and the cycles."""
    kept, cycles = dict(scores), []
    while (cycle := _find_cycle(kept)) is not None:
        cycles.append(tuple(sorted(cycle)))
        edges = list(zip(cycle, (*cycle[1:], cycle[0]), strict=True))
        del kept[min(edges, key=lambda edge: (kept[edge], edge))]
    return kept, tuple(sorted(set(cycles)))


def _find_cycle(scores: dict[tuple[int, int], float]) -> tuple[int, ...] | None:
    """Walk along the edges until a thing is met again."""
    behind: dict[int, list[int]] = {}
    for front, back in sorted(scores):
        behind.setdefault(front, []).append(back)
    done: set[int] = set()

    def walk(path: list[int]) -> tuple[int, ...] | None:
        for following in behind.get(path[-1], []):
            if following in path:
                return tuple(path[path.index(following) :])
            if following not in done and (found := walk([*path, following])) is not None:
                return found
        done.add(path[-1])
        return None

    return next((c for n in sorted(behind) if n not in done and (c := walk([n]))), None)


def _clusters(mask: Mask) -> Sequence[_Point]:
    """Give the middles of groups of pixels that lie within two pixels of one another."""
    joined = cv2.dilate(mask.astype(np.uint8), _SQUARE)
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
    is_branch = (length > NEAREST) & (length <= farthest)
    if np.count_nonzero(is_branch) < _LEAST_BRANCH:
        return None
    mean = (steps[is_branch] / length[is_branch, None]).mean(axis=0)
    size = float(np.hypot(*mean))
    return mean / size if size > 1e-6 else None


def _grown(mask: Mask) -> Mask:
    return np.asarray(cv2.dilate(mask.astype(np.uint8), _SQUARE) > 0)


def _shifted(labels: Labels, dy: int, dx: int) -> tuple[Labels, Labels]:
    """Give the labels and what stands (dy, dx) further on, where both exist."""
    height, width = labels.shape
    rows = slice(0, max(0, height - dy)), slice(min(dy, height), height)
    x = abs(dx)
    columns = slice(0, max(0, width - x)), slice(min(x, width), width)
    first, second = columns if dx >= 0 else columns[::-1]
    return labels[rows[0], first], labels[rows[1], second]


def _box(mask: Mask, margin: int) -> Box:
    """Give the box around a mask and some pixels more."""
    rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
    box = int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
    return pad_box(box, margin, (mask.shape[0], mask.shape[1]))
