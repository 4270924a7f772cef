"""What colours alone show: objects on an even backdrop, and occluders that no segmenter found."""

from collections.abc import Sequence

import cv2
import numpy as np

from birefcli.image import Mask, Matte, Rgb, rescale
from birefcli.peeling.geometry import SQUARE, solidity, working_size
from birefcli.peeling.instances.regions import color_histogram, segment_regions
from birefcli.peeling.instances.split import upsample_regions
from birefcli.peeling.order.cues import OcclusionCues, hull_cue, junction_cue
from birefcli.peeling.order.junctions import find_junctions
from birefcli.peeling.thresholds import (
    BACKDROP_LIKENESS,
    EVEN_BACKDROP,
    EVEN_STEP,
    OCCLUDER_GROUND,
    OCCLUDER_SCORE,
    OCCLUDER_SOLIDITY,
    REGION_SIDE,
)


def foreground_by_color(rgb: Rgb) -> Mask:
    """Mask (H, W) the regions whose colours are not those at the frame: the objects of flat art."""
    size = (rgb.shape[0], rgb.shape[1])
    factor, small_size = working_size(size, REGION_SIDE)
    small = rescale(rgb, small_size, cv2.INTER_NEAREST) if factor > 1 else rgb
    regions = segment_regions(small, np.ones(small_size, bool))
    frame = np.concatenate([regions[0], regions[-1], regions[:, 0], regions[:, -1]])
    looks = {int(n): color_histogram(small, regions == n) for n in np.unique(regions)}
    backdrop = [looks[int(n)] for n in np.unique(frame)]
    # Regions of the backdrop's looks belong to it wherever they are: stripes, checkers.
    is_object = np.zeros(int(regions.max()) + 1, bool)
    for number, look in looks.items():
        is_object[number] = not any(look @ other > BACKDROP_LIKENESS for other in backdrop)
    shown = is_object[regions]
    if not shown.any() or factor == 1:
        return np.asarray(shown, np.bool_)
    sides = np.where(shown, 2, 1).astype(np.int32)
    return np.asarray(upsample_regions(rgb, sides, np.ones(size, bool)) == 2)


def is_even_backdrop(rgb: Rgb, backdrop: Mask) -> bool:
    """Whether a backdrop (H, W) is drawn in even colours, so that what differs lies on it."""
    inner = cv2.erode(backdrop.astype(np.uint8), SQUARE) > 0
    steps = cv2.morphologyEx(rgb, cv2.MORPH_GRADIENT, SQUARE).max(axis=-1)[inner]
    return bool(inner.any() and (steps <= EVEN_STEP).mean() >= EVEN_BACKDROP)


def find_occluders(
    rgb: Rgb, found: Sequence[Matte], least: float, known: Mask | None = None
) -> tuple[Matte, ...]:
    """Find what no segmenter proposed although it clearly lies over an instance; mattes (H, W).

    It has at least `least` pixels, is solid, looks like nothing at the frame, and its outline goes
    on where that of one of the `found` mattes (H, W) ends. What is `known` (H, W) is not looked at.
    """
    if not found:
        return ()
    size = (rgb.shape[0], rgb.shape[1])
    factor, small_size = working_size(size, REGION_SIDE)
    small = rescale(rgb, small_size) if factor > 1 else rgb
    masks = [rescale(matte, small_size) > 0.5 for matte in found]
    ground = ~np.any(masks, axis=0)
    if known is not None:
        ground &= rescale(known.astype(np.float32), small_size) <= 0.5
    regions = segment_regions(small, ground)
    frame = np.concatenate([regions[0], regions[-1], regions[:, 0], regions[:, -1]])
    outer = [color_histogram(small, regions == n) for n in np.unique(frame) if n > 0]
    occluders: list[Matte] = []
    for number in sorted(set(range(1, int(regions.max()) + 1)) - set(frame.tolist())):
        mask = regions == number
        look = color_histogram(small, mask)
        if mask.sum() * factor**2 < least or any(look @ other > OCCLUDER_GROUND for other in outer):
            continue
        if solidity(mask) >= OCCLUDER_SOLIDITY and any(_lies_over(mask, other) for other in masks):
            sides = np.where(mask, 2, 1).astype(np.int32)
            whole = upsample_regions(rgb, sides, np.ones(size, bool)) == 2
            taken = np.clip(np.sum(found, axis=0), 0, 1)
            occluders.append(np.asarray(np.where(whole, 1 - taken, 0), np.float32))
    return tuple(occluders)


def _lies_over(mask: Mask, other: Mask) -> bool:
    """Whether the outline of a region goes straight on where another one's ends at it."""
    ends = find_junctions(mask, other)
    if not ends or any(end.is_marking for end in ends):
        return False
    return OcclusionCues(hull_cue(mask, other), junction_cue(mask, other)).score > OCCLUDER_SCORE
