"""Taking one matte of several touching things apart, where outlines and colours say so."""

from itertools import combinations

import cv2
import numpy as np
from numpy.typing import NDArray

from birefcli.arrays import Matte, Rgb, rescale
from birefcli.matte import bounding_box, pad_box
from birefcli.peel.order import depth_cue, forks, solidity
from birefcli.peel.regions import border_pairs, histogram, regions_of
from birefcli.peel.things import Labels, Mask, continued

WORK_SIDE = 192  # pixels of the longer side that regions are looked for at
_LEAST_JUNCTION = 0.5
_CONTRAST, _CONTRAST_SHARE = 1.8, 0.5  # times the gradient inside, along so much of the border
_LEAST_STEP = 4.0  # levels that a border shows at least
_SOLID, _NOT_SOLID = 0.8, 0.75
_DEPTH_STEP = 0.15  # of the depth's spread
_DARK = 150  # sum of three channels, up to which an outline is dark
_VOTES = 2  # of four signs, that make two things of one
_BROKEN_GAP, _BROKEN_ALIKE = 2, 0.9  # pixels and likeness that join the parts of one thing


def taken_apart(
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
    owner = continued(labels, labels == 0)
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
        look = histogram(rgb, part)
        for at, other in enumerate(joined):
            if (grown & other).any() and look @ histogram(rgb, other) > _BROKEN_ALIKE:
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
    # Two things on both sides of a drawn line do not touch; the line goes to the nearer one.
    drawn = drawn_lines(small_rgb) if factor == 1 else np.zeros(small, bool)
    regions = regions_of(
        small_rgb, small_mask & ~drawn if (small_mask & ~drawn).any() else small_mask
    )
    regions = believed(small_rgb, regions, least / factor**2, depth)
    regions = np.where(small_mask, continued(regions, drawn & (regions == 0)), 0).astype(np.int32)
    regions = same_again(small_rgb, regions)
    parts = np.where(inside, 1, 0).astype(np.int32)
    if regions.max() > 1:
        parts = sharpened(picture, regions, inside)
    labels = np.zeros(size, np.int32)
    labels[near] = parts
    return labels


def believed(
    rgb: Rgb, regions: Labels, least: float, disparity: NDArray[np.float32] | None = None
) -> Labels:
    """Join regions again where fewer than two of four signs say that they are two things."""
    regions = regions.copy()
    grey_step = _slopes(rgb)
    while True:
        doubtful: list[tuple[float, int, int]] = []
        for one, other in border_pairs(regions):
            a, b = regions == one, regions == other
            strength = _signs(grey_step, a, b, disparity)
            if min(a.sum(), b.sum()) < least:
                strength = -1.0
            if strength < _VOTES:
                doubtful.append((strength, one, other))
        if not doubtful:
            break
        _, one, other = min(doubtful)
        regions[regions == other] = one
    numbers = np.unique(regions, return_inverse=True)[1].reshape(regions.shape)
    return (numbers + (0 if (regions == 0).any() else 1)).astype(np.int32)


def same_again(rgb: Rgb, regions: Labels) -> Labels:
    """Join regions of one look that do not touch: pieces that something in front, or a gap, cut."""
    beside = set(border_pairs(regions))
    numbers = [int(n) for n in np.unique(regions) if n > 0]
    looks = {n: histogram(rgb, regions == n) for n in numbers}
    owner = np.arange(int(regions.max()) + 1)
    for one, other in combinations(numbers, 2):
        if (one, other) not in beside and looks[one] @ looks[other] > _BROKEN_ALIKE:
            owner[owner == owner[other]] = owner[one]
    joined = np.unique(owner[regions], return_inverse=True)[1].reshape(regions.shape)
    return (joined + (0 if (regions == 0).any() else 1)).astype(np.int32)


def _signs(
    slopes: NDArray[np.float32], a: Mask, b: Mask, disparity: NDArray[np.float32] | None
) -> float:
    """Count the signs that two neighbours are two things."""
    square = np.ones((3, 3), np.uint8)
    grown_a, grown_b = (cv2.dilate(m.astype(np.uint8), square) > 0 for m in (a, b))
    border = (a & grown_b) | (b & grown_a)
    interior = (a | b) & ~(cv2.dilate(border.astype(np.uint8), square) > 0)
    usual = float(np.median(slopes[interior])) if interior.any() else 0.0
    strong = slopes[border] > max(_CONTRAST * usual, _LEAST_STEP)
    ends = forks(a, b)
    markings = sum(fork.is_marking for fork in ends)
    if ends and markings * 2 > len(ends):
        return 0
    count = int(bool(ends))
    count += int(strong.mean() >= _CONTRAST_SHARE)
    if disparity is not None:
        step = depth_cue(a, b, disparity)
        count += int(step is not None and abs(step) > _DEPTH_STEP)
    count += int(min(solidity(a), solidity(b)) >= _SOLID and solidity(a | b) < _NOT_SOLID)
    return count


def drawn_lines(rgb: Rgb) -> Mask:
    """Find the lines one pixel wide in a picture's darkest colour, as pixel art outlines things."""
    brightness = rgb.astype(np.int32).sum(-1)
    dark = np.all(rgb == rgb.reshape(-1, 3)[brightness.argmin()], axis=-1)
    thick = cv2.morphologyEx(dark.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)) > 0
    # One colour that fills areas draws no lines.
    if not dark.any() or thick.sum() * 2 > dark.sum() or brightness.min() > _DARK:
        return np.zeros(dark.shape, bool)
    return np.asarray(dark & ~thick, np.bool_)


def sharpened(rgb: Rgb, regions: Labels, mask: Mask) -> Labels:
    """Bring regions found in a small picture to a large one's own edges, inside a mask."""
    height, width = mask.shape
    large: Labels = np.asarray(
        cv2.resize(regions, (width, height), interpolation=cv2.INTER_NEAREST), np.int32
    )
    if regions.shape == mask.shape:
        return np.where(mask, continued(large, large == 0), 0).astype(np.int32)
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
    return np.where(mask, continued(flooded, is_open), 0).astype(np.int32)


def _slopes(rgb: Rgb) -> NDArray[np.float32]:
    """Give the largest step in any channel around every pixel, in levels."""
    slopes = cv2.morphologyEx(rgb, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    return np.asarray(slopes.max(axis=-1), np.float32)
