"""Foreground and background colours of soft pixels, solved together from what is seen."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from birefcli.image import Mask, Matte, Rgb
from birefcli.peeling.geometry import SQUARE, square_kernel
from birefcli.peeling.thresholds import (
    CLEAR_MATTE,
    LEAST_NEIGHBOUR_WEIGHT,
    ONE_SIDED,
    PROJECTIONS,
    SMALL_LEVEL,
    SMALL_SWEEPS,
    SOLID_MATTE,
    SOLVE_BAND,
    SUPPORT,
    SWEEPS,
)

_Image = NDArray[np.float32]  # (H, W, 3), 0…255


@dataclass(frozen=True, eq=False)
class ColorPair:
    """Both colours of some pixels, on the scale 0…255: the instance's, and what is behind it."""

    foreground: _Image  # (..., 3)
    backdrop: _Image  # (..., 3)


def solve_colors(picture: Rgb, matte: Matte) -> ColorPair:
    """Estimate both colours (H, W, 3) at every pixel, smooth where the matte (H, W) says nothing.

    Coarse to fine: each level starts from the one before it and weighs how the colours mix
    against how alike neighbours are, less so where the matte does not change.
    Germer et al., "Fast Multi-Level Foreground Estimation", 2020.
    """
    height, width = matte.shape
    image = picture.astype(np.float32)
    solid, clear = matte > SOLID_MATTE, matte < CLEAR_MATTE
    foreground, backdrop = (
        np.broadcast_to(_mean(image, mask), (1, 1, 3)) for mask in (solid, clear)
    )
    steps = max(1, int(np.ceil(np.log2(max(height, width)))))
    for step in range(steps + 1):
        size = tuple(max(1, round(side ** (step / steps))) for side in (height, width))
        seen, share = _sampled(image, size), _sampled(matte, size)
        foreground, backdrop = _sampled(foreground, size), _sampled(backdrop, size)
        sweeps = SMALL_SWEEPS if max(size) <= SMALL_LEVEL else SWEEPS
        foreground, backdrop = _sweep(seen, share, foreground, backdrop, sweeps)
    return ColorPair(foreground, backdrop)


def project_onto_picture(picture: Rgb, matte: Matte, colors: ColorPair) -> ColorPair:
    """Move both colours, as little as can be, until mixed by the matte they give the picture.

    All are of the same pixels, in any shape: (..., 3), the matte (...); 0…255 and 0…1.
    """
    a = matte[..., None]
    gain = 1 / (a * a + (1 - a) * (1 - a))
    foreground, backdrop = colors.foreground, colors.backdrop
    for _ in range(PROJECTIONS):
        error = (picture - (a * foreground + (1 - a) * backdrop)) * gain
        foreground = np.clip(foreground + a * error, 0, 255)
        backdrop = np.clip(backdrop + (1 - a) * error, 0, 255)
    return ColorPair(foreground.astype(np.float32), backdrop.astype(np.float32))


def _sweep(
    image: _Image, matte: Matte, foreground: _Image, backdrop: _Image, sweeps: int
) -> tuple[_Image, _Image]:
    """Solve the two colours of pixels near soft ones against their neighbours', some times over.

    Elsewhere what is seen is the colour of the one, and the other is left as it came.
    """
    alpha = np.pad(matte, 1, mode="edge").ravel()
    f, b = (_padded(values) for values in (foreground, backdrop))
    seen = _padded(image)
    f[alpha > ONE_SIDED], b[alpha < 1 - ONE_SIDED] = (
        seen[alpha > ONE_SIDED],
        seen[alpha < 1 - ONE_SIDED],
    )
    band = _band(matte)
    width = matte.shape[1] + 2
    near = [band - width, band + width, band - 1, band + 1]
    a = alpha[band, None]
    weights = [LEAST_NEIGHBOUR_WEIGHT + np.abs(a - alpha[at, None]) for at in near]
    total = np.sum(weights, axis=0)
    # The 2 × 2 system of a pixel: mixing along the matte, and being like the neighbours.
    ff, fb, bb = a * a + total, a * (1 - a), (1 - a) * (1 - a) + total
    scale = 1 / (ff * bb - fb * fb)
    for _ in range(sweeps):
        f_side, b_side = a * seen[band], (1 - a) * seen[band]
        for weight, at in zip(weights, near, strict=True):
            f_side = f_side + weight * f[at]
            b_side = b_side + weight * b[at]
        f[band] = np.clip((bb * f_side - fb * b_side) * scale, 0, 255)
        b[band] = np.clip((ff * b_side - fb * f_side) * scale, 0, 255)
        _mirror(f, matte.shape)
        _mirror(b, matte.shape)
    return _unpadded(f, matte.shape), _unpadded(b, matte.shape)


def _band(matte: Matte) -> NDArray[np.intp]:
    """List the pixels within some of a soft one, counted in the padded picture."""
    is_soft = (matte > 1 - ONE_SIDED) & (matte < ONE_SIDED)
    # Where coarse levels keep no soft pixel, the outline stands for them.
    solid = (matte > SUPPORT).astype(np.uint8)
    outline = cv2.morphologyEx(solid, cv2.MORPH_GRADIENT, SQUARE)
    wanted = np.where(is_soft, np.uint8(1), np.asarray(outline, np.uint8))
    near = cv2.dilate(wanted, square_kernel(SOLVE_BAND))
    return np.flatnonzero(np.pad(near, 1))


def _padded(values: _Image) -> _Image:
    """Repeat the frame of a picture and list its pixels (N, 3)."""
    return np.pad(values, ((1, 1), (1, 1), (0, 0)), mode="edge").reshape(-1, 3)


def _unpadded(values: _Image, size: tuple[int, ...]) -> _Image:
    return values.reshape(size[0] + 2, size[1] + 2, 3)[1:-1, 1:-1]


def _mirror(values: _Image, size: tuple[int, ...]) -> None:
    """Make the repeated frame follow the picture."""
    whole = values.reshape(size[0] + 2, size[1] + 2, 3)
    whole[0], whole[-1] = whole[1], whole[-2]
    whole[:, 0], whole[:, -1] = whole[:, 1], whole[:, -2]


def _sampled(values: _Image | Matte, size: tuple[int, ...]) -> _Image:
    """Take the nearest pixels (never a mix of colours)."""
    resized = cv2.resize(
        np.ascontiguousarray(values), (size[1], size[0]), interpolation=cv2.INTER_NEAREST
    )
    return np.asarray(resized, np.float32)


def _mean(image: _Image, mask: Mask) -> _Image:
    """Average the colours in a mask, or all where it is empty."""
    chosen = image[mask] if mask.any() else image.reshape(-1, 3)
    return np.asarray(chosen.mean(axis=0), np.float32)
