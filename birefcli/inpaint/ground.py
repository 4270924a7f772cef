"""The ground around a hole: a plane, which is continued exactly, or smooth, or neither."""

import cv2
import numpy as np
from numpy.typing import NDArray

from birefcli.image import Labels, Mask, Rgb, to_uint8
from birefcli.inpaint.holes import box_index, each_region, hole_box

REACH = 12  # pixels around a hole by which a ground is judged
ROUNDING = 0.8  # levels that a pixel may lie off a plane
SHARE = 0.95  # of those pixels that lie on it; the rest may be the fringe of another thing
ROUNDS = 3
FEWEST = 24  # pixels that a plane is believed from
MOST = 4096  # pixels that it is fitted to
# A smooth ground: nearly all of it lies within so many levels of a curved surface.
SMOOTH, SMOOTH_SHARE = 6.0, 0.98


def continue_planes(rgb: Rgb, hole: Mask, source: Mask, labels: Labels | None) -> tuple[Rgb, Mask]:
    """Fill the regions of a hole around which each channel is a linear function of the place.

    Return the picture (H, W, 3) with those filled, and what is left of the hole (H, W). `source`
    (H, W) are the pixels that may be believed.
    """
    filled, rest = rgb.copy(), hole.copy()
    box = box_index(hole_box(hole, REACH))
    local = None if labels is None else labels[box]
    for region, known in each_region(hole[box], source[box], local):
        plane = _fitted(rgb[box], known & _near(region))
        if plane is not None:
            filled[box][region] = to_uint8(_design(*np.nonzero(region)) @ plane)
            rest[box][region] = False
    return filled, rest


def is_smooth(rgb: Rgb, hole: Mask, source: Mask, labels: Labels | None) -> bool:
    """Whether each region has nothing but grain and slow changes of light around the hole.

    Nearly all pixels must lie within a few levels of a surface of the second degree.
    """
    box = box_index(hole_box(hole, REACH))
    local = None if labels is None else labels[box]
    regions = each_region(hole[box], source[box], local)
    return all(_is_surface(rgb[box], known & _near(region)) for region, known in regions)


def _is_surface(rgb: Rgb, ground: Mask) -> bool:
    """Whether nearly all of some pixels lie on a surface of the second degree."""
    ys, xs = _sampled(ground)
    if len(ys) < FEWEST:
        return False
    y, x = (ys / rgb.shape[0])[:, None], (xs / rgb.shape[1])[:, None]
    design = np.concatenate([np.ones_like(y), y, x, y * y, y * x, x * x], axis=1)
    colors = rgb[ys, xs].astype(np.float64)
    surface = np.linalg.lstsq(design, colors, rcond=None)[0]
    off = np.abs(design @ surface - colors).max(1)
    return bool((off <= SMOOTH).mean() >= SMOOTH_SHARE)


def _near(hole: Mask) -> Mask:
    side = 2 * REACH + 1
    return np.asarray(cv2.dilate(hole.astype(np.uint8), np.ones((side, side), np.uint8)), np.bool_)


def _sampled(ground: Mask) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    ys, xs = np.nonzero(ground)
    every = max(-(-len(ys) // MOST), 1)
    return ys[::every], xs[::every]


def _fitted(rgb: Rgb, ground: Mask) -> NDArray[np.float64] | None:
    """Fit colours (3, 3) to row, column and 1; None where the ground strays from any plane."""
    ys, xs = _sampled(ground)
    if len(ys) < FEWEST:
        return None
    design, colors = _design(ys, xs), rgb[ys, xs].astype(np.float64)
    # One colour needs no fit, and must come out as it is.
    middle = np.median(colors, axis=0)
    if (colors == middle).all(1).mean() >= SHARE:
        return np.stack([np.zeros(3), np.zeros(3), middle])
    fits = np.ones(len(ys), np.bool_)
    for _ in range(ROUNDS):
        plane = np.linalg.lstsq(design[fits], colors[fits], rcond=None)[0]
        off = np.abs(design @ plane - colors).max(1)
        fits = off <= max(ROUNDING, float(np.quantile(off, 0.9)))
    return np.asarray(plane, np.float64) if (off <= ROUNDING).mean() >= SHARE else None


def _design(ys: NDArray[np.intp], xs: NDArray[np.intp]) -> NDArray[np.float64]:
    return np.stack([ys, xs, np.ones(len(ys))], axis=1).astype(np.float64)
