"""What the border of two regions tells: that two things meet there, or that one has a marking."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from birefcli.image.types import Labels, Mask, Rgb
from birefcli.matte.morphology import Box
from birefcli.peel.instances.regions import adjacent_regions, color_histogram
from birefcli.peel.order.cues import depth_cue, find_junctions, solidity

# Log odds that two things meet, by what is seen at the border: a logistic regression over borders
# inside one thing, and between two, in composed scenes of cut-outs, sprites and drawn shapes.
_NOTHING = -4.5
_ENCLOSED, _CORNER, _STRAIGHT = -3.4, -7.5, 0.5
_ALIKE_CHROMA, _REPEATED, _VARIETY = -3.0, -1.1, 0.55
_EDGE, _CONTRAST = 0.25, 0.85
_LEAST_EDGE, _NO_BORDER = 0.03, -9.0
_SYMMETRY, _SOLIDITY = -2.4, 3.4
_DEPTH, _DEPTH_STEP = 2.0, 0.15  # of the depth's spread
# What a border without ends, or without clear branches at them, counts as.
_NO_CORNER, _NO_BRANCH = 0.25, 0.0

_CANDIDATE = -1.0  # evidence from which a border may be one of two things
_ENOUGH = 1.0  # that all borders of a matte show together before any of them is believed
_DISK = 0.3, 4, 10  # radius at a border's ends: times the smaller one's side, at least, at most
_CHROMA_BINS, _CHROMA_WIDTH, _TO_MIDDLE = 27, 10, 7  # grey lies in the middle of its bin
_SQUARE = np.ones((3, 3), np.uint8)


@dataclass(frozen=True)
class Border:
    """What is seen where two regions touch."""

    enclosed: float  # share of the smaller one's outline that runs along the other
    corner: float  # at its ends, how far both are from half a disk: one passes straight by there
    straight: float  # how straight one of the outlines goes on at its ends, -1…1
    chroma: float  # how alike both are in it, 0…1: a shaded side is no other thing
    repeated: float  # how much the smaller one looks like a third region, 0…1: as stripes do
    variety: float  # nats of the plainer one's colours: markings are plain
    edge: float  # logarithm of the steps across it over those inside
    contrast: float  # logarithm of the levels across it
    symmetry: float  # of both together, left to right: one thing is built so, two are not
    solidity: float  # share of their hull that both together fill
    depth: float = 0.0  # how far apart both are, of the depth's spread

    @property
    def evidence(self) -> float:
        """How much speaks for two things; what is below 0 speaks for one."""
        # Steps as they are everywhere around, as in noise, are no border at all.
        if self.edge < _LEAST_EDGE:
            return _NO_BORDER
        return (
            _NOTHING
            + _ENCLOSED * self.enclosed
            + _CORNER * self.corner
            + _STRAIGHT * self.straight
            + _ALIKE_CHROMA * self.chroma
            + _REPEATED * self.repeated
            + _VARIETY * self.variety
            + _EDGE * self.edge
            + _CONTRAST * self.contrast
            + _SYMMETRY * self.symmetry
            + _SOLIDITY * self.solidity
            + _DEPTH * (self.depth > _DEPTH_STEP)
        )


@dataclass(eq=False)
class RegionBorders:
    """A picture (H, W, 3), its regions (H, W) from 1, and what their borders tell."""

    rgb: Rgb
    regions: Labels
    disparity: NDArray[np.float32] | None = None
    _looks: dict[int, NDArray[np.float64]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.regions = self.regions.copy()
        slopes = cv2.morphologyEx(self.rgb, cv2.MORPH_GRADIENT, _SQUARE)
        self._slopes = np.asarray(slopes.max(axis=-1), np.float32)
        chroma = cv2.cvtColor(self.rgb, cv2.COLOR_RGB2LAB)[..., 1:].astype(np.intp)
        self._chroma = ((chroma + _TO_MIDDLE) // _CHROMA_WIDTH) @ np.array([_CHROMA_BINS, 1])
        for number in np.unique(self.regions[self.regions > 0]):
            self._looks[int(number)] = color_histogram(self.rgb, self.regions == number)

    def pairs(self) -> Iterable[tuple[int, int]]:
        """List the neighbours, lower number first."""
        return adjacent_regions(self.regions)

    def area(self, number: int) -> int:
        """Count the pixels of a region."""
        return int(np.count_nonzero(self.regions == number))

    def likeness(self, one: int, other: int) -> float:
        """Say how alike the colours of two regions are, 0…1."""
        return float(self._looks[one] @ self._looks[other])

    def join(self, one: int, other: int) -> None:
        """Make the second region part of the first."""
        self.regions[self.regions == other] = one
        del self._looks[other]
        self._looks[one] = color_histogram(self.rgb, self.regions == one)

    def between(self, one: int, other: int) -> Border:
        """Look at the border of two neighbours."""
        left, top, right, bottom = _box(np.isin(self.regions, (one, other)))
        near = slice(top, bottom), slice(left, right)
        a, b = self.regions[near] == one, self.regions[near] == other
        both, slopes = a | b, self._slopes[near]
        border = (a & _grown(b)) | (b & _grown(a))
        inside = both & ~_grown(border)
        usual = float(np.median(slopes[inside])) if inside.any() else 0.0
        across = float(np.median(slopes[border]))
        smaller = a if a.sum() < b.sum() else b
        outline = smaller & _grown(~smaller)
        ends = find_junctions(a, b)
        number = one if smaller is a else other
        thirds = (n for n in self._looks if n not in (one, other))
        step = None
        if self.disparity is not None:
            step = depth_cue(a, b, self.disparity[near])
        return Border(
            enclosed=float((outline & border).sum() / max(1, outline.sum())),
            corner=_corner(a, b, border),
            straight=float(np.mean([max(f.ours, f.theirs) for f in ends])) if ends else _NO_BRANCH,
            chroma=float(self._tints(a, near) @ self._tints(b, near)),
            repeated=max((self.likeness(number, third) for third in thirds), default=0.0),
            variety=min(_entropy(self._looks[one]), _entropy(self._looks[other])),
            edge=float(np.log(max(1.0, across) / max(usual, 1.0))),
            contrast=float(np.log1p(across)),
            symmetry=_symmetry(both),
            solidity=solidity(both),
            depth=abs(step or 0.0),
        )

    def _tints(self, mask: Mask, near: tuple[slice, slice]) -> NDArray[np.float64]:
        """Give the square roots of the shares of chroma in a part of the picture."""
        counts = np.bincount(self._chroma[near][mask], minlength=_CHROMA_BINS**2)
        return np.asarray(np.sqrt(counts / max(1, counts.sum())), np.float64)


def merge_unsupported(
    rgb: Rgb,
    regions: Labels,
    least: float,
    disparity: NDArray[np.float32] | None = None,
    *,
    credit: float = 0.0,
) -> Labels:
    """Join regions (H, W) again where their borders do not say that they are two things.

    One border may look like an edge of something by chance; that several do is no chance. So all
    that stay are taken together, and if that is not enough, the matte is one thing. `credit` is
    evidence that every border has beforehand.
    """
    borders = RegionBorders(rgb, regions, disparity)
    # Weakest first; what is too small for a thing comes before all others.
    seen: dict[tuple[int, int], tuple[bool, float]] = {}
    least_evidence = _CANDIDATE
    while True:
        for one, other in borders.pairs():
            if (one, other) not in seen:
                if min(borders.area(one), borders.area(other)) < least:
                    seen[one, other] = (False, -borders.likeness(one, other))
                else:
                    evidence = credit + borders.between(one, other).evidence
                    seen[one, other] = (True, evidence)
        weakest = min(seen, key=lambda pair: (seen[pair], pair), default=None)
        if weakest is None:
            break
        if seen[weakest] >= (True, least_evidence):
            if sum(max(0.0, evidence) for _, evidence in seen.values()) >= _ENOUGH:
                break
            least_evidence = np.inf
        borders.join(*weakest)
        seen = {pair: sign for pair, sign in seen.items() if not set(pair) & set(weakest)}
    numbers = np.unique(borders.regions, return_inverse=True)[1].reshape(regions.shape)
    return (numbers + (0 if (regions == 0).any() else 1)).astype(np.int32)


def _corner(a: Mask, b: Mask, border: Mask) -> float:
    """Say how far the larger share of a disk at a border's ends is from a half, on average.

    Where something lies in front, its outline goes on past the end and halves the disk there.
    A corner of either, or a marking that ends at an outline, leaves each of them less.
    """
    factor, shortest, longest = _DISK
    side = np.sqrt(min(a.sum(), b.sum()))
    radius = int(np.clip(round(factor * side), shortest, longest))
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    disk = (x * x + y * y <= radius * radius).astype(np.float32)
    ends = border & _grown(~(a | b))
    count, groups = cv2.connectedComponents(_grown(ends).astype(np.uint8), connectivity=8)
    if count < 2:
        return _NO_CORNER
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
    """Say how much a mask looks like its mirror image, 0…1."""
    rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
    tight = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    mirrored = tight[:, ::-1]
    return float((tight & mirrored).sum() / max(1, (tight | mirrored).sum()))


def _entropy(look: NDArray[np.float64]) -> float:
    """Give the entropy of a histogram of square roots, in nats."""
    share = look[look > 0] ** 2
    return float(-(share * np.log(share)).sum())


def _grown(mask: Mask) -> Mask:
    return np.asarray(cv2.dilate(mask.astype(np.uint8), _SQUARE) > 0)


def _box(mask: Mask) -> Box:
    """Give the box around a mask with two pixels more on every side, as far as there are any."""
    rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
    left, top = max(0, int(columns[0]) - 2), max(0, int(rows[0]) - 2)
    return left, top, int(columns[-1]) + 3, int(rows[-1]) + 3
