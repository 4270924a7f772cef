"""Holes, as every filler sees them: their box, rim and regions, and pasting a fill into one."""

from collections.abc import Iterator

import cv2
import numpy as np

from birefcli.image import Labels, Mask, Rgb
from birefcli.matte import Box, pad_box


def labels_matter(hole: Mask, labels: Labels | None) -> bool:
    """Whether several regions are told apart, so that they decide where a fill comes from."""
    return labels is not None and bool(hole.any()) and len(np.unique(labels)) > 1


def blind_fill(rgb: Rgb, hole: Mask) -> Rgb | None:
    """Return the fill that needs no inpainter: of an empty hole, and of one that is everything.

    It is a copy of the picture, or one of its commonest colour; None for any other hole.
    """
    if not hole.any():
        return rgb.copy()
    if hole.all():
        colors, counts = np.unique(rgb.reshape(-1, 3), axis=0, return_counts=True)
        return np.broadcast_to(colors[counts.argmax()], rgb.shape).copy()
    return None


def paste(rgb: Rgb, hole: Mask, filled: Rgb) -> Rgb:
    """Return `filled` inside the hole and the picture outside it (H, W, 3)."""
    return np.where(hole[..., None], filled, rgb)


def hole_box(hole: Mask, margin: int) -> Box:
    """Return the box around a hole that is not empty, `margin` pixels wider on every side.

    It is cut off at the edges of the picture.
    """
    rows, columns = np.flatnonzero(hole.any(1)), np.flatnonzero(hole.any(0))
    box = int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
    return pad_box(box, margin, (hole.shape[0], hole.shape[1]))


def box_index(box: Box) -> tuple[slice, slice]:
    """Return the index that cuts a box out of an array (H, W, …)."""
    left, top, right, bottom = box
    return slice(top, bottom), slice(left, right)


def rim(hole: Mask, width: int) -> Mask:
    """Return the pixels outside a hole within `width` pixels of it, corners included (H, W)."""
    side = 2 * width + 1
    near = cv2.dilate(hole.astype(np.uint8), np.ones((side, side), np.uint8))
    return np.asarray(near, np.bool_) & ~hole


def each_region(hole: Mask, known: Mask, labels: Labels | None) -> Iterator[tuple[Mask, Mask]]:
    """Pair each region's part of a hole with the `known` pixels of that region (H, W, both).

    A region without known pixels of its own is paired with all; without labels all is one region.
    """
    for label in [] if labels is None else np.unique(labels[hole]):
        own = known & (labels == label)
        yield hole & (labels == label), own if own.any() else known
    if labels is None:
        yield hole, known
