"""Find the ground of a picture where the picture itself gives it away, or the user names it.

Sheets, sprites and drawings stand on one colour, a checkerboard, a small tile that repeats, or a
straight gradient, often with grid lines. Such a ground is known everywhere, also behind what
stands on it, so the object is whatever differs from it.
"""

import cv2
import numpy as np
from PIL import ImageColor

from birefcli.image import Rgb
from birefcli.matte.exact_ground import exact_checker, exact_ground
from birefcli.matte.foreground import Color
from birefcli.matte.known_ground import Ground as Ground
from birefcli.matte.known_ground import GroundKind as GroundKind
from birefcli.matte.known_ground import border_of, codes_of, colors_of, hex_of, measured
from birefcli.matte.noisy_ground import LARGEST_NOISE, noisy_ground
from birefcli.matte.photographs import is_photograph

# What people call keys, and which colours of a border they mean by it.
KEYS: dict[str, Color] = {
    "magenta": (255, 0, 255),
    "green": (0, 177, 64),
    "white": (255, 255, 255),
    "black": (0, 0, 0),
}
# A ground is strewn with specks where there are so many, and so many to each larger thing. A sheet
# has sparks and small things too, but hardly more than a few to a sprite.
MANY_SPECKS, SPECKS_A_THING = 40, 6
SPECK = 0.1  # of the largest thing's area, below which something is a speck
LARGE = 2_000_000  # pixels from which a coarse look comes first
NEAR = 24  # levels around a named colour that may be its noise
LEAST_NAMED = 0.005  # share of the picture that a named ground must explain


def find_ground(rgb: Rgb) -> Ground | None:
    """Give the ground of a picture (H, W, 3) where it is certain, else None.

    An exact ground is one that repeats to the bit; failing that, a plain field or a straight
    gradient with noise of a few levels. What was photographed has none.
    """
    if min(rgb.shape[:2]) < 4:
        return None
    if rgb.shape[0] * rgb.shape[1] > LARGE and _is_large_photograph(rgb):
        return None
    ground = exact_ground(rgb) or noisy_ground(rgb)
    if ground is None or is_photograph(rgb, ground) or _is_strewn(rgb, ground):
        return None
    return ground


def _is_strewn(rgb: Rgb, ground: Ground) -> bool:
    """Tell whether specks lie all over a ground, as blades and stones do on a drawn floor.

    They would all count as objects; only the network can tell what stands on such a floor. Specks
    within the box around a larger thing are its own: freckles, strokes, splinters.
    """
    rest = (ground.difference(rgb) > ground.tolerance).astype(np.uint8)
    _, _, stats, centers = cv2.connectedComponentsWithStats(rest, connectivity=8)
    areas = stats[1:, cv2.CC_STAT_AREA]
    if len(areas) <= MANY_SPECKS:
        return False
    is_speck = areas < SPECK * areas.max()
    xs, ys = centers[1:][is_speck].T
    is_loose = np.ones(len(xs), bool)
    things = stats[1:][~is_speck]
    for left, top, width, height in things[:, : cv2.CC_STAT_AREA]:
        is_loose &= (xs < left) | (xs >= left + width) | (ys < top) | (ys >= top + height)
    specks = int(np.count_nonzero(is_loose))
    return specks > MANY_SPECKS and specks > SPECKS_A_THING * len(things)


def _is_large_photograph(rgb: Rgb) -> bool:
    """Tell by a coarse look that a plain ground of a large picture is a photograph's."""
    step = int((rgb.shape[0] * rgb.shape[1] / LARGE) ** 0.5) + 1
    coarse = np.ascontiguousarray(rgb[::step, ::step])
    ground = noisy_ground(coarse)
    return ground is not None and is_photograph(coarse, ground)


def find_checker(rgb: Rgb) -> Ground | None:
    """Give the checkerboard a picture (H, W, 3) stands on, where it is one."""
    return exact_checker(rgb) if min(rgb.shape[:2]) >= 4 else None


def plain_ground(rgb: Rgb, color: Color, tolerance: float | None = None) -> Ground | None:
    """Take one colour as the ground, as the user says; None where the picture has none of it.

    Without a tolerance it is what the noise of that colour at the border asks for.
    """
    field = np.broadcast_to(np.array(color, np.float32), rgb.shape)
    if tolerance is None:
        off = np.abs(border_of(rgb).astype(np.float32) - np.array(color, np.float32)).max(-1)
        near = off[off <= NEAR]
        noise = float(np.quantile(near, 0.97)) if len(near) else 0.0
        # An antialiased outline that touches the border is no noise.
        is_exact = len(near) and (near == 0).mean() >= 0.75
        tolerance = 0.0 if is_exact else float(np.clip(1.5 * noise, 0, LARGEST_NOISE))
    ground = measured(rgb, Ground(GroundKind.PLAIN, field, tolerance, 0, 0, hex_of(color)))
    return ground if ground.share >= LEAST_NAMED else None


def named_color(rgb: Rgb, name: str) -> Color:
    """Give the colour that a name or #rrggbb means for a picture.

    Of what keys are called, it is the border's commonest colour of that kind. Raise ValueError
    for what is no colour.
    """
    if name not in KEYS:
        red, green, blue = ImageColor.getrgb(name)[:3]
        return red, green, blue
    values, counts = np.unique(codes_of(border_of(rgb)), return_counts=True)
    colors = colors_of(values)
    red, green, blue = colors.T
    is_meant = {
        "magenta": np.minimum(red, blue) > green + 60,
        "green": green > np.maximum(red, blue) + 40,
        "white": colors.min(-1) >= 235,
        "black": colors.max(-1) <= 20,
    }[name]
    if not is_meant.any():
        return KEYS[name]
    red, green, blue = (int(c) for c in colors[np.where(is_meant, counts, 0).argmax()])
    return red, green, blue
