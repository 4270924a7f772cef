"""Take an object off a ground that is known: exact for hard art, unmixed for antialiased art.

Where the ground is known, alpha is no guess. What differs from the ground is object; a pixel on
an outline is a mixture of both, and is solved for colour and alpha together. Only areas in the
ground's colour that the object encloses are left to judgement: a hole, or a white shirt on white.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from birefcli.image import Mask, Matte, Rgb, to_uint8
from birefcli.matte.known_ground import Floats, Ground, GroundKind

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
SURE = 0.95  # mean matte from which an enclosed area of antialiased art belongs to it
# What people put behind a thing to take it away: magenta, greens, cyan, blue.
KEY_COLORS = {(255, 0, 255), (0, 255, 0), (0, 177, 64), (0, 255, 255), (0, 0, 255)}
GREY, STRONG = 30, 150  # levels between a colour's channels: of greys, and of strong colours


@dataclass(frozen=True)
class _Weights:
    """What speaks for an enclosed area of hard art being part of it (logistic regression).

    Fitted to the 7,000 enclosed areas of 120 sheets of training sprites; on sheets left out, a
    fifth of their pixels is decided wrongly, against three fifths where all count as ground.
    """

    start: float = -0.31
    share: float = -0.07  # log of its share of the object
    contrast: float = -1.06  # of the pixels around it
    neighbours: float = 0.43  # log of how many the object has
    all: float = 6.11  # all enclosed areas against all of the art
    strong: float = -3.58  # the ground is a strong colour
    white: float = 2.79
    black: float = 2.23
    patterned: float = -2.22  # the ground is no plain one


WEIGHTS = _Weights()
MIXED = 0.01, 0.95  # alpha of a mixture
# A shadow is the ground made darker, alike in all channels. It is told from an object's colour
# where the ground is colourful, as grey things on white are no shadows.
COLORFUL = 40  # levels between a ground's channels
SHADE_MISFIT = 3.0  # levels from the ground's own darker colours
DARKEST = 0.6  # alpha of black


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
    difference = ground.difference(rgb)
    is_ground = difference <= ground.tolerance
    if is_hard is None:
        is_hard = not is_antialiased(rgb, ground, is_ground)
    enclosed = kept_areas(is_ground, difference, ground, matte, is_hard=is_hard)
    is_ground = is_ground & ~enclosed
    if is_hard:
        return Keyed(rgb, (~is_ground).astype(np.float32), True, enclosed)
    alpha, colors = unmixed(rgb, ground, is_ground)
    return Keyed(colors, alpha, False, enclosed)


# ---- enclosed areas ------------------------------------------------------------------------------


def kept_areas(
    is_ground: Mask, difference: Floats, ground: Ground, matte: Matte, *, is_hard: bool
) -> Mask:
    """Mark the areas in the ground's colour that the object encloses and that belong to it.

    A colour that people key with is never kept. Else, in hard art, what is known of each area
    decides: white and black are drawn with, and so is a colour that much of the art has; what
    stands out against its surroundings is a hole. In antialiased art an area is a hole, as hardly
    a drawing repeats its ground to the level, unless the network is sure of it.
    """
    count, found = cv2.connectedComponents(is_ground.astype(np.uint8), connectivity=4)
    labels = np.asarray(found, np.int32)
    sizes = np.bincount(labels.ravel(), minlength=count).astype(np.float64)
    is_enclosed = np.ones(count, bool)
    is_enclosed[0] = False
    for line in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        is_enclosed[line] = False
    if not is_enclosed.any() or _is_key_color(ground):
        return np.zeros_like(is_ground)
    if is_hard:
        is_kept = is_enclosed & (_belonging(labels, is_enclosed, sizes, difference, ground) > 0)
    else:
        seen = np.bincount(labels.ravel(), matte.ravel(), minlength=count) / np.maximum(sizes, 1)
        is_kept = is_enclosed & (seen > SURE)
    return np.asarray(is_kept[labels])


def _is_key_color(ground: Ground) -> bool:
    """Tell whether a ground is plain and of a colour that is chosen to be taken away."""
    color = tuple(round(float(level)) for level in ground.rgb[0, 0])
    return ground.kind == GroundKind.PLAIN and color in KEY_COLORS


def _belonging(
    labels: NDArray[np.int32],
    is_enclosed: Mask,
    sizes: NDArray[np.float64],
    difference: Floats,
    ground: Ground,
) -> NDArray[np.float64]:
    """Give how likely each area (N,) is a part of the object, as log odds."""
    inside = (~is_enclosed)[labels] & (labels > 0)
    objects, owner = cv2.connectedComponents((~inside).astype(np.uint8), connectivity=8)
    areas = np.bincount(owner.ravel(), minlength=objects).astype(np.float64)
    first = np.zeros(len(sizes), np.intp)
    first[labels.ravel()[::-1]] = np.arange(labels.size)[::-1]
    of = owner.ravel()[first]
    many = np.bincount(of[is_enclosed], minlength=objects)[of]
    solid = max(1.0, float(np.count_nonzero(labels == 0)))
    color = ground.rgb.reshape(-1, 3).mean(0)
    chroma, light = float(np.ptp(color)), float(color.mean())
    is_grey = chroma < GREY
    return np.asarray(
        WEIGHTS.start
        + WEIGHTS.share * np.log(sizes / np.maximum(areas[of], 1) + 1e-4)
        + WEIGHTS.contrast * _contrast(labels, len(sizes), difference)
        + WEIGHTS.neighbours * np.log(many + 1)
        + WEIGHTS.all * min(1.0, float(sizes[is_enclosed].sum()) / solid)
        + WEIGHTS.strong * (chroma > STRONG)
        + WEIGHTS.white * (is_grey and light > 200)
        + WEIGHTS.black * (is_grey and light < 50)
        + WEIGHTS.patterned * (ground.kind != GroundKind.PLAIN)
    )


def _contrast(labels: NDArray[np.int32], count: int, difference: Floats) -> NDArray[np.float64]:
    """Give how far the pixels beside each area (N,) are from the ground, in hundreds of levels."""
    total, beside = np.zeros(count), np.zeros(count)
    for one, other, far in (
        (labels[:, :-1], labels[:, 1:], difference[:, 1:]),
        (labels[:, 1:], labels[:, :-1], difference[:, :-1]),
        (labels[:-1], labels[1:], difference[1:]),
        (labels[1:], labels[:-1], difference[:-1]),
    ):
        touches = (one > 0) & (other == 0)
        total += np.bincount(one[touches], far[touches], minlength=count)
        beside += np.bincount(one[touches], minlength=count)
    return np.asarray(total / np.maximum(beside, 1) / 100)


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
    that explains it best, and a follows (Smith and Blinn 1996, "Blue screen matting"). A shadow on
    the ground counts as ground there, and comes out as black that shows through.
    """
    shade = shadows(rgb, ground, is_ground)
    is_ground = is_ground | (shade > 0)
    side = 2 * BAND + 1
    near = cv2.dilate(is_ground.astype(np.uint8), np.ones((side, side), np.uint8)) > 0
    ys, xs = np.nonzero(near & ~is_ground)
    matte = np.where(is_ground, shade, np.float32(1))
    colors = np.where((shade > 0)[..., None], np.uint8(0), rgb)
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


def shadows(rgb: Rgb, ground: Ground, is_ground: Mask) -> Matte:
    """Give how much black (H, W) lies on the ground in shadows that touch it, 0 beside them."""
    behind = ground.rgb
    is_colorful = np.ptp(behind, -1) >= COLORFUL
    if not is_colorful.any():
        return np.zeros(is_ground.shape, np.float32)
    pixels = rgb.astype(np.float32)
    length = np.maximum((behind * behind).sum(-1), 1)
    light = (pixels * behind).sum(-1) / length
    misfit = np.sqrt(((pixels - light[..., None] * behind) ** 2).sum(-1))
    is_shade = (misfit <= SHADE_MISFIT) & (light < 1) & (light >= 1 - DARKEST)
    is_shade &= is_colorful & ~is_ground
    joined = (is_shade | is_ground).astype(np.uint8)
    count, labels = cv2.connectedComponents(joined, connectivity=4)
    touches = np.zeros(count, bool)
    touches[labels[is_ground]] = True
    return np.where(is_shade & touches[labels], 1 - light, 0).astype(np.float32)


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
