"""What a picture's own alpha says: whether it is a cutout already, and what lies under it."""

import numpy as np

from birefcli.image import Alpha, Matte, Picture, Rgb
from birefcli.matte.engine import bleed
from birefcli.matte.foreground import Color
from birefcli.matte.ground import find_ground
from birefcli.matte.known_ground import Ground
from birefcli.matte.morphology import bounding_box

# A cutout shows through in this share of its pixels; the round corners of a photograph are less.
LEAST_OPEN = 0.06
LEAST_CLEAR = 0.005  # share of pixels with alpha 0
OPEN = 250  # alpha below which a pixel shows through
SMALL = 96  # pixels of the longest side up to which any clear pixel is an artist's
# An alpha that is a plain rectangle may frame a picture with a ground of its own. That ground is
# taken away where it is exact, large, and no object to the network.
FILLED = 0.995  # share of its box
LARGE_GROUND = 0.3  # share of the rectangle
UNSEEN, SEEN = 0.15, 0.5  # the network's matte on that ground, and on what stands on it
# Greys first, as a network knows them best; then colours.
BACKDROPS = tuple((v, v, v) for v in (128, 255, 0, 192, 64)) + tuple(
    (r, g, b) for r in (0, 128, 255) for g in (0, 128, 255) for b in (0, 128, 255)
)
FAR = 110.0  # levels, which is far enough from a colour
RARE = 0.02  # share of the visible pixels that may be nearer


def is_cutout(alpha: Alpha) -> bool:
    """Tell whether an alpha (H, W) already frames the object."""
    is_clear = alpha == 0
    if not is_clear.any():
        return False
    if max(alpha.shape) <= SMALL:
        return True
    return bool((alpha < OPEN).mean() >= LEAST_OPEN and is_clear.mean() >= LEAST_CLEAR)


def backdrop(picture: Picture) -> Color:
    """Choose the colour that transparency is laid on: far from all that the picture shows."""
    assert picture.alpha is not None
    seen = picture.rgb[picture.alpha > 0]
    if not len(seen):
        return BACKDROPS[0]
    # Every 16 levels, each colour with its number of pixels.
    codes = (seen >> 4).astype(np.int32) @ np.array([256, 16, 1], np.int32)
    counts = np.bincount(codes, minlength=4096)
    known = np.flatnonzero(counts)
    colors = np.stack([known >> 8, (known >> 4) & 15, known & 15], -1) * 16.0 + 7.5
    best, most = BACKDROPS[0], -1.0
    for color in BACKDROPS:
        distance = np.sqrt(((colors - color) ** 2).sum(-1))
        order = np.argsort(distance)
        summed = np.cumsum(counts[known][order])
        near = float(distance[order][np.searchsorted(summed, RARE * summed[-1])])
        if min(near, FAR) > most:
            best, most = color, min(near, FAR)
    return best


def filled_under(picture: Picture) -> Rgb:
    """Give the colours (H, W, 3) with those under alpha 0 replaced by the nearest visible ones."""
    if picture.alpha is None or picture.alpha.all():
        return picture.rgb
    return np.ascontiguousarray(bleed(picture.rgba, None)[..., :3])


def ground_inside(picture: Picture, matte: Matte) -> tuple[Ground, tuple[slice, slice]] | None:
    """Give the ground that a cutout's alpha encloses, and where, if it clearly is one.

    That is when the alpha is a rectangle, as of a picture pasted on a larger canvas; `matte`
    (H, W) is what the network sees. In doubt there is none.
    """
    assert picture.alpha is not None
    box = bounding_box((picture.alpha > 0).astype(np.float32), 0.5)
    if box is None:
        return None
    where = slice(box[1], box[3]), slice(box[0], box[2])
    if (picture.alpha[where] == 255).mean() < FILLED or min(picture.alpha[where].shape) < SMALL:
        return None
    rgb = np.ascontiguousarray(picture.rgb[where])
    ground = find_ground(rgb)
    if ground is None or ground.share < LARGE_GROUND or ground.tolerance > 0:
        return None
    is_ground = ground.difference(rgb) == 0
    if is_ground.all():
        return None
    seen = matte[where]
    is_sure = seen[is_ground].mean() < UNSEEN and seen[~is_ground].mean() > SEEN
    return (ground, where) if is_sure else None
