"""Things seen in a picture, and the protocol of whatever finds them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np

from birefcli.image.types import Labels, Mask, Matte, Rgb
from birefcli.matte.morphology import Size


@dataclass(frozen=True, eq=False)
class Proposal:
    """What was newly found in a picture: mattes (H, W) of what is visible of each thing.

    Mattes of different things may share soft pixels; together they never exceed 1 there.
    """

    mattes: tuple[Matte, ...] = ()
    # Mattes that are the truth are taken as they are: no edge is looked for, no doubt is had.
    is_certain: bool = False
    front: Matte | None = None  # (H, W), of what nothing covers, where somebody looked for it


class Proposer(Protocol):
    """Anything that finds things in a picture; an evaluation gives the truth through it."""

    def __call__(self, rgb: Rgb, known: Labels, step: int) -> Proposal:
        """Find what is not `known` yet in the picture (H, W, 3) of pass `step`, from 1.

        What a peel knows, and has completed behind what it took off, stays known without being
        proposed again.
        """


@dataclass(frozen=True)
class KnownMattes:
    """Proposes given visible mattes in the first pass and nothing later: the mask oracle."""

    mattes: tuple[Matte, ...]

    def __call__(self, rgb: Rgb, known: Labels, step: int) -> Proposal:
        """Give what is visible of every thing, the first time."""
        return Proposal(self.mattes if step == 1 else (), is_certain=True)


@dataclass(frozen=True, eq=False)
class Instance:
    """Something in the picture that may become a layer."""

    number: int  # in the order of finding, from 1
    matte: Matte  # (H, W), what is visible of it and what was completed since
    step: int  # the pass it was found in
    confidence: float  # mean matte on its support when it was found
    is_certain: bool = False


def label_map(things: Iterable[Instance], size: Size) -> Labels:
    """Give every pixel to the thing that has most of it, or to the ground."""
    best, total = np.zeros(size, np.float32), np.zeros(size, np.float32)
    labels = np.zeros(size, np.int32)
    for thing in things:
        is_better = thing.matte > best
        labels[is_better] = thing.number
        best[is_better] = thing.matte[is_better]
        total += thing.matte
    return np.where(total > 0.5, labels, 0).astype(np.int32)


def confidence_of(matte: Matte) -> float:
    """The mean matte where it is above a half; 0 where it nowhere is."""
    support = matte > 0.5
    return float(matte[support].mean()) if support.any() else 0.0


def extend_labels(labels: Labels, hole: Mask) -> Labels:
    """Give every pixel of a hole the label of the nearest pixel around it."""
    if hole.all() or not hole.any():
        return np.where(hole, 0, labels).astype(np.int32)
    # OpenCV numbers the zeros and tells every pixel the number of its nearest one.
    _, nearest = cv2.distanceTransformWithLabels(
        hole.astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    label_of = np.zeros(int(nearest.max()) + 1, np.int32)
    label_of[nearest[~hole]] = labels[~hole]
    return np.where(hole, label_of[nearest], labels).astype(np.int32)
