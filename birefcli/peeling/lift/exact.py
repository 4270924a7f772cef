"""The exact step: 8-bit layers that, laid over their bottom, give the picture back bit for bit."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from birefcli.image import Alpha, Mask, Rgb, Rgba
from birefcli.matte import over8

_Ints = NDArray[np.int32]


class InexactError(AssertionError):
    """A layer laid over its bottom does not give the picture it was lifted from."""


@dataclass(frozen=True, eq=False)
class ExactLayer:
    """A layer (H, W, 4), what is under it (H, W, 3), and where its alpha had to be raised."""

    rgba: Rgba
    bottom: Rgb
    is_raised: Mask  # (H, W)


def exact_layer(
    picture: Rgb, foreground: NDArray[np.float32], alpha: Alpha, bottom: Rgb
) -> ExactLayer:
    """Round a layer so that laying it over its bottom gives the picture, at every pixel.

    `foreground` (H, W, 3) is an estimate on the scale 0…255; the result keeps as close to it as
    exactness allows. Alpha is raised, by as little as does it, where no colour would do; the
    bottom is the picture where alpha is 0.
    """
    bottom = np.where(alpha[..., None] == 0, picture, bottom)
    raised = np.maximum(alpha, least_alpha(picture, bottom))
    rgba = np.dstack([exact_foreground(picture, foreground, raised, bottom), raised])
    assert_exact(picture, rgba, bottom)
    return ExactLayer(rgba, bottom, raised != alpha)


def least_alpha(picture: Rgb, bottom: Rgb) -> Alpha:
    """Give the lowest alpha (H, W) at which some colour over the bottom makes the picture.

    Feasible alphas have no gaps: every higher one works too.
    """
    c, b = picture.astype(np.int32), bottom.astype(np.int32)
    # The colour 0 takes away most, 255 adds most; half a level is forgiven by rounding.
    distance = np.abs(c - b)
    reach = np.where(c < b, b, 255 - b)
    least = _ceil_div(510 * distance - 255, 2 * np.maximum(reach, 1))
    least = np.where(distance == 0, 0, least)
    return np.asarray(least.max(axis=-1), np.uint8)


def exact_foreground(
    picture: Rgb, foreground: NDArray[np.float32], alpha: Alpha, bottom: Rgb
) -> Rgb:
    """Give the colours nearest to an estimate that make the picture over the bottom.

    They are black where alpha is 0; alpha must be feasible (see `least_alpha`).
    """
    a = alpha[..., None].astype(np.int32)
    below = 2 * (255 - a) * bottom
    doubled, weight = 510 * picture.astype(np.int32), 2 * np.maximum(a, 1)
    lowest = np.maximum(_ceil_div(doubled - 255 - below, weight), 0)
    highest = np.minimum(_ceil_div(doubled + 255 - below, weight) - 1, 255)
    wanted = np.rint(np.nan_to_num(foreground)).astype(np.int32)
    return np.where(a > 0, np.clip(wanted, lowest, highest), 0).astype(np.uint8)


def assert_exact(picture: Rgb, rgba: Rgba, bottom: Rgb) -> None:
    """Raise InexactError unless the layer over the bottom is the picture."""
    differing = int(np.any(over8(rgba, bottom) != picture, axis=-1).sum())
    if differing:
        raise InexactError(f"a layer does not recompose: {differing} pixels differ")


def _ceil_div(numerator: _Ints, denominator: _Ints) -> _Ints:
    """Divide whole numbers upwards."""
    return -(-numerator // denominator)
