"""Regions of like colours: a picture cut along its edges by a graph, then merged."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from birefcli.image import Labels, Mask, Rgb
from birefcli.peeling.geometry import renumbered
from birefcli.peeling.thresholds import (
    COLOR_BINS,
    MERGE_LIKENESS,
    MERGE_PER_LEVEL,
    REGION_PIXELS,
    REGION_SHARE,
    REGION_TOLERANCE,
    TINY_BONUS,
    TINY_REGION,
)

# From a pixel to the four of its eight neighbours that come after it: (rows, columns).
_STEPS = ((0, 1), (1, 0), (1, 1), (1, -1))


@dataclass(frozen=True, eq=False)
class _Edges:
    """Neighbouring pixels (N,) by flat index, and how far their colours are apart in levels."""

    one: NDArray[np.intp]
    other: NDArray[np.intp]
    weight: NDArray[np.float32]


def segment_regions(rgb: Rgb, mask: Mask) -> Labels:
    """Cut what is in a mask (H, W) into regions from 1 that look different; 0 lies outside.

    A graph cut (Felzenszwalb and Huttenlocher, 2004), then merging by colour. Meant for pictures of
    some hundred pixels to a side: time grows with their number.
    """
    if not mask.any():
        return np.zeros(mask.shape, np.int32)
    edges = _edges_in(rgb, mask)
    least = max(REGION_PIXELS, int(REGION_SHARE * np.count_nonzero(mask)))
    labels = _graph_cut(edges, mask, least)
    return _merged(rgb, labels, edges)


def adjacent_regions(labels: Labels) -> Iterable[tuple[int, int]]:
    """List the pairs of regions, lower number first, that are neighbours."""
    pairs: set[tuple[int, int]] = set()
    for one, other in ((labels[:, :-1], labels[:, 1:]), (labels[:-1], labels[1:])):
        is_border = (one != other) & (one > 0) & (other > 0)
        met = np.sort(np.stack([one[is_border], other[is_border]], axis=1), axis=1)
        pairs.update((int(a), int(b)) for a, b in np.unique(met, axis=0))
    return sorted(pairs)


def color_histogram(rgb: Rgb, mask: Mask) -> NDArray[np.float64]:
    """Give the square roots (512,) of the shares of coarse colours in a mask (H, W).

    The dot product of two is their likeness, the Bhattacharyya coefficient, 0…1.
    """
    binned = rgb[mask].astype(np.intp) * COLOR_BINS // 256
    weights = np.array([COLOR_BINS * COLOR_BINS, COLOR_BINS, 1])
    counts = np.bincount(binned @ weights, minlength=COLOR_BINS**3)
    return np.asarray(np.sqrt(counts / max(1, counts.sum())), np.float64)


def _edges_in(rgb: Rgb, mask: Mask) -> _Edges:
    """Join every pixel of the mask to its neighbours in it."""
    height, width = mask.shape
    index = np.arange(height * width).reshape(height, width)
    values = rgb.astype(np.float32)
    ones, others, weights = [], [], []
    for dy, dx in _STEPS:
        rows = slice(0, height - dy), slice(dy, height)
        columns = (slice(max(0, -dx), width - max(0, dx)), slice(max(0, dx), width + min(0, dx)))
        here, there = (rows[0], columns[0]), (rows[1], columns[1])
        both = mask[here] & mask[there]
        ones.append(index[here][both])
        others.append(index[there][both])
        weights.append(np.linalg.norm(values[here] - values[there], axis=-1)[both])
    return _Edges(np.concatenate(ones), np.concatenate(others), np.concatenate(weights))


def _graph_cut(edges: _Edges, mask: Mask, least: int) -> Labels:
    """Join pixels along ever stronger edges, as far as regions tolerate; then join the small."""
    order = np.argsort(edges.weight, kind="stable")
    ones, others = edges.one[order].tolist(), edges.other[order].tolist()
    weights = edges.weight[order].tolist()
    parent = list(range(mask.size))
    size = [1] * mask.size
    limit = [REGION_TOLERANCE] * mask.size

    def root(node: int) -> int:
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    def join(a: int, b: int) -> int:
        if size[a] < size[b]:
            a, b = b, a
        parent[b] = a
        size[a] += size[b]
        return a

    apart = []
    for one, other, weight in zip(ones, others, weights, strict=True):
        a, b = root(one), root(other)
        if a != b:
            if weight <= limit[a] and weight <= limit[b]:
                a = join(a, b)
                limit[a] = weight + REGION_TOLERANCE / size[a]
            else:
                apart.append((a, b))
    for one, other in apart:
        a, b = root(one), root(other)
        if a != b and (size[a] < least or size[b] < least):
            join(a, b)
    roots = np.array([root(node) for node in np.flatnonzero(mask).tolist()])
    labels = np.zeros(mask.shape, np.int32)
    labels[mask] = np.unique(roots, return_inverse=True)[1] + 1
    return labels


def _merged(rgb: Rgb, labels: Labels, edges: _Edges) -> Labels:
    """Merge neighbouring regions whose colours are alike, the most alike first."""
    count = int(labels.max())
    owner = np.arange(count + 1)
    total = np.count_nonzero(labels)
    areas = np.bincount(labels.ravel(), minlength=count + 1).astype(float)
    looks = np.stack([color_histogram(rgb, labels == n) ** 2 * areas[n] for n in range(count + 1)])
    borders = _borders(labels, edges)

    def likeness(pair: tuple[int, int]) -> float:
        one, other = pair
        alike = float(np.sqrt(looks[one] * looks[other]).sum() / np.sqrt(areas[one] * areas[other]))
        tiny = min(areas[one], areas[other]) < TINY_REGION * total
        return float(alike - MERGE_PER_LEVEL * float(np.median(borders[pair])) + TINY_BONUS * tiny)

    scores = {pair: likeness(pair) for pair in borders}
    while scores:
        best = max(scores, key=lambda pair: (scores[pair], pair))
        if scores[best] <= MERGE_LIKENESS:
            break
        keep, gone = best
        owner[owner == gone] = keep
        areas[keep] += areas[gone]
        looks[keep] += looks[gone]
        for pair in [pair for pair in borders if gone in pair]:
            rest = borders.pop(pair)
            scores.pop(pair)
            third = pair[0] if pair[1] == gone else pair[1]
            if third != keep:
                new = min(keep, third), max(keep, third)
                borders[new] = np.concatenate([borders.get(new, rest[:0]), rest])
        for pair in [pair for pair in borders if keep in pair]:
            scores[pair] = likeness(pair)
    return renumbered(owner[labels], has_ground=bool((labels == 0).any()))


def _borders(labels: Labels, edges: _Edges) -> dict[tuple[int, int], NDArray[np.float32]]:
    """Collect the weights of the edges between every two neighbouring regions."""
    one, other = labels.ravel()[edges.one], labels.ravel()[edges.other]
    is_border = one != other
    low, high = np.minimum(one, other)[is_border], np.maximum(one, other)[is_border]
    weight = edges.weight[is_border]
    order = np.lexsort((high, low))
    low, high, weight = low[order], high[order], weight[order]
    starts = np.flatnonzero(np.diff(low, prepend=-1) | np.diff(high, prepend=-1))
    parts = np.split(weight, starts[1:])
    return (
        {(int(low[at]), int(high[at])): part for at, part in zip(starts, parts, strict=True)}
        if len(low)
        else {}
    )
