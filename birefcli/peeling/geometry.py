"""Geometry of masks and label maps: growing, hulls, boxes, and the nearest owner of a pixel."""

from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from birefcli.image import Labels, Mask
from birefcli.matte import Box, Size, pad_box

Window: TypeAlias = tuple[slice, slice]  # rows and columns of a part of a picture

SQUARE = np.ones((3, 3), np.uint8)  # a pixel and its eight neighbours


def disk_kernel(radius: int) -> NDArray[np.uint8]:
    """Give OpenCV's disk (2 radius + 1, 2 radius + 1) of 0 and 1."""
    side = 2 * radius + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)), np.uint8)


def square_kernel(radius: int) -> NDArray[np.uint8]:
    """Give a square (2 radius + 1, 2 radius + 1) of ones."""
    return np.ones((2 * radius + 1, 2 * radius + 1), np.uint8)


def grown(mask: Mask) -> Mask:
    """Add the eight neighbours of every pixel of a mask (H, W)."""
    return np.asarray(cv2.dilate(mask.astype(np.uint8), SQUARE) > 0)


def within(mask: Mask, px: int) -> Mask:
    """Give everything within `px` pixels of a mask (H, W), the mask included."""
    return np.asarray(cv2.dilate(mask.astype(np.uint8), disk_kernel(px)), np.bool_)


def shared_border(a: Mask, b: Mask) -> Mask:
    """Give the pixels of two masks (H, W) that are neighbours of the other one."""
    return (a & grown(b)) | (b & grown(a))


def hull(mask: Mask) -> Mask:
    """Fill the convex hull of a mask (H, W)."""
    y, x = np.nonzero(mask)
    filled = np.zeros(mask.shape, np.uint8)
    if len(x):
        corners = cv2.convexHull(np.stack([x, y], axis=1).astype(np.int32))
        cv2.fillConvexPoly(filled, corners, 1)
    return filled > 0


def solidity(mask: Mask) -> float:
    """Give the share of its convex hull that a mask fills, 0…1."""
    return float(np.count_nonzero(mask)) / max(int(np.count_nonzero(hull(mask))), 1)


def box_around(mask: Mask, margin: int) -> Box:
    """Give the box of a mask that is not empty, and `margin` pixels more inside the picture."""
    rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
    box = int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
    return pad_box(box, margin, (mask.shape[0], mask.shape[1]))


def window(box: Box) -> Window:
    """Give the rows and columns of a box, to index arrays with."""
    left, top, right, bottom = box
    return slice(top, bottom), slice(left, right)


def working_size(size: Size, longest: int) -> tuple[float, Size]:
    """Give the factor ≥ 1 that shrinks a picture to `longest`, and the size it then has."""
    factor = max(1.0, max(size) / longest)
    return factor, (max(1, round(size[0] / factor)), max(1, round(size[1] / factor)))


def extend_labels(labels: Labels, hole: Mask) -> Labels:
    """Give every pixel of a hole (H, W) the label of the nearest pixel around it.

    A hole that is all of the picture gets 0.
    """
    if hole.all() or not hole.any():
        return np.where(hole, 0, labels).astype(np.int32)
    # OpenCV numbers the zeros and tells every pixel the number of its nearest one.
    _, nearest = cv2.distanceTransformWithLabels(
        hole.astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    label_of = np.zeros(int(nearest.max()) + 1, np.int32)
    label_of[nearest[~hole]] = labels[~hole]
    return np.where(hole, label_of[nearest], labels).astype(np.int32)


def nearest_pixel(known: Mask) -> Labels:
    """Give every pixel the flat index (H, W) of the nearest one in a mask; its own inside it."""
    numbered = np.arange(known.size, dtype=np.int32).reshape(known.shape)
    return extend_labels(numbered, ~known)


def renumbered(labels: NDArray[np.integer[Any]], *, has_ground: bool) -> Labels:
    """Number the regions without gaps: from 1, or from 0 for the ground where there is one."""
    numbers = np.unique(labels, return_inverse=True)[1].reshape(labels.shape)
    return np.asarray(numbers + (0 if has_ground else 1), np.int32)
