"""The LayerD score: piles aligned back to front, and scored again after merging a few layers.

Our own form of the measure described by Suzuki et al., "LayerD: Decomposing Raster Graphic
Designs into Layers", 2025. Layers that do not meet count as one; a pair costs the mean of its
difference in colour, over what is there in truth, and of what its alphas lack in overlap.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from birefcli.image.types import Rgb, Rgba
from birefcli.settings.evaluate_stacks import MERGES

_Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Sheet:
    """Some layers laid together: colours (H, W, 3) and alpha (H, W), both in 0…1."""

    color: _Floats
    alpha: _Floats

    @classmethod
    def of(cls, rgba: Rgba) -> "Sheet":
        """Take one layer."""
        values = np.asarray(rgba / np.float32(255), np.float32)
        return cls(values[..., :3], values[..., 3])

    def under(self, other: "Sheet") -> "Sheet":
        """Lay another one over it."""
        share = other.alpha[..., None]
        rest = self.alpha[..., None] * (1 - share)
        alpha = share + rest
        mixed = other.color * share + self.color * rest
        color = np.asarray(mixed / np.maximum(alpha, 1e-6), np.float32)
        return Sheet(color, alpha[..., 0])

    @cached_property
    def area(self) -> float:
        """The sum of its alpha."""
        return float(self.alpha.sum(dtype=np.float64))


@dataclass(frozen=True)
class Score:
    """How far two piles are apart: colours in 0…1, and the overlap of alphas."""

    rgb: float
    iou: float

    @property
    def cost(self) -> float:
        """Both together, 0 for the same."""
        return (self.rgb + 1 - self.iou) / 2


class Ledger:
    """Scores and joins of pairs of sheets, each worked out once."""

    def __init__(self) -> None:
        # The sheets are kept too, so that no other can be met in their place.
        self._known: dict[tuple[int, int], tuple[Sheet, Sheet, Score]] = {}
        self._joined: dict[tuple[int, int], tuple[Sheet, Sheet, Sheet]] = {}

    def score(self, true: Sheet, told: Sheet) -> Score:
        """Compare two sheets; the colour counts wherever the true one is not clear."""
        key = id(true), id(told)
        if key not in self._known:
            self._known[key] = true, told, _compared(true, told)
        return self._known[key][2]

    def joined(self, lower: Sheet, upper: Sheet) -> Sheet:
        """Lay two sheets together."""
        key = id(lower), id(upper)
        if key not in self._joined:
            self._joined[key] = lower, upper, lower.under(upper)
        return self._joined[key][2]


def layerd_scores(
    true: tuple[Rgb, Sequence[Rgba]], told: tuple[Rgb, Sequence[Rgba]], least: int
) -> list[Score]:
    """Score two piles, each a background and its layers, after at most 0…5 merges.

    Layers meet where both have an alpha above `least`. A merge joins two neighbours on either
    side, and is only done where that brings the piles nearer.
    """
    piles = grouped(*true, least), grouped(*told, least)
    ledger = Ledger()
    scores = [aligned(*piles, ledger)]
    while len(scores) <= MERGES:
        tried = [(aligned(*edited, ledger), edited) for edited in _edits(*piles, ledger)]
        best = min(tried, key=lambda one: one[0].cost, default=None)
        if best is None or best[0].cost >= scores[-1].cost:
            scores += [scores[-1]] * (MERGES + 1 - len(scores))
            break
        scores.append(best[0])
        piles = best[1]
    return scores


def grouped(background: Rgb, layers: Sequence[Rgba], least: int) -> list[Sheet]:
    """Lay layers together that do not meet, from the nearest on; the background stays alone."""
    depths: list[int] = []
    for number, layer in enumerate(reversed(layers)):
        above = list(reversed(layers))[:number]
        meets = [
            depth
            for depth, other in zip(depths, above, strict=True)
            if ((layer[..., 3] > least) & (other[..., 3] > least)).any()
        ]
        depths.append(1 + max(meets, default=0))
    sheets: dict[int, Sheet] = {}
    for depth, layer in zip(reversed(depths), layers, strict=True):
        sheet = Sheet.of(layer)
        sheets[depth] = sheets[depth].under(sheet) if depth in sheets else sheet
    opaque = np.full(background.shape[:2], 255, np.uint8)
    return [
        Sheet.of(np.dstack([background, opaque])),
        *(sheets[depth] for depth in sorted(sheets, reverse=True)),
    ]


def aligned(true: Sequence[Sheet], told: Sequence[Sheet], ledger: Ledger) -> Score:
    """Align two piles from back to front by dynamic time warping; the mean along the path."""
    pairs = [[ledger.score(a, b) for b in told] for a in true]
    # The cheapest path to each pair: its cost, and its steps.
    paths: dict[tuple[int, int], tuple[float, tuple[Score, ...]]] = {}
    for i, row in enumerate(pairs):
        for j, here in enumerate(row):
            before = [paths[at] for at in ((i - 1, j - 1), (i - 1, j), (i, j - 1)) if at in paths]
            cost, steps = min(before, key=lambda path: path[0], default=(0.0, ()))
            paths[i, j] = cost + here.cost, (*steps, here)
    steps = paths[len(true) - 1, len(told) - 1][1]
    return Score(
        float(np.mean([step.rgb for step in steps])), float(np.mean([step.iou for step in steps]))
    )


def _edits(
    true: list[Sheet], told: list[Sheet], ledger: Ledger
) -> list[tuple[list[Sheet], list[Sheet]]]:
    """List both piles with any two neighbours of either joined."""
    return [
        *((one, told) for one in _shorter(true, ledger)),
        *((true, one) for one in _shorter(told, ledger)),
    ]


def _shorter(pile: list[Sheet], ledger: Ledger) -> list[list[Sheet]]:
    """List a pile with each two neighbours joined."""
    return [
        [*pile[:i], ledger.joined(pile[i], pile[i + 1]), *pile[i + 2 :]]
        for i in range(len(pile) - 1)
    ]


def _compared(true: Sheet, told: Sheet) -> Score:
    is_there = true.alpha > 0
    rgb = float(np.abs(true.color[is_there] - told.color[is_there]).mean()) if is_there.any() else 0
    common = float(np.minimum(true.alpha, told.alpha).sum(dtype=np.float64))
    both = true.area + told.area - common
    return Score(rgb, common / both if both > 0 else 1.0)
