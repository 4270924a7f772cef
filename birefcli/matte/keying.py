"""Take an object off a ground that is known: exact for hard art, unmixed for antialiased art.

Where the ground is known, alpha is no guess. What differs from the ground is object; a pixel on
an outline is a mixture of both, and is solved for colour and alpha together. Only areas in the
ground's colour that the object encloses are left to judgement: a hole, or a white shirt on white.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from birefcli.image import Matte, Rgb, to_uint8
from birefcli.matte.known_ground import Ground

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

BAND = 2  # pixels beside the ground that may be mixtures
# What speaks against a colour as the object's at a mixed pixel, in levels of misfit.
NOT_SOLID = 12.0  # it lies beside the ground itself
TOUCHING = 20.0  # and touches it, in art that is antialiased
PER_PIXEL = 1.0  # it lies so far away
LIKE_GROUND = 20.0  # it is hardly different from the ground
LEAST_CONTRAST = 30.0  # levels, from the ground, below which that counts
MISFIT = 45.0  # levels, above which no mixture explains a pixel: it is solid
# Art is antialiased where so many of its outline's pixels are mixtures: of drawn sprites at most
# .26 are, of antialiased drawings at least .53.
MIXED_SHARE = 0.4
MIXED = 0.01, 0.95  # alpha of a mixture


@dataclass(frozen=True, eq=False)
class Keyed:
    """An object taken off a known ground."""

    rgb: Rgb  # (H, W, 3), the object's own colours
    matte: Matte  # (H, W)
    is_hard: bool
    enclosed: Mask  # (H, W): in the ground's colour, inside the object, and kept as object


def key(rgb: Rgb, ground: Ground, matte: Matte, *, is_hard: bool | None = None) -> Keyed:
    """Take the object of a picture (H, W, 3) off its ground.

    `matte` (H, W) is what a network sees; it only decides about enclosed areas. Without `is_hard`
    the art's own outline says whether it is antialiased.
    """
    is_ground = ground.difference(rgb) <= ground.tolerance
    enclosed = kept_areas(is_ground, ground, matte)
    is_ground = is_ground & ~enclosed
    if is_hard is None:
        is_hard = not is_antialiased(rgb, ground, is_ground)
    if is_hard:
        return Keyed(rgb, (~is_ground).astype(np.float32), True, enclosed)
    alpha, colors = unmixed(rgb, ground, is_ground)
    return Keyed(colors, alpha, False, enclosed)


# ---- enclosed areas ------------------------------------------------------------------------------


def kept_areas(is_ground: Mask, ground: Ground, matte: Matte) -> Mask:
    """Mark the areas in the ground's colour that the object encloses and that belong to it."""
    count, labels = cv2.connectedComponents(is_ground.astype(np.uint8), connectivity=4)
    if count <= 1:
        return np.zeros_like(is_ground)
    sizes = np.bincount(labels.ravel(), minlength=count).astype(np.float64)
    seen = np.bincount(labels.ravel(), matte.ravel(), minlength=count) / np.maximum(sizes, 1)
    is_outer = np.zeros(count, bool)
    is_outer[0] = True
    for line in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        is_outer[line] = True
    is_kept = ~is_outer & (seen > 0.5)
    return np.asarray(is_kept[labels])


# ---- outlines ------------------------------------------------------------------------------------


def is_antialiased(rgb: Rgb, ground: Ground, is_ground: Mask) -> bool:
    """Tell whether most pixels along the outline are mixtures of object and ground."""
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    beside = (cv2.dilate(is_ground.astype(np.uint8), cross) > 0) & ~is_ground
    ys, xs = np.nonzero(beside)
    if not len(ys):
        return False
    alpha, _, misfit = _solve(rgb, ground, is_ground, ys, xs)
    is_mixed = (alpha > MIXED[0]) & (alpha < MIXED[1]) & (misfit < MISFIT / 2)
    return float(is_mixed.mean()) >= MIXED_SHARE


def unmixed(rgb: Rgb, ground: Ground, is_ground: Mask) -> tuple[Matte, Rgb]:
    """Give the matte (H, W) and the object's colours (H, W, 3) along antialiased outlines.

    A pixel within two of the ground is C = a F + (1 - a) G with G known; F is the colour nearby
    that explains it best, and a follows (Smith and Blinn 1996, "Blue screen matting").
    """
    side = 2 * BAND + 1
    near = cv2.dilate(is_ground.astype(np.uint8), np.ones((side, side), np.uint8)) > 0
    ys, xs = np.nonzero(near & ~is_ground)
    matte = (~is_ground).astype(np.float32)
    colors = rgb.copy()
    if not len(ys):
        return matte, colors
    alpha, color, misfit = _solve(rgb, ground, is_ground, ys, xs, touching=TOUCHING)
    is_solid = misfit > MISFIT
    alpha = np.where(is_solid, np.float32(1), alpha)
    # The colour that gives this pixel over this ground, where alpha is large enough to tell.
    seen = rgb[ys, xs].astype(np.float32)
    behind = ground.rgb[ys, xs]
    own = (seen - (1 - alpha[:, None]) * behind) / np.maximum(alpha[:, None], np.float32(0.05))
    color = np.where((alpha > 0.3)[:, None], np.clip(own, 0, 255), color)
    matte[ys, xs] = alpha
    colors[ys, xs] = to_uint8(np.where(is_solid[:, None], seen, color))
    return matte, colors


def _solve(
    rgb: Rgb,
    ground: Ground,
    is_ground: Mask,
    ys: NDArray[np.intp],
    xs: NDArray[np.intp],
    *,
    touching: float = 0.0,
) -> tuple[Floats, Floats, Floats]:
    """Give alpha (N,), the object's colour (N, 3) and the misfit (N,) of the pixels at (ys, xs)."""
    reach = BAND + 1
    side = 2 * BAND + 1
    near = cv2.dilate(is_ground.astype(np.uint8), np.ones((side, side), np.uint8)) > 0
    picture = cv2.copyMakeBorder(rgb, reach, reach, reach, reach, cv2.BORDER_REPLICATE)
    is_near = cv2.copyMakeBorder(
        near.astype(np.uint8), reach, reach, reach, reach, cv2.BORDER_REPLICATE
    )
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    touches = cv2.dilate(is_ground.astype(np.uint8), cross)
    does_touch = cv2.copyMakeBorder(touches, reach, reach, reach, reach, cv2.BORDER_REPLICATE)
    behind = ground.rgb[ys, xs]
    seen = rgb[ys, xs].astype(np.float32) - behind
    best = np.full(len(ys), np.inf, np.float32)
    misfit, alpha = best.copy(), np.ones(len(ys), np.float32)
    color = rgb[ys, xs].astype(np.float32)
    for down in range(-reach, reach + 1):
        for right in range(-reach, reach + 1):
            at = ys + reach + down, xs + reach + right
            object_ = picture[at].astype(np.float32)
            way = object_ - behind
            length = (way * way).sum(-1)
            share = np.clip((seen * way).sum(-1) / np.maximum(length, 1e-6), 0, 1)
            rest = np.sqrt(((seen - share[:, None] * way) ** 2).sum(-1))
            cost = rest + PER_PIXEL * np.float32(np.hypot(down, right))
            cost = cost + NOT_SOLID * (is_near[at] > 0)
            cost = cost + touching * (does_touch[at] > 0)
            cost = cost + LIKE_GROUND * (length < LEAST_CONTRAST**2)
            is_better = cost < best
            best = np.where(is_better, cost, best)
            misfit = np.where(is_better, cost, misfit)
            alpha = np.where(is_better, share, alpha)
            color[is_better] = object_[is_better]
    return alpha.astype(np.float32), color, misfit
