"""Which of several uncovered things comes off first; none of them covers another."""

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from birefcli.image.types import Matte, Rgb
from birefcli.peel.instances.instance import Instance
from birefcli.stack.types import Kind


def sort_by_priority(
    things: Sequence[Instance],
    picture: Rgb,
    kind: Kind,
    disparity: NDArray[np.float32] | None = None,
    certainty: Mapping[int, float] | None = None,
) -> list[Instance]:
    """Sort things, nearest first, by what a picture of this kind suggests.

    `certainty`, by number, is how sure it is that nothing covers a thing: surer ones come first.
    """
    masks = [_solid(thing.matte) for thing in things]
    small = _ranks([-int(mask.sum()) for mask in masks])
    large = 1 - small
    if kind != Kind.PHOTO:
        low = _ranks([float(np.mean(np.flatnonzero(mask.any(1)))) for mask in masks])
        scores = 0.6 * small + 0.4 * low
    else:
        contact = _ranks([_lowest_row(mask) for mask in masks])
        sharp = _ranks([_sharpness(picture, mask) for mask in masks])
        if disparity is None:
            scores = 0.5 * contact + 0.3 * large + 0.2 * sharp
        else:
            near = _ranks([float(np.median(disparity[mask])) for mask in masks])
            scores = 0.5 * near + 0.25 * contact + 0.15 * large + 0.1 * sharp
    # What a network is about as sure of is equal; what is below a tenth is its noise.
    sure = [0.0 if certainty is None else round(certainty[thing.number], 1) for thing in things]
    order = sorted(range(len(things)), key=lambda i: (-sure[i], -scores[i], things[i].number))
    return [things[i] for i in order]


def _solid(matte: Matte) -> NDArray[np.bool_]:
    """Give where a matte is above a half; where it nowhere is, its strongest pixels."""
    support = matte > 0.5
    return support if support.any() else matte >= matte.max()


def _ranks(values: Sequence[float]) -> NDArray[np.float64]:
    """Give every value its rank, 0 for the smallest to 1 for the largest; alone it is 1."""
    if len(values) < 2:
        return np.ones(len(values))
    return np.argsort(np.argsort(values, kind="stable")) / (len(values) - 1)


def _lowest_row(mask: NDArray[np.bool_]) -> int:
    """Where a thing stands; one cut off by the lower edge stands nearer than all."""
    return int(np.flatnonzero(mask.any(1))[-1])


def _sharpness(picture: Rgb, mask: NDArray[np.bool_]) -> float:
    """The mean step of brightness across an outline."""
    small = mask.astype(np.uint8)
    edge = cv2.morphologyEx(small, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    slope = cv2.morphologyEx(grey, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    return float(slope[edge].mean()) if edge.any() else 0.0
