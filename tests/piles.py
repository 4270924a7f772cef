"""Truths and stacks of soft disks, for tests of the metrics of stacks."""

import numpy as np
from stacks import soft_disk

from birefcli.image.types import Rgb, Rgba
from birefcli.metrics.stacks.truth import PredictedStack, Truth, left_visible, mattes_of

SIZE = (48, 64)


def disk(x: int, seed: int = 0, reach: int = 14) -> Rgba:
    """A soft disk of noise at a column."""
    return soft_disk(SIZE, (SIZE[0] // 2, x), reach, np.random.default_rng(seed))


def ground(seed: int = 9) -> Rgb:
    return np.random.default_rng(seed).integers(0, 90, (*SIZE, 3)).astype(np.uint8)


def disks(*columns: int) -> Truth:
    """A truth of disks from the bottom up; those whose middles are near overlap in pairs."""
    layers = tuple(disk(x, seed) for seed, x in enumerate(columns))
    solid = [layer[..., 3] > 127 for layer in layers]
    pairs = tuple(
        (front, behind)
        for front in range(len(layers))
        for behind in range(front)
        if (solid[front] & solid[behind]).sum() >= 40
    )
    return Truth(
        background=ground(),
        layers=layers,
        visible=left_visible(mattes_of(layers)),
        pairs=pairs,
        uncovered=tuple(range(len(layers)))[-1:],
        is_shadowed=np.zeros(SIZE, bool),
        has_palette=False,
    )


def told(truth: Truth, *layers: Rgba) -> PredictedStack:
    """A stack with the true background."""
    return PredictedStack(truth.background, layers, np.zeros(SIZE, bool))
