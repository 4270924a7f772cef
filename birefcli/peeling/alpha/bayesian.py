"""Bayesian matting: the edge of a photographed instance, told by the colours on both sides of it.

Chuang, Curless, Salesin and Szeliski, "A Bayesian Approach to Digital Matting", 2001, here with
both colours integrated out.
"""

import cv2
import numpy as np

from birefcli.image import Matte, Rgb, to_uint8
from birefcli.matte import levels
from birefcli.peeling.alpha.local_colors import local_colors, negative_log_likelihood
from birefcli.peeling.geometry import SQUARE, within
from birefcli.peeling.thresholds import (
    BAND_LEAST,
    BAND_MOST,
    MATTE_COST,
    MEDIAN_SIDES,
    MIXED_COST,
    MOST_COLOR_COST,
    SHARES_TRIED,
    SUPPORT,
    UNDECIDED,
)

_SHARES = np.linspace(0, 1, SHARES_TRIED, dtype=np.float32)


def bayesian_matte(picture: Rgb, matte: Matte) -> Matte:
    """Solve a network's matte (H, W) again near its outline, where the picture tells more.

    Both sides are Gaussians of the colours seen nearby, and a pixel takes the share of the instance
    that makes its colour likeliest. A second solve gathers the colours closer to the edge.
    """
    for side in MEDIAN_SIDES:
        matte = _solved(picture, matte)
        matte = np.asarray(cv2.medianBlur(to_uint8(matte * 255), side) / np.float32(255))
    return matte


def _solved(picture: Rgb, matte: Matte) -> Matte:
    """Give every pixel near the outline, or undecided, its likeliest share of the instance."""
    support, band = matte > SUPPORT, _band(matte)
    asked = (matte > UNDECIDED[0]) & (matte < UNDECIDED[1])
    asked |= within(support, band) & within(~support, band)
    inside, outside = support & ~asked, ~support & ~asked
    if not asked.any() or not inside.any() or not outside.any():
        return matte
    colors = picture[asked].astype(np.float32)
    own, ground = (local_colors(picture, side, asked, band) for side in (inside, outside))
    costs = np.stack(
        [negative_log_likelihood(colors, own, ground, float(share)) for share in _SHARES]
    )
    costs[1:-1] += MIXED_COST
    costs = np.minimum(costs - costs.min(axis=0), MOST_COLOR_COST)
    costs += MATTE_COST * (levels(matte, *UNDECIDED)[asked] - _SHARES[:, None]) ** 2
    result = support.astype(np.float32)
    result[asked] = _SHARES[costs.argmin(axis=0)]
    return result


def _band(matte: Matte) -> int:
    """Say how far from a matte's outline the true one may be, in pixels: as far as it is soft."""
    solid = (matte > SUPPORT).astype(np.uint8)
    outline = cv2.morphologyEx(solid, cv2.MORPH_GRADIENT, SQUARE) > 0
    across = cv2.Sobel(matte, cv2.CV_32F, 1, 0, scale=1 / 8)
    down = cv2.Sobel(matte, cv2.CV_32F, 0, 1, scale=1 / 8)
    slope = float(np.median(np.hypot(across, down)[outline])) if outline.any() else 1.0
    return int(np.clip(np.ceil(1 / max(slope, 1e-3)), BAND_LEAST, BAND_MOST))
