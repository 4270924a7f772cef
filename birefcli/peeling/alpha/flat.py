"""The edge of an instance in flat art: along cells of one colour, with its antialiasing solved."""

import cv2
import numpy as np
from numpy.typing import NDArray

from birefcli.image import Mask, Matte, Rgb
from birefcli.peeling.geometry import SQUARE, nearest_pixel, square_kernel
from birefcli.peeling.thresholds import (
    LARGE_CELL,
    MOST_CELL_COLORS,
    RIM_CONTRAST,
    RIM_RESIDUE,
    RIM_WIDTH,
    SUPPORT,
)


def snap_to_cells(rgb: Rgb, matte: Matte) -> Matte:
    """Move cells of one colour that the outline of a matte (H, W) cuts to their larger side."""
    support = matte > SUPPORT
    most = LARGE_CELL * np.count_nonzero(support)
    packed = rgb.astype(np.int64) @ np.array([65536, 256, 1])
    cut = cv2.morphologyEx(support.astype(np.uint8), cv2.MORPH_GRADIENT, SQUARE)
    colors, counts = np.unique(packed[cut > 0], return_counts=True)
    result = matte.copy()
    for color in colors[np.argsort(-counts, kind="stable")][:MOST_CELL_COLORS]:
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
    """Solve the alpha of the pixels along a matte's outline (H, W) from the colours beside it.

    A pixel is a mix of the nearest colour inside and the nearest outside. Where no mix gives what
    is seen, the matte stays.
    """
    support = matte > SUPPORT
    kernel = square_kernel(RIM_WIDTH)
    inner = cv2.erode(support.astype(np.uint8), kernel) > 0
    outer = cv2.dilate(support.astype(np.uint8), kernel) == 0
    rim = ~inner & ~outer
    if not rim.any() or not inner.any() or not outer.any():
        return matte
    image = rgb.astype(np.float32)
    own, ground = _nearest_color(image, inner)[rim], _nearest_color(image, outer)[rim]
    across = own - ground
    strength = (across**2).sum(-1)
    share = np.clip(((image[rim] - ground) * across).sum(-1) / np.maximum(strength, 1), 0, 1)
    residue = np.abs(ground + share[:, None] * across - image[rim]).max(-1)
    is_solved = (residue <= RIM_RESIDUE) & (strength >= RIM_CONTRAST**2)
    result = matte.copy()
    result[rim] = np.where(is_solved, share, matte[rim])
    return result


def _nearest_color(image: NDArray[np.float32], mask: Mask) -> NDArray[np.float32]:
    """Give every pixel the colour (H, W, 3) of the nearest one in a mask."""
    return image.reshape(-1, 3)[nearest_pixel(mask)]
