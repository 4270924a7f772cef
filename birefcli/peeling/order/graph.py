"""The occlusion graph: every touching pair, who is exposed, and edges without cycles."""

from dataclasses import dataclass, field

import numpy as np

from birefcli.image import Disparity, Labels, Matte
from birefcli.peeling.order.cues import OcclusionCues, compare_pair
from birefcli.peeling.thresholds import UNCOVERED_MEAN


@dataclass(frozen=True)
class OcclusionOrder:
    """What was found about every touching pair of instances."""

    numbers: tuple[int, ...]
    # By (one, other), for both orders of a pair: what speaks for the first being in front.
    cues: dict[tuple[int, int], OcclusionCues] = field(default_factory=dict)
    # The mean of the front matte on each, 0…1; empty without such a matte.
    seen: dict[int, float] = field(default_factory=dict)

    def touching(self, number: int) -> tuple[int, ...]:
        """List what touches an instance."""
        return tuple(other for one, other in sorted(self.cues) if one == number)

    def exposure(self, number: int) -> float:
        """Give the worst score of an instance against what touches it, -1…1; 1 where nothing does.

        The score is above 0 where it is in front of all of them.
        """
        votes = [self.cues[number, other].score for other in self.touching(number)]
        return min(votes, default=1.0)

    def front_set(self, least: float) -> tuple[int, ...]:
        """List all instances exposed at least so much; where there is none, the most exposed one.

        There is none where instances cover one another in a circle.
        """
        exposed = tuple(n for n in self.numbers if self.exposure(n) >= least)
        # Of what a network leaves out it is asked again when what it sees is gone.
        shown = tuple(n for n in exposed if self.seen.get(n, 1.0) >= UNCOVERED_MEAN)
        if exposed or not self.numbers:
            return shown or exposed
        return (max(self.numbers, key=lambda n: (self.certainty(n), -n)),)

    def certainty(self, number: int) -> float:
        """Say how sure it is that nothing covers an instance, -1…2."""
        return self.exposure(number) + self.seen.get(number, 1.0)


def find_order(
    labels: Labels, disparity: Disparity | None = None, front: Matte | None = None
) -> OcclusionOrder:
    """Compare all touching pairs of a label map (H, W).

    `front` (H, W) is a matte of what nothing covers.
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


def without_cycles(
    scores: dict[tuple[int, int], float],
) -> tuple[dict[tuple[int, int], float], tuple[tuple[int, ...], ...]]:
    """Drop the weakest edge (front, behind) of every cycle; give what stays, and the cycles.

    A cycle is its members' numbers, sorted.
    """
    kept, cycles = dict(scores), []
    while (cycle := _find_cycle(kept)) is not None:
        cycles.append(tuple(sorted(cycle)))
        edges = list(zip(cycle, (*cycle[1:], cycle[0]), strict=True))
        del kept[min(edges, key=lambda edge: (kept[edge], edge))]
    return kept, tuple(sorted(set(cycles)))


def _find_cycle(scores: dict[tuple[int, int], float]) -> tuple[int, ...] | None:
    """Walk along the edges, depth first, until an instance is met again."""
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


def _shifted(labels: Labels, dy: int, dx: int) -> tuple[Labels, Labels]:
    """Give the labels and what stands (dy, dx) further on, where both exist."""
    height, width = labels.shape
    rows = slice(0, max(0, height - dy)), slice(min(dy, height), height)
    x = abs(dx)
    columns = slice(0, max(0, width - x)), slice(min(x, width), width)
    first, second = columns if dx >= 0 else columns[::-1]
    return labels[rows[0], first], labels[rows[1], second]
