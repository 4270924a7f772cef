"""Borders of regions: whether two objects meet at one, or one object has a marking."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from birefcli.image import Disparity, Labels, Mask, Rgb
from birefcli.peeling.geometry import (
    SQUARE,
    Window,
    box_around,
    grown,
    renumbered,
    shared_border,
    solidity,
    window,
)
from birefcli.peeling.instances.regions import adjacent_regions, color_histogram
from birefcli.peeling.order.cues import depth_cue
from birefcli.peeling.order.junctions import find_junctions
from birefcli.peeling.thresholds import (
    BORDER_WEIGHTS,
    CANDIDATE_EVIDENCE,
    CHROMA_BINS,
    CHROMA_SHIFT,
    CHROMA_WIDTH,
    CORNER_DISK,
    CORNER_DISK_LEAST,
    CORNER_DISK_MOST,
    DEPTH_STEP,
    ENOUGH_EVIDENCE,
    LEAST_EDGE,
    NO_BRANCH,
    NO_CORNER,
    NO_EDGE_EVIDENCE,
)


@dataclass(frozen=True)
class RegionBorder:
    """What is seen where two regions touch, and the log odds that they are two objects."""

    enclosed: float  # share of the smaller one's outline that runs along the other
    corner: float  # at its ends, how far both are from half a disk: one passes straight by there
    straight: float  # how straight one of the outlines goes on at its ends, -1…1
    chroma: float  # how alike both are in it, 0…1: a shaded side is no other object
    repeated: float  # how much the smaller one looks like a third region, 0…1: as stripes do
    variety: float  # nats of the plainer one's colours: markings are plain
    edge: float  # logarithm of the steps across it over those inside
    contrast: float  # logarithm of the levels across it
    symmetry: float  # of both together, left to right, 0…1: one object is built so, two are not
    solidity: float  # share of their hull that both together fill, 0…1
    depth: float = 0.0  # how far apart both are, in spreads of the depth

    @property
    def evidence(self) -> float:
        """Log odds of two objects; what is below 0 speaks for one."""
        # Steps as they are everywhere around, as in noise, are no border at all.
        if self.edge < LEAST_EDGE:
            return NO_EDGE_EVIDENCE
        weights = BORDER_WEIGHTS
        return (
            weights.intercept
            + weights.enclosed * self.enclosed
            + weights.corner * self.corner
            + weights.straight * self.straight
            + weights.chroma * self.chroma
            + weights.repeated * self.repeated
            + weights.variety * self.variety
            + weights.edge * self.edge
            + weights.contrast * self.contrast
            + weights.symmetry * self.symmetry
            + weights.solidity * self.solidity
            + weights.depth * (self.depth > DEPTH_STEP)
        )


@dataclass(eq=False)
class RegionBorders:
    """A picture (H, W, 3), its regions (H, W) from 1, and what their borders tell."""

    rgb: Rgb
    regions: Labels
    disparity: Disparity | None = None
    _looks: dict[int, NDArray[np.float64]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.regions = self.regions.copy()
        slopes = cv2.morphologyEx(self.rgb, cv2.MORPH_GRADIENT, SQUARE)
        self._slopes = np.asarray(slopes.max(axis=-1), np.float32)
        chroma = cv2.cvtColor(self.rgb, cv2.COLOR_RGB2LAB)[..., 1:].astype(np.intp)
        self._chroma = ((chroma + CHROMA_SHIFT) // CHROMA_WIDTH) @ np.array([CHROMA_BINS, 1])
        for number in np.unique(self.regions[self.regions > 0]):
            self._looks[int(number)] = color_histogram(self.rgb, self.regions == number)

    def pairs(self) -> Iterable[tuple[int, int]]:
        """List the neighbours, lower number first."""
        return adjacent_regions(self.regions)

    def area(self, number: int) -> int:
        """Count the pixels of a region."""
        return int(np.count_nonzero(self.regions == number))

    def likeness(self, one: int, other: int) -> float:
        """Give the likeness of the colours of two regions, 0…1."""
        return float(self._looks[one] @ self._looks[other])

    def join(self, one: int, other: int) -> None:
        """Make the second region part of the first."""
        self.regions[self.regions == other] = one
        del self._looks[other]
        self._looks[one] = color_histogram(self.rgb, self.regions == one)

    def between(self, one: int, other: int) -> RegionBorder:
        """Measure the border of two neighbours; the same from both sides."""
        near = window(box_around(np.isin(self.regions, (one, other)), margin=2))
        a, b = self.regions[near] == one, self.regions[near] == other
        both, slopes = a | b, self._slopes[near]
        border = shared_border(a, b)
        inside = both & ~grown(border)
        usual = float(np.median(slopes[inside])) if inside.any() else 0.0
        across = float(np.median(slopes[border]))
        smaller = a if a.sum() < b.sum() else b
        outline = smaller & grown(~smaller)
        ends = find_junctions(a, b)
        number = one if smaller is a else other
        thirds = (n for n in self._looks if n not in (one, other))
        step = None
        if self.disparity is not None:
            step = depth_cue(a, b, self.disparity[near])
        return RegionBorder(
            enclosed=float((outline & border).sum() / max(1, outline.sum())),
            corner=_corner(a, b, border),
            straight=float(np.mean([max(f.ours, f.theirs) for f in ends])) if ends else NO_BRANCH,
            chroma=float(self._tints(a, near) @ self._tints(b, near)),
            repeated=max((self.likeness(number, third) for third in thirds), default=0.0),
            variety=min(_entropy(self._looks[one]), _entropy(self._looks[other])),
            edge=float(np.log(max(1.0, across) / max(usual, 1.0))),
            contrast=float(np.log1p(across)),
            symmetry=_symmetry(both),
            solidity=solidity(both),
            depth=abs(step or 0.0),
        )

    def _tints(self, mask: Mask, near: Window) -> NDArray[np.float64]:
        """Give the square roots (729,) of the shares of chroma in a part of the picture."""
        counts = np.bincount(self._chroma[near][mask], minlength=CHROMA_BINS**2)
        return np.asarray(np.sqrt(counts / max(1, counts.sum())), np.float64)


def merge_unsupported(
    rgb: Rgb,
    regions: Labels,
    least: float,
    disparity: Disparity | None = None,
    *,
    prior: float = 0.0,
) -> Labels:
    """Merge regions (H, W) again where their borders do not say that they are two objects.

    One border may look like an edge by chance; that several do is no chance. So all that stay are
    taken together, and if that is not enough, all is one object. A region has at least `least`
    pixels; `prior` is evidence, in log odds, that every border has beforehand.
    """
    borders = RegionBorders(rgb, regions, disparity)
    # Weakest first; what is too small for an object comes before all others.
    seen: dict[tuple[int, int], tuple[bool, float]] = {}
    least_evidence = CANDIDATE_EVIDENCE
    while True:
        for one, other in borders.pairs():
            if (one, other) not in seen:
                if min(borders.area(one), borders.area(other)) < least:
                    seen[one, other] = (False, -borders.likeness(one, other))
                else:
                    evidence = prior + borders.between(one, other).evidence
                    seen[one, other] = (True, evidence)
        weakest = min(seen, key=lambda pair: (seen[pair], pair), default=None)
        if weakest is None:
            break
        if seen[weakest] >= (True, least_evidence):
            if sum(max(0.0, evidence) for _, evidence in seen.values()) >= ENOUGH_EVIDENCE:
                break
            least_evidence = np.inf
        borders.join(*weakest)
        seen = {pair: sign for pair, sign in seen.items() if not set(pair) & set(weakest)}
    return renumbered(borders.regions, has_ground=bool((regions == 0).any()))


def _corner(a: Mask, b: Mask, border: Mask) -> float:
    """Give how far the larger share of a disk at a border's ends is from a half, 0…0.5, on average.

    Where something lies in front, its outline goes on past the end and halves the disk there.
    A corner of either, or a marking that ends at an outline, leaves each of them less.
    """
    side = np.sqrt(min(a.sum(), b.sum()))
    radius = int(np.clip(round(CORNER_DISK * side), CORNER_DISK_LEAST, CORNER_DISK_MOST))
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    disk = (x * x + y * y <= radius * radius).astype(np.float32)
    ends = border & grown(~(a | b))
    count, groups = cv2.connectedComponents(grown(ends).astype(np.uint8), connectivity=8)
    if count < 2:
        return NO_CORNER
    shares = [
        cv2.filter2D(mask.astype(np.float32), -1, disk / disk.sum(), borderType=cv2.BORDER_CONSTANT)
        for mask in (a, b)
    ]
    larger = np.maximum(*shares)
    found = []
    for number in range(1, count):
        rows, columns = np.nonzero(ends & (groups == number))
        found.append(abs(float(larger[round(rows.mean()), round(columns.mean())]) - 0.5))
    return float(np.mean(found))


def _symmetry(mask: Mask) -> float:
    """Give the overlap of a mask with its mirror image, 0…1."""
    rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
    tight = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    mirrored = tight[:, ::-1]
    return float((tight & mirrored).sum() / max(1, (tight | mirrored).sum()))


def _entropy(look: NDArray[np.float64]) -> float:
    """Give the entropy of a histogram of square roots, in nats."""
    share = look[look > 0] ** 2
    return float(-(share * np.log(share)).sum())
