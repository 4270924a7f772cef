"""The edge of a lifted thing: soft in photographs, solved in flat art, hard in pixel art."""

import cv2
import numpy as np
from numpy.typing import NDArray

from birefcli.image.types import Mask, Matte, Rgb
from birefcli.matte.morphology import bounding_box, pad_box, remove_specks
from birefcli.matte.pixelart import decided_by_color
from birefcli.peel.alpha.bayesian import bayesian_matte
from birefcli.peel.instances.instance import extend_labels
from birefcli.stack.types import Kind

_SPECK = 9  # pixels
_AROUND = 48  # pixels around a thing that tell what it lies on
_RIM = 2  # pixels on both sides of an outline that antialiasing may have mixed
_RESIDUE = 6.0  # levels that a mix may differ from what is seen
_LEAST_CONTRAST = 16.0  # levels between two colours whose mix can be told
_MOST_CELLS = 48  # colours whose cells are looked at, the commonest first
_LARGE_CELL = 0.25  # of the thing: such a cell is not moved as one


def refine_matte(picture: Rgb, matte: Matte, kind: Kind) -> Matte:
    """Give a proposed matte (H, W) the edge that pictures of this kind have."""
    box = bounding_box(matte, 0.004)
    if box is None:
        return matte
    size = (matte.shape[0], matte.shape[1])
    left, top, right, bottom = pad_box(box, _AROUND, size)
    near = slice(top, bottom), slice(left, right)
    part, colors = matte[near], picture[near]
    if kind == Kind.PHOTO:
        part = remove_specks(bayesian_matte(colors, part), _SPECK)
    elif kind == Kind.PIXEL:
        part = decided_by_color(colors, part)
    else:
        part = solve_rim(colors, snap_to_cells(colors, part))
    whole = np.zeros_like(matte)
    whole[near] = part
    return whole


def snap_to_cells(rgb: Rgb, matte: Matte) -> Matte:
    """Move cells of one colour that an outline cuts to the side that holds most of them."""
    support = matte > 0.5
    most = _LARGE_CELL * np.count_nonzero(support)
    packed = rgb.astype(np.int64) @ np.array([65536, 256, 1])
    cut = cv2.morphologyEx(support.astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    colors, counts = np.unique(packed[cut > 0], return_counts=True)
    result = matte.copy()
    for color in colors[np.argsort(-counts, kind="stable")][:_MOST_CELLS]:
        same = (packed == color).astype(np.uint8)
        _, cells = cv2.connectedComponents(same, connectivity=4)
        areas = np.bincount(cells.ravel())
        inside = np.bincount(cells[support], minlength=len(areas))
        share = inside / np.maximum(areas, 1)
        is_moved = (share > 0) & (share < 1) & (areas <= most)
        is_moved[0] = False
        moved = is_moved[cells]
        result[moved] = (share > 0.5)[cells[moved]]
    return result


def solve_rim(rgb: Rgb, matte: Matte) -> Matte:
    """Solve how much of the thing shows in the pixels along its outline, from colours beside it.

    Where no mix of the two nearest even colours gives what is seen, the matte stays.
    """
    support = matte > 0.5
    ball = np.ones((2 * _RIM + 1, 2 * _RIM + 1), np.uint8)
    inner = cv2.erode(support.astype(np.uint8), ball) > 0
    outer = cv2.dilate(support.astype(np.uint8), ball) == 0
    rim = ~inner & ~outer
    if not rim.any() or not inner.any() or not outer.any():
        return matte
    image = rgb.astype(np.float32)
    own, ground = _nearest(image, inner)[rim], _nearest(image, outer)[rim]
    across = own - ground
    strength = (across**2).sum(-1)
    share = np.clip(((image[rim] - ground) * across).sum(-1) / np.maximum(strength, 1), 0, 1)
    residue = np.abs(ground + share[:, None] * across - image[rim]).max(-1)
    is_solved = (residue <= _RESIDUE) & (strength >= _LEAST_CONTRAST**2)
    result = matte.copy()
    result[rim] = np.where(is_solved, share, matte[rim])
    return result


def _nearest(image: NDArray[np.float32], mask: Mask) -> NDArray[np.float32]:
    """Give every pixel the colour of the nearest one in a mask."""
    numbered = np.arange(mask.size, dtype=np.int32).reshape(mask.shape)
    return image.reshape(-1, 3)[extend_labels(numbered, ~mask)]
