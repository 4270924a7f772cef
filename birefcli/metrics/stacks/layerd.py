"""The LayerD score: stacks aligned back to front, and scored again after merging a few layers.

Our own form of the measure described by Suzuki et al., "LayerD: Decomposing Raster Graphic
Designs into Layers", 2025. Layers that do not meet count as one; a pair costs the mean of its
difference in colour, over what is there in truth, and of what its alphas lack in overlap.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from birefcli.image import Rgb, Rgba
from birefcli.metrics.stacks.table import MERGES

_Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class MergedLayers:
    """Some layers laid together: colours (H, W, 3) and alpha (H, W), both in 0…1."""

    color: _Floats
    alpha: _Floats

    @classmethod
    def of(cls, rgba: Rgba) -> "MergedLayers":
        """Take one layer."""
        values = np.asarray(rgba / np.float32(255), np.float32)
        return cls(values[..., :3], values[..., 3])

    def under(self, other: "MergedLayers") -> "MergedLayers":
        """Lay another one over it."""
        share = other.alpha[..., None]
        rest = self.alpha[..., None] * (1 - share)
        alpha = share + rest
        mixed = other.color * share + self.color * rest
        color = np.asarray(mixed / np.maximum(alpha, 1e-6), np.float32)
        return MergedLayers(color, alpha[..., 0])

    @cached_property
    def area(self) -> float:
        """The sum of its alpha."""
        return float(self.alpha.sum(dtype=np.float64))


@dataclass(frozen=True)
class LayerdScore:
    """How far two stacks are apart: colours in 0…1, and the overlap of alphas."""

    rgb: float
    iou: float

    @property
    def cost(self) -> float:
        """The mean of the colours' difference and of what the overlap lacks; 0 for the same."""
        return (self.rgb + 1 - self.iou) / 2


class ScoreCache:
    """Scores and merges of pairs of layers, each worked out once."""

    def __init__(self) -> None:
        # The layers are kept too, so that no other can have their id.
        self._known: dict[tuple[int, int], tuple[MergedLayers, MergedLayers, LayerdScore]] = {}
        self._joined: dict[tuple[int, int], tuple[MergedLayers, MergedLayers, MergedLayers]] = {}

    def score(self, true: MergedLayers, predicted: MergedLayers) -> LayerdScore:
        """Compare merged layers; the colour counts wherever the true one is not clear."""
        key = id(true), id(predicted)
        if key not in self._known:
            self._known[key] = true, predicted, _compared(true, predicted)
        return self._known[key][2]

    def joined(self, lower: MergedLayers, upper: MergedLayers) -> MergedLayers:
        """Lay one over another."""
        key = id(lower), id(upper)
        if key not in self._joined:
            self._joined[key] = lower, upper, lower.under(upper)
        return self._joined[key][2]


def layerd_scores(
    true: tuple[Rgb, Sequence[Rgba]], predicted: tuple[Rgb, Sequence[Rgba]], least: int
) -> list[LayerdScore]:
    """Score two stacks, each a background and its layers (H, W, 4), after at most 0…5 merges.

    Layers meet where both have an alpha above `least`. A merge joins two neighbours on either
    side, and is only done where that brings the stacks nearer.
    """
    stacks = grouped(*true, least), grouped(*predicted, least)
    cache = ScoreCache()
    scores = [aligned(*stacks, cache)]
    while len(scores) <= MERGES:
        tried = [(aligned(*edited, cache), edited) for edited in _edits(*stacks, cache)]
        best = min(tried, key=lambda one: one[0].cost, default=None)
        if best is None or best[0].cost >= scores[-1].cost:
            scores += [scores[-1]] * (MERGES + 1 - len(scores))
            break
        scores.append(best[0])
        stacks = best[1]
    return scores


def grouped(background: Rgb, layers: Sequence[Rgba], least: int) -> list[MergedLayers]:
    """Merge layers that do not overlap, from the nearest on; the background stays alone."""
    depths: list[int] = []
    for number, layer in enumerate(reversed(layers)):
        above = list(reversed(layers))[:number]
        meets = [
            depth
            for depth, other in zip(depths, above, strict=True)
            if ((layer[..., 3] > least) & (other[..., 3] > least)).any()
        ]
        depths.append(1 + max(meets, default=0))
    merged: dict[int, MergedLayers] = {}
    for depth, layer in zip(reversed(depths), layers, strict=True):
        one = MergedLayers.of(layer)
        merged[depth] = merged[depth].under(one) if depth in merged else one
    opaque = np.full(background.shape[:2], 255, np.uint8)
    return [
        MergedLayers.of(np.dstack([background, opaque])),
        *(merged[depth] for depth in sorted(merged, reverse=True)),
    ]


def aligned(
    true: Sequence[MergedLayers], predicted: Sequence[MergedLayers], cache: ScoreCache
) -> LayerdScore:
    """Align two stacks from back to front by dynamic time warping; the mean along the path."""
    pairs = [[cache.score(a, b) for b in predicted] for a in true]
    # The cheapest path to each pair: its cost, and its steps.
    paths: dict[tuple[int, int], tuple[float, tuple[LayerdScore, ...]]] = {}
    for i, row in enumerate(pairs):
        for j, here in enumerate(row):
            before = [paths[at] for at in ((i - 1, j - 1), (i - 1, j), (i, j - 1)) if at in paths]
            cost, steps = min(before, key=lambda path: path[0], default=(0.0, ()))
            paths[i, j] = cost + here.cost, (*steps, here)
    steps = paths[len(true) - 1, len(predicted) - 1][1]
    return LayerdScore(
        float(np.mean([step.rgb for step in steps])), float(np.mean([step.iou for step in steps]))
    )


def _edits(
    true: list[MergedLayers], predicted: list[MergedLayers], cache: ScoreCache
) -> list[tuple[list[MergedLayers], list[MergedLayers]]]:
    """List both stacks with any two neighbours of either joined."""
    return [
        *((one, predicted) for one in _shorter(true, cache)),
        *((true, one) for one in _shorter(predicted, cache)),
    ]


def _shorter(stack: list[MergedLayers], cache: ScoreCache) -> list[list[MergedLayers]]:
    """List a stack with each two neighbours joined."""
    return [
        [*stack[:i], cache.joined(stack[i], stack[i + 1]), *stack[i + 2 :]]
        for i in range(len(stack) - 1)
    ]


def _compared(true: MergedLayers, predicted: MergedLayers) -> LayerdScore:
    is_there = true.alpha > 0
    rgb = (
        float(np.abs(true.color[is_there] - predicted.color[is_there]).mean())
        if is_there.any()
        else 0
    )
    common = float(np.minimum(true.alpha, predicted.alpha).sum(dtype=np.float64))
    both = true.area + predicted.area - common
    return LayerdScore(rgb, common / both if both > 0 else 1.0)
