"""An instance: one object in the picture that may become a layer, and who owns which pixel."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from birefcli.image import Labels, Matte
from birefcli.matte import Size
from birefcli.peeling.thresholds import SUPPORT


@dataclass(frozen=True, eq=False)
class Instance:
    """One object in the picture that may become a layer."""

    number: int  # in the order of finding, from 1
    matte: Matte  # (H, W), what is visible of it and what was completed since
    step: int  # the pass it was found in, from 1
    confidence: float  # mean matte on its support when it was found
    is_certain: bool = False  # its matte is the truth, so no edge is looked for


def label_map(instances: Iterable[Instance], size: Size) -> Labels:
    """Give every pixel (H, W) the number of the instance with most of it; 0 where all are faint.

    A pixel is the ground's where all instances together have at most half of it.
    """
    best, total = np.zeros(size, np.float32), np.zeros(size, np.float32)
    labels = np.zeros(size, np.int32)
    for instance in instances:
        is_better = instance.matte > best
        labels[is_better] = instance.number
        best[is_better] = instance.matte[is_better]
        total += instance.matte
    return np.where(total > SUPPORT, labels, 0).astype(np.int32)


def confidence_of(matte: Matte) -> float:
    """Give the mean of a matte (H, W) where it is above a half; 0 where it nowhere is."""
    support = matte > SUPPORT
    return float(matte[support].mean()) if support.any() else 0.0
