"""Acceptance: which proposals become a layer, and the rule that each of the others breaks.

A proposal is judged when it is found, when it has its alpha, and when the hole behind it is filled.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from birefcli.image import Alpha, Mask, Matte
from birefcli.peeling.geometry import disk_kernel
from birefcli.peeling.instances.instance import confidence_of
from birefcli.peeling.thresholds import (
    BACKDROP_SIDES,
    HALF_ALPHA,
    LEAST_ART_PIXELS,
    LEAST_PIXELS,
    REMAINS_REACH,
    SOFT_FROM,
    SOFT_TO,
    SUPPORT,
    SURE_CONFIDENCE,
)
from birefcli.settings import PeelSettings
from birefcli.stack import PictureKind, StopReason, StopRule


def min_area_px(kind: PictureKind, pixels: int, settings: PeelSettings) -> float:
    """Give the pixels that an instance must cover in a picture of so many."""
    if kind == PictureKind.PIXEL:
        return LEAST_ART_PIXELS
    return max(LEAST_PIXELS, settings.min_share * pixels)


def rejection(
    matte: Matte,
    *,
    kind: PictureKind,
    invented: Mask,
    peeled: Sequence[Mask],
    settings: PeelSettings,
    is_certain: bool = False,
) -> StopReason | None:
    """Give the rule that a proposed matte (H, W) breaks; None where it is accepted.

    `invented` (H, W) is what fills made up so far, `peeled` the masks (H, W) of what was taken off.
    A certain matte only has to show something.
    """
    support = matte > SUPPORT
    area, least = int(support.sum()), min_area_px(kind, matte.size, settings)
    # What shows up only beside a layer is a scrap of it, or something that it hid.
    least = max([least, *(settings.scrap * int(mask.sum()) for mask in peeled)])
    if area < (1 if is_certain else least):
        return StopReason(StopRule.NOTHING, f"{area} pixels found, {least:.0f} needed")
    if is_certain:
        return None
    if (doubt := _unsure(matte, settings)) is not None:
        return doubt
    share = float(invented[support].mean())
    if share > settings.hallucinated:
        return StopReason(StopRule.HALLUCINATED, f"{share:.0%} of it was invented by a fill")
    for mask in peeled:
        overlap = _overlap(support, mask)
        if overlap > settings.ghost:
            return StopReason(StopRule.GHOST, f"{overlap:.0%} the same as a layer already lifted")
    if peeled and (rest := _remains(support, peeled)) > settings.leftover:
        return StopReason(StopRule.GHOST, f"{rest:.0%} of it lines what is already lifted")
    return _backdrop(support, settings)


def rejection_of_alpha(
    alpha: Alpha,
    *,
    kind: PictureKind,
    invented: Mask,
    settings: PeelSettings,
    is_certain: bool = False,
) -> StopReason | None:
    """Reject an instance of whose alpha (H, W) only scraps are seen, whatever fills completed."""
    if is_certain:
        return None if alpha.any() else StopReason(StopRule.NOTHING, "an edge left nothing of it")
    seen = int(((alpha > HALF_ALPHA) & ~invented).sum())
    least = min_area_px(kind, alpha.size, settings)
    if seen >= least:
        return None
    return StopReason(StopRule.NOTHING, f"{seen} pixels are seen of it, {least:.0f} needed")


def rejection_of_fill(change: float, settings: PeelSettings) -> StopReason | None:
    """Reject an instance that its own fill draws again: taking it off changes so few levels."""
    if change < settings.ghost_change:
        return StopReason(StopRule.GHOST, f"taking it off changes {change:.1f} levels")
    return None


def _unsure(matte: Matte, settings: PeelSettings) -> StopReason | None:
    """Reject a matte that is too faint on average or too soft for what it shows."""
    confidence = confidence_of(matte)
    if confidence < settings.unsure:
        return StopReason(StopRule.UNSURE, f"mean matte {confidence:.2f}, {settings.unsure} needed")
    shown = matte > SOFT_FROM
    soft = float((matte[shown] < SOFT_TO).mean())
    # A small instance is all edge, so only what edges do not explain counts.
    if soft > settings.too_soft and confidence < SURE_CONFIDENCE:
        return StopReason(
            StopRule.UNSURE, f"{soft:.0%} of it soft, at most {settings.too_soft:.0%}"
        )
    return None


def _backdrop(support: Mask, settings: PeelSettings) -> StopReason | None:
    """Reject what fills the picture or its frame."""
    share = float(support.mean())
    if share > settings.backdrop:
        return StopReason(StopRule.BACKDROP, f"it covers {share:.0%} of the picture")
    edges = (support[0], support[-1], support[:, 0], support[:, -1])
    touched = sum(bool(edge.mean() > settings.backdrop_border) for edge in edges)
    if touched >= BACKDROP_SIDES:
        return StopReason(StopRule.BACKDROP, f"it runs along {touched} sides of the picture")
    return None


def _remains(support: Mask, peeled: Sequence[Mask]) -> float:
    """Give the share of a support that lies in or close around what was taken off, 0…1."""
    kernel = disk_kernel(max(1, round(REMAINS_REACH * min(support.shape))))
    around = cv2.dilate(np.any(peeled, axis=0).astype(np.uint8), kernel) > 0
    return float(around[support].mean())


def _overlap(one: Mask, other: Mask) -> float:
    """Give the intersection over the union of two masks, 0…1."""
    both = int(np.count_nonzero(one & other))
    return both / max(int(np.count_nonzero(one | other)), 1)
