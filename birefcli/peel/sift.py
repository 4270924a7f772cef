"""What is worth a layer: sizes, doubts, ghosts and backdrops."""

from collections.abc import Sequence

import cv2
import numpy as np

from birefcli.image.types import Matte
from birefcli.peel.things import Mask, confidence_of
from birefcli.settings.peel import PeelSettings
from birefcli.stack.types import Kind, Stop, StopRule

_LEAST_PIXELS, _LEAST_ART_PIXELS = 64, 12
_SIDES = 3  # of the frame, that a backdrop touches
_CLOSE = 0.02  # of the picture's shorter side, around what was taken off


def least_area(kind: Kind, pixels: int, settings: PeelSettings) -> float:
    """Give the pixels that a thing must cover in a picture of so many."""
    if kind == Kind.PIXEL:
        return _LEAST_ART_PIXELS
    return max(_LEAST_PIXELS, settings.min_share * pixels)


def objection(
    matte: Matte,
    *,
    kind: Kind,
    invented: Mask,
    peeled: Sequence[Mask],
    settings: PeelSettings,
    is_certain: bool = False,
) -> Stop | None:
    """Say what speaks against making a layer of a matte (H, W); None where nothing does."""
    support = matte > 0.5
    area, least = int(support.sum()), least_area(kind, matte.size, settings)
    # What shows up only beside a layer is a scrap of it, or something that it hid.
    least = max([least, *(settings.scrap * int(mask.sum()) for mask in peeled)])
    if area < (1 if is_certain else least):
        return Stop(StopRule.NOTHING, f"{area} pixels found, {least:.0f} needed")
    if is_certain:
        return None
    if (doubt := _doubt(matte, settings)) is not None:
        return doubt
    share = float(invented[support].mean())
    if share > settings.hallucinated:
        return Stop(StopRule.HALLUCINATED, f"{share:.0%} of it was invented by a fill")
    for mask in peeled:
        overlap = _overlap(support, mask)
        if overlap > settings.ghost:
            return Stop(StopRule.GHOST, f"{overlap:.0%} the same as a layer already lifted")
    if peeled and (rest := _beside(support, peeled)) > settings.leftover:
        return Stop(StopRule.GHOST, f"{rest:.0%} of it lines what is already lifted")
    return _backdrop(support, settings)


def _doubt(matte: Matte, settings: PeelSettings) -> Stop | None:
    """Object to mattes that are neither here nor there."""
    confidence = confidence_of(matte)
    if confidence < settings.unsure:
        return Stop(StopRule.UNSURE, f"mean matte {confidence:.2f}, {settings.unsure} needed")
    shown = matte > 0.1
    soft = float((matte[shown] < 0.9).mean())
    # A small thing is all edge, so only what edges do not explain counts.
    if soft > settings.too_soft and confidence < 0.9:
        return Stop(StopRule.UNSURE, f"{soft:.0%} of it soft, at most {settings.too_soft:.0%}")
    return None


def _backdrop(support: Mask, settings: PeelSettings) -> Stop | None:
    """Object to what fills the picture or its frame."""
    share = float(support.mean())
    if share > settings.backdrop:
        return Stop(StopRule.BACKDROP, f"it covers {share:.0%} of the picture")
    edges = (support[0], support[-1], support[:, 0], support[:, -1])
    touched = sum(bool(edge.mean() > settings.backdrop_border) for edge in edges)
    if touched >= _SIDES:
        return Stop(StopRule.BACKDROP, f"it runs along {touched} sides of the picture")
    return None


def _beside(support: Mask, peeled: Sequence[Mask]) -> float:
    """Give how much of a thing lies in or close around what was taken off."""
    reach = max(1, round(_CLOSE * min(support.shape)))
    ball = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    around = cv2.dilate(np.any(peeled, axis=0).astype(np.uint8), ball) > 0
    return float(around[support].mean())


def _overlap(one: Mask, other: Mask) -> float:
    """Give the intersection over the union."""
    both = int(np.count_nonzero(one & other))
    return both / max(int(np.count_nonzero(one | other)), 1)
