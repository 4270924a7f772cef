"""Parting a matte into instances: connected parts, cut where outlines and colours say so."""

from itertools import combinations

import cv2
import numpy as np

from birefcli.image import Disparity, Labels, Mask, Matte, Rgb, rescale
from birefcli.peeling.geometry import (
    SQUARE,
    box_around,
    extend_labels,
    renumbered,
    square_kernel,
    window,
    working_size,
)
from birefcli.peeling.instances.borders import merge_unsupported
from birefcli.peeling.instances.regions import adjacent_regions, color_histogram, segment_regions
from birefcli.peeling.thresholds import (
    BROKEN_GAP,
    DARK_OUTLINE,
    DRAWN_LINE_EVIDENCE,
    FRAGMENT_SHARE,
    LEAST_PART,
    REGION_SIDE,
    SAME_LIKENESS,
    SUPPORT,
)


def split_instances(
    rgb: Rgb, matte: Matte, least: float, disparity: Disparity | None = None
) -> tuple[Matte, ...]:
    """Give one matte (H, W) for every object of at least `least` pixels that a matte (H, W) holds.

    Together they are the matte; none where it holds no such object.
    """
    support = matte > SUPPORT
    labels = np.zeros(matte.shape, np.int32)
    count = 0
    for component in _components(rgb, support, least):
        parts = _split_component(rgb, component, least, disparity)
        labels = np.where(parts > 0, parts + count, labels).astype(np.int32)
        count += int(parts.max())
    if not count:
        return ()
    # Every soft pixel, and every speck, belongs to the nearest instance.
    owner = extend_labels(labels, labels == 0)
    return tuple(
        np.where(owner == number, matte, np.float32(0)).astype(np.float32)
        for number in range(1, count + 1)
    )


def _components(rgb: Rgb, support: Mask, least: float) -> list[Mask]:
    """Give the connected parts large enough, those that a thin gap broke joined again."""
    _, labels = cv2.connectedComponents(support.astype(np.uint8), connectivity=8)
    sizes = np.bincount(labels.ravel())
    enough = max(1, least * FRAGMENT_SHARE)
    parts = [labels == n for n in range(1, len(sizes)) if sizes[n] >= enough]
    joined: list[Mask] = []
    for part in sorted(parts, key=lambda mask: -int(mask.sum())):
        around = cv2.dilate(part.astype(np.uint8), square_kernel(BROKEN_GAP)) > 0
        look = color_histogram(rgb, part)
        for at, other in enumerate(joined):
            if (around & other).any() and look @ color_histogram(rgb, other) > SAME_LIKENESS:
                joined[at] = other | part
                break
        else:
            joined.append(part)
    return [part for part in joined if np.count_nonzero(part) >= least]


def _split_component(rgb: Rgb, mask: Mask, least: float, disparity: Disparity | None) -> Labels:
    """Number the objects of one connected part (H, W) from 1; 0 lies outside."""
    near = window(box_around(mask, margin=2))
    inside, picture = mask[near], rgb[near]
    factor, small = working_size((inside.shape[0], inside.shape[1]), REGION_SIDE)
    small_rgb = rescale(picture, small) if factor > 1 else picture
    small_mask = rescale(inside.astype(np.float32), small) > 0.5 if factor > 1 else inside
    depth = None if disparity is None else rescale(disparity[near], small)
    # Lines are drawn at the art's own size.
    drawn = find_drawn_lines(small_rgb) if factor == 1 else np.zeros(small, bool)
    least = max(least, LEAST_PART * float(inside.sum())) / factor**2
    regions = _object_regions(small_rgb, small_mask, least, drawn, depth)
    parts = np.where(inside, 1, 0).astype(np.int32)
    if regions.max() > 1:
        parts = upsample_regions(picture, regions, inside)
    labels = np.zeros(mask.shape, np.int32)
    labels[near] = parts
    return labels


def _object_regions(
    rgb: Rgb, mask: Mask, least: float, drawn: Mask, disparity: Disparity | None
) -> Labels:
    """Cut a mask (H, W) into regions from 1, those merged that make up one object."""
    # Two objects on both sides of a drawn line do not touch; the line goes to the nearer one.
    between = mask & ~drawn
    regions = segment_regions(rgb, between if between.any() else mask)
    regions = merge_unsupported(rgb, regions, least, disparity)
    if drawn.any():
        regions = np.where(mask, extend_labels(regions, drawn & (regions == 0)), 0).astype(np.int32)
        regions = merge_unsupported(rgb, regions, least, disparity, prior=DRAWN_LINE_EVIDENCE)
    whole = merge_lookalikes(rgb, regions)
    if whole.max() < regions.max():
        # Parts that lie between one another, as stripes do, show it only when they are merged.
        whole = merge_unsupported(rgb, whole, least, disparity)
    return whole


def merge_lookalikes(rgb: Rgb, regions: Labels) -> Labels:
    """Merge regions (H, W) of like colours that do not touch: one object cut by something in front.

    Regions are numbered anew from 1; 0 stays the ground.
    """
    beside = set(adjacent_regions(regions))
    numbers = [int(n) for n in np.unique(regions) if n > 0]
    looks = {n: color_histogram(rgb, regions == n) for n in numbers}
    owner = np.arange(int(regions.max()) + 1)
    for one, other in combinations(numbers, 2):
        if (one, other) not in beside and looks[one] @ looks[other] > SAME_LIKENESS:
            owner[owner == owner[other]] = owner[one]
    return renumbered(owner[regions], has_ground=bool((regions == 0).any()))


def find_drawn_lines(rgb: Rgb) -> Mask:
    """Find the lines (H, W) one pixel wide in a picture's darkest colour, as pixel art outlines."""
    brightness = rgb.astype(np.int32).sum(-1)
    dark = np.all(rgb == rgb.reshape(-1, 3)[brightness.argmin()], axis=-1)
    thick = cv2.morphologyEx(dark.astype(np.uint8), cv2.MORPH_OPEN, SQUARE) > 0
    # One colour that fills areas draws no lines.
    if not dark.any() or thick.sum() * 2 > dark.sum() or brightness.min() > DARK_OUTLINE:
        return np.zeros(dark.shape, bool)
    return np.asarray(dark & ~thick, np.bool_)


def upsample_regions(rgb: Rgb, regions: Labels, mask: Mask) -> Labels:
    """Bring regions (h, w) from 1 of a small picture to the edges of a large one, inside a mask.

    The picture (H, W, 3) and the mask (H, W) are the large one's, and so is the result (H, W).
    """
    height, width = mask.shape
    large: Labels = np.asarray(
        cv2.resize(regions, (width, height), interpolation=cv2.INTER_NEAREST), np.int32
    )
    if regions.shape == mask.shape:
        return np.where(mask, extend_labels(large, large == 0), 0).astype(np.int32)
    # What is near a border is decided again, flooded from both sides of it.
    reach = int(np.ceil(max(height / regions.shape[0], width / regions.shape[1]))) + 1
    kernel = square_kernel(reach)
    markers = np.zeros(mask.shape, np.int32)
    for number in range(1, int(regions.max()) + 1):
        part = (large == number) & mask
        sure = cv2.erode(part.astype(np.uint8), kernel, borderValue=1) > 0
        markers[sure if sure.any() else part] = number
    outside = int(regions.max()) + 1
    markers[~mask] = outside
    flooded: Labels = np.asarray(cv2.watershed(np.ascontiguousarray(rgb), markers.copy()), np.int32)
    is_open = (flooded <= 0) | (flooded == outside)
    return np.where(mask, extend_labels(flooded, is_open), 0).astype(np.int32)
