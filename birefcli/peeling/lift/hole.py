"""The hole that a layer leaves: how far around it nothing is copied from, and what fills it."""

import cv2
import numpy as np

from birefcli.image import Alpha, Labels, Mask, Rgb
from birefcli.inpaint import Filled, Inpainter, fill
from birefcli.peeling.thresholds import (
    CORE_ALPHA,
    EDGE_BLUR,
    EDGE_NORMALS,
    EDGE_REACH,
    EDGE_RISE_FROM,
    EDGE_RISE_TO,
    EDGE_SIGMAS,
    EDGE_STEP,
    HALF_ALPHA,
    HOLE_MARGIN_FLAT,
    HOLE_MARGIN_JPEG,
    HOLE_MARGIN_PHOTO,
    HOLE_MARGIN_PIXEL,
    HOLE_MARGIN_SHARE,
    MARGIN_SIGMAS,
)
from birefcli.stack import Hole, PictureKind


def hole_margin(picture: Rgb, alpha: Alpha, kind: PictureKind, *, is_jpeg: bool) -> int:
    """Give how far around a layer's alpha (H, W) its soft edge may still be seen, in pixels."""
    if kind == PictureKind.PIXEL:
        return HOLE_MARGIN_PIXEL
    least = HOLE_MARGIN_PHOTO if kind == PictureKind.PHOTO else HOLE_MARGIN_FLAT
    return measured_margin(picture, alpha, HOLE_MARGIN_JPEG if is_jpeg else least)


def measured_margin(picture: Rgb, alpha: Alpha, least: int) -> int:
    """Measure the margin, `least` or more pixels, by how soft the picture's own edge is.

    Half-widths of that edge are taken along normals of the outline of the largest part.
    """
    mask = (alpha > HALF_ALPHA).astype(np.uint8)
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    highest = max(least, int(HOLE_MARGIN_SHARE * min(alpha.shape)))
    if not outlines:
        return least
    points = max(outlines, key=len)[:, 0, :].astype(np.float32)
    points = points[:: max(1, len(points) // EDGE_NORMALS)]
    smooth = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), EDGE_BLUR)
    x, y = points.astype(np.int32).T
    slope_x = cv2.Sobel(smooth, cv2.CV_32F, 1, 0)[y, x]
    slope_y = cv2.Sobel(smooth, cv2.CV_32F, 0, 1)[y, x]
    length = np.hypot(slope_x, slope_y) + 1e-6
    steps = np.arange(-EDGE_REACH, EDGE_REACH + 1, dtype=np.float32)
    across_x = points[:, :1] - steps * (slope_x / length)[:, None]
    across_y = points[:, 1:] - steps * (slope_y / length)[:, None]
    seen = cv2.remap(
        picture.astype(np.float32), across_x, across_y, cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE
    )
    total = seen[:, -1] - seen[:, 0]
    strength = (total**2).sum(-1)
    is_edge = strength > EDGE_STEP**2
    if not is_edge.any():
        return least
    # A step rises from 0 to 1.
    rise = ((seen - seen[:, :1]) * total[:, None]).sum(-1)[is_edge] / strength[is_edge, None]
    width = ((rise > EDGE_RISE_FROM) & (rise < EDGE_RISE_TO)).sum(axis=1)
    sigma = float(np.median(width)) / EDGE_SIGMAS
    return int(np.clip(np.ceil(MARGIN_SIGMAS * sigma) + 1, least, highest))


def fill_hole(
    inpainter: Inpainter, picture: Rgb, hole: Mask, labels: Labels, source: Mask, seed: int
) -> Filled:
    """Fill a hole (H, W), each owner's part of it from what that owner shows in the source."""
    if not hole.any():
        return Filled(picture, inpainter.name)
    several = labels if np.unique(labels).size > 1 else None
    return fill(inpainter, picture, hole, labels=several, source=source & ~hole, seed=seed)


def snap_to_palette(filled: Rgb, hole: Mask, picture: Rgb) -> Rgb:
    """Give every colour in a hole (H, W) the nearest that a picture of few colours has."""
    if not hole.any():
        return filled
    palette = np.unique(picture.reshape(-1, 3), axis=0)
    colors, at = np.unique(filled[hole], axis=0, return_inverse=True)
    own, asked = palette.astype(np.float32), colors.astype(np.float32)
    # The square of a difference, without the part that is the same for the whole palette.
    nearest = np.argmin((own**2).sum(1) - 2 * asked @ own.T, axis=1)
    snapped = filled.copy()
    snapped[hole] = palette[nearest][at.ravel()]
    return snapped


def measured_hole(alpha: Alpha, margin: int) -> Hole:
    """Count the pixels that a layer (H, W) leaves, all and those of which nothing was seen."""
    covered, core = int((alpha > 0).sum()), int((alpha >= CORE_ALPHA).sum())
    return Hole(covered, core, covered - core, margin)
