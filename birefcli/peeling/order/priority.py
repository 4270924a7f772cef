"""Priority: which of several uncovered instances comes off first; none of them covers another."""

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from birefcli.image import Disparity, Mask, Matte, Rgb
from birefcli.peeling.geometry import SQUARE
from birefcli.peeling.instances.instance import Instance
from birefcli.peeling.thresholds import (
    DRAWN_PRIORITY,
    PHOTO_DEPTH_PRIORITY,
    PHOTO_PRIORITY,
    SUPPORT,
)
from birefcli.stack import PictureKind


def sort_by_priority(
    instances: Sequence[Instance],
    picture: Rgb,
    kind: PictureKind,
    disparity: Disparity | None = None,
    certainty: Mapping[int, float] | None = None,
) -> list[Instance]:
    """Sort instances, nearest first, by what a picture of this kind suggests.

    `certainty`, by number, is how sure it is that nothing covers an instance: surer ones come
    first, whatever else speaks for others.
    """
    masks = [_support(instance.matte) for instance in instances]
    small = _ranks([-int(mask.sum()) for mask in masks])
    large = 1 - small
    if kind != PictureKind.PHOTO:
        weights = DRAWN_PRIORITY
        low = _ranks([float(np.mean(np.flatnonzero(mask.any(1)))) for mask in masks])
        scores = weights.small * small + weights.low * low
    else:
        contact = _ranks([_lowest_row(mask) for mask in masks])
        sharp = _ranks([_sharpness(picture, mask) for mask in masks])
        if disparity is None:
            weights = PHOTO_PRIORITY
            scores = weights.contact * contact + weights.large * large + weights.sharp * sharp
        else:
            weights = PHOTO_DEPTH_PRIORITY
            near = _ranks([float(np.median(disparity[mask])) for mask in masks])
            scores = (
                weights.near * near
                + weights.contact * contact
                + weights.large * large
                + weights.sharp * sharp
            )
    # What a network is about as sure of is equal; what is below a tenth is its noise.
    sure = [0.0 if certainty is None else round(certainty[one.number], 1) for one in instances]
    order = sorted(range(len(instances)), key=lambda i: (-sure[i], -scores[i], instances[i].number))
    return [instances[i] for i in order]


def _support(matte: Matte) -> Mask:
    """Give where a matte is above a half; where it nowhere is, its strongest pixels."""
    support = matte > SUPPORT
    return support if support.any() else matte >= matte.max()


def _ranks(values: Sequence[float]) -> NDArray[np.float64]:
    """Give every value its rank, 0 for the smallest to 1 for the largest; alone it is 1."""
    if len(values) < 2:
        return np.ones(len(values))
    return np.argsort(np.argsort(values, kind="stable")) / (len(values) - 1)


def _lowest_row(mask: Mask) -> int:
    """Give the row that an instance stands on; cut off by the lower edge it stands nearest."""
    return int(np.flatnonzero(mask.any(1))[-1])


def _sharpness(picture: Rgb, mask: Mask) -> float:
    """Give the mean step of brightness across an outline, in levels."""
    edge = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_GRADIENT, SQUARE) > 0
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    slope = cv2.morphologyEx(grey, cv2.MORPH_GRADIENT, SQUARE)
    return float(slope[edge].mean()) if edge.any() else 0.0
