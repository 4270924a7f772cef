"""Tell a photograph on a calm ground from a drawing on a known one."""

import cv2
import numpy as np
from numpy.typing import NDArray

from birefcli.image import Mask, Rgb
from birefcli.matte.known_ground import Ground

# Between ground and object a drawing has an outline of a few pixels; a photograph has shadows,
# which are nearly the ground's colour far from anything that is not.
NEARLY = 28.0  # levels
OUTLINE = 4  # pixels
SHADOWED = 0.004  # share of the picture that may nearly be ground far from an outline
# What tells a photograph that was laid on white by hand, or stands before a plain wall: its
# ground is light and has no hue, its object is nowhere flat, and its outline has a halo that is
# almost the ground. For every pixel of outline there are .28 or more of it in photographs on
# white, and at most .1 around drawings on light grounds.
HUELESS = 24.0  # levels between a colour's channels
LIGHT = 128.0  # levels
ALMOST = 12.0  # levels
HALO = 0.13  # pixels of it for every pixel of outline
BESIDE = 2  # pixels from the outline, where antialiased edges end
FLAT = 0.55  # share of the object's pixels that are like the one beside them
VIEW = 400_000  # pixels that are looked at


def is_photograph(rgb: Rgb, ground: Ground) -> bool:
    """Tell whether a picture (H, W, 3) on a ground was photographed, not drawn."""
    step = max(1, int((rgb.shape[0] * rgb.shape[1] / VIEW) ** 0.5))
    rgb, ground = rgb[::step, ::step], ground.every(step)
    difference = ground.difference(rgb)
    return _has_shadows(rgb, ground, difference) or _has_texture(rgb, ground, difference)


def _has_shadows(rgb: Rgb, ground: Ground, difference: NDArray[np.float32]) -> bool:
    """Tell whether much is nearly the ground's colour and changes softly, as shadows do."""
    is_nearly = (difference > ground.tolerance) & (difference <= NEARLY)
    brush = np.ones((2 * OUTLINE + 1, 2 * OUTLINE + 1), np.uint8)
    is_other = (difference > NEARLY).astype(np.uint8)
    far = is_nearly & (cv2.dilate(is_other, brush) == 0)
    if np.count_nonzero(far) <= SHADOWED * difference.size:
        return False
    # A flat field of a colour like the ground's is drawn, and no shadow.
    return bool(np.count_nonzero(far & ~_is_flat(rgb)) > SHADOWED * difference.size)


def _has_texture(rgb: Rgb, ground: Ground, difference: NDArray[np.float32]) -> bool:
    """Tell whether the object is nowhere flat and the ground around it is not quite the ground."""
    means = ground.rgb[:: max(1, len(rgb) // 16)].mean((0, 1))
    if np.ptp(means) > HUELESS or (means.mean() < LIGHT and ground.tolerance == 0):
        return False
    solid = (difference > NEARLY).astype(np.uint8)
    outline = np.count_nonzero(cv2.dilate(solid, np.ones((3, 3), np.uint8)) - solid)
    side = 2 * BESIDE + 1
    is_beside = cv2.dilate(solid, np.ones((side, side), np.uint8)) > 0
    is_almost = (difference > 0) & (difference <= ALMOST) & ~is_beside
    if np.count_nonzero(is_almost) < HALO * outline:
        return False
    is_object = difference > max(ground.tolerance, 2.0)
    wide = rgb.astype(np.int16)
    along = is_object[:, 1:-1] & is_object[:, :-2] & is_object[:, 2:]
    if not along.any():
        return False
    is_like = (rgb[:, 1:-1] == rgb[:, :-2]).all(-1)
    bend = np.abs(wide[:, 2:] - 2 * wide[:, 1:-1] + wide[:, :-2]).max(-1)
    return bool(is_like[along].mean() < FLAT and np.median(bend[along]) >= 1)


def _is_flat(rgb: Rgb) -> Mask:
    """Mark pixels (H, W) that have exactly the colour of all their neighbours."""
    brush = np.ones((3, 3), np.uint8)
    return np.asarray((cv2.dilate(rgb, brush) == cv2.erode(rgb, brush)).all(-1))
