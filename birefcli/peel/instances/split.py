"""Taking one matte of several touching things apart, where outlines and colours say so."""

from itertools import combinations

import cv2
import numpy as np
from numpy.typing import NDArray

from birefcli.image.types import Labels, Mask, Matte, Rgb, rescale
from birefcli.matte.morphology import bounding_box, pad_box
from birefcli.peel.instances.borders import merge_unsupported
from birefcli.peel.instances.instance import extend_labels
from birefcli.peel.instances.regions import adjacent_regions, color_histogram, segment_regions

WORK_SIDE = 192  # pixels of the longer side that regions are looked for at
_LEAST_PART = 0.015  # of what touches, that a thing of its own covers: a stem is none
_DRAWN = 1.5  # evidence that a drawn line is by itself
_DARK = 150  # sum of three channels, up to which an outline is dark
_BROKEN_GAP, _BROKEN_ALIKE = 2, 0.9  # pixels and likeness that join the parts of one thing


def split_instances(
    rgb: Rgb, matte: Matte, least: float, disparity: NDArray[np.float32] | None = None
) -> tuple[Matte, ...]:
    """Give one matte for every thing of at least so many pixels that a matte (H, W) holds."""
    support = matte > 0.5
    labels = np.zeros(matte.shape, np.int32)
    count = 0
    for component in _components(rgb, support, least):
        parts = _parts(rgb, component, least, disparity)
        labels = np.where(parts > 0, parts + count, labels).astype(np.int32)
        count += int(parts.max())
    if not count:
        return ()
    # Every soft pixel, and every speck, belongs to the nearest thing.
    owner = extend_labels(labels, labels == 0)
    return tuple(
        np.where(owner == number, matte, np.float32(0)).astype(np.float32)
        for number in range(1, count + 1)
    )


def _components(rgb: Rgb, support: Mask, least: float) -> list[Mask]:
    """Give the connected parts large enough, those that a thin gap broke joined again."""
    _, labels = cv2.connectedComponents(support.astype(np.uint8), connectivity=8)
    sizes = np.bincount(labels.ravel())
    parts = [labels == n for n in range(1, len(sizes)) if sizes[n] >= max(1, least / 4)]
    joined: list[Mask] = []
    side = 2 * _BROKEN_GAP + 1
    for part in sorted(parts, key=lambda mask: -int(mask.sum())):
        grown = cv2.dilate(part.astype(np.uint8), np.ones((side, side), np.uint8)) > 0
        look = color_histogram(rgb, part)
        for at, other in enumerate(joined):
            if (grown & other).any() and look @ color_histogram(rgb, other) > _BROKEN_ALIKE:
                joined[at] = other | part
                break
        else:
            joined.append(part)
    return [part for part in joined if np.count_nonzero(part) >= least]


def _parts(rgb: Rgb, mask: Mask, least: float, disparity: NDArray[np.float32] | None) -> Labels:
    """Number the things of one component from 1."""
    size = (mask.shape[0], mask.shape[1])
    box = bounding_box(mask.astype(np.float32), 0.5)
    assert box is not None
    left, top, right, bottom = pad_box(box, 2, size)
    near = slice(top, bottom), slice(left, right)
    inside, picture = mask[near], rgb[near]
    factor = max(1.0, max(inside.shape) / WORK_SIDE)
    small = (max(1, round(inside.shape[0] / factor)), max(1, round(inside.shape[1] / factor)))
    small_rgb = rescale(picture, small) if factor > 1 else picture
    small_mask = rescale(inside.astype(np.float32), small) > 0.5 if factor > 1 else inside
    depth = None if disparity is None else rescale(disparity[near], small)
    # Lines are drawn at the art's own size.
    drawn = find_drawn_lines(small_rgb) if factor == 1 else np.zeros(small, bool)
    least = max(least, _LEAST_PART * float(inside.sum())) / factor**2
    regions = _regions_of_things(small_rgb, small_mask, least, drawn, depth)
    parts = np.where(inside, 1, 0).astype(np.int32)
    if regions.max() > 1:
        parts = upsample_regions(picture, regions, inside)
    labels = np.zeros(size, np.int32)
    labels[near] = parts
    return labels


def _regions_of_things(
    rgb: Rgb, mask: Mask, least: float, drawn: Mask, disparity: NDArray[np.float32] | None
) -> Labels:
    """Cut a mask into regions from 1, those joined that make up one thing."""
    # Two things on both sides of a drawn line do not touch; the line goes to the nearer one.
    between = mask & ~drawn
    regions = segment_regions(rgb, between if between.any() else mask)
    regions = merge_unsupported(rgb, regions, least, disparity)
    if drawn.any():
        regions = np.where(mask, extend_labels(regions, drawn & (regions == 0)), 0).astype(np.int32)
        regions = merge_unsupported(rgb, regions, least, disparity, credit=_DRAWN)
    whole = merge_lookalikes(rgb, regions)
    if whole.max() < regions.max():
        # Pieces that lie between one another, as stripes do, show it only when they are joined.
        whole = merge_unsupported(rgb, whole, least, disparity)
    return whole


def merge_lookalikes(rgb: Rgb, regions: Labels) -> Labels:
    """Join regions of one look that do not touch: pieces that something in front, or a gap, cut."""
    beside = set(adjacent_regions(regions))
    numbers = [int(n) for n in np.unique(regions) if n > 0]
    looks = {n: color_histogram(rgb, regions == n) for n in numbers}
    owner = np.arange(int(regions.max()) + 1)
    for one, other in combinations(numbers, 2):
        if (one, other) not in beside and looks[one] @ looks[other] > _BROKEN_ALIKE:
            owner[owner == owner[other]] = owner[one]
    joined = np.unique(owner[regions], return_inverse=True)[1].reshape(regions.shape)
    return (joined + (0 if (regions == 0).any() else 1)).astype(np.int32)


def find_drawn_lines(rgb: Rgb) -> Mask:
    """Find the lines one pixel wide in a picture's darkest colour, as pixel art outlines things."""
    brightness = rgb.astype(np.int32).sum(-1)
    dark = np.all(rgb == rgb.reshape(-1, 3)[brightness.argmin()], axis=-1)
    thick = cv2.morphologyEx(dark.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)) > 0
    # One colour that fills areas draws no lines.
    if not dark.any() or thick.sum() * 2 > dark.sum() or brightness.min() > _DARK:
        return np.zeros(dark.shape, bool)
    return np.asarray(dark & ~thick, np.bool_)


def upsample_regions(rgb: Rgb, regions: Labels, mask: Mask) -> Labels:
    """Bring regions found in a small picture to a large one's own edges, inside a mask."""
    height, width = mask.shape
    large: Labels = np.asarray(
        cv2.resize(regions, (width, height), interpolation=cv2.INTER_NEAREST), np.int32
    )
    if regions.shape == mask.shape:
        return np.where(mask, extend_labels(large, large == 0), 0).astype(np.int32)
    # What is near a border is asked again, from both sides of it.
    reach = int(np.ceil(max(height / regions.shape[0], width / regions.shape[1]))) + 1
    ball = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    markers = np.zeros(mask.shape, np.int32)
    for number in range(1, int(regions.max()) + 1):
        part = (large == number) & mask
        sure = cv2.erode(part.astype(np.uint8), ball, borderValue=1) > 0
        markers[sure if sure.any() else part] = number
    outside = int(regions.max()) + 1
    markers[~mask] = outside
    flooded: Labels = np.asarray(cv2.watershed(np.ascontiguousarray(rgb), markers.copy()), np.int32)
    is_open = (flooded <= 0) | (flooded == outside)
    return np.where(mask, extend_labels(flooded, is_open), 0).astype(np.int32)
