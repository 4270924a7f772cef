"""The edge of a photographed thing, told by the colours on both sides of a network's outline."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from birefcli.image.types import Mask, Matte, Rgb, to_uint8
from birefcli.matte.morphology import levels

_Floats = NDArray[np.float32]

_LEAST_BAND, _MOST_BAND = 4, 16  # pixels on both sides of an outline that are asked again
_UNDECIDED = 0.2, 0.8  # between these a network has not decided
_LOOKS = 5, 3  # the sides of the medians after every look, which rid it of stray pixels
_SHARES = np.linspace(0, 1, 9, dtype=np.float32)  # that are tried
_NOISE = 6.0  # levels that two pixels of one colour differ by
_MIXED = 1.0  # by how much a pixel is less likely to be mixed than to be of one side
_TRUST = 5.0  # how much a matte that is off by 1 weighs against the colours
_MOST = 4.0  # how much colours weigh at most, so that a colour of neither side decides nothing
_REACH = 8  # pixels around one, whose colours tell what is usual there
# Windows in which colours are gathered, by how many times the reach, and what each counts: the wide
# ones speak only where the near ones are empty.
_WINDOWS = ((1, 1.0), (4, 1e-2), (32, 1e-6))
_UPPER = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))  # of a symmetric 3 x 3 matrix


@dataclass(frozen=True, eq=False)
class LocalColors:
    """What one side looks like near some pixels: mean colours (N, 3) and covariances (N, 3, 3)."""

    mean: _Floats
    spread: _Floats


def bayesian_matte(picture: Rgb, matte: Matte) -> Matte:
    """Solve a network's matte (H, W) anew near its outline, where the picture tells more.

    Both sides are Gaussians of the colours seen nearby, and a pixel takes the share of the thing
    that makes its colour likeliest: Chuang et al., "A Bayesian Approach to Digital Matting", 2001,
    with both colours integrated out. A second look gathers the colours closer to the edge.
    """
    for side in _LOOKS:
        matte = _looked(picture, matte)
        matte = np.asarray(cv2.medianBlur(to_uint8(matte * 255), side) / np.float32(255))
    return matte


def local_colors(picture: Rgb, side: Mask, asked: Mask, reach: int = _REACH) -> LocalColors:
    """Describe the colours of one side (H, W) within some pixels of every one asked about.

    Where there are none, those further away speak.
    """
    seen = picture.astype(np.float32)
    planes = [seen[..., 0], seen[..., 1], seen[..., 2]]
    planes += [planes[a] * planes[b] for a, b in _UPPER]
    planes = [np.where(side, plane, np.float32(0)) for plane in planes]
    planes.append(side.astype(np.float32))
    sums: _Floats = np.zeros((len(planes), int(asked.sum())), np.float32)
    for times, weight in _WINDOWS:
        window = 2 * times * reach + 1
        for total, plane in zip(sums, planes, strict=True):
            total += np.float32(weight) * cv2.blur(plane, (window, window))[asked]
    sums /= np.maximum(sums[-1], 1e-12)
    mean = sums[:3].T
    spread = np.zeros((len(mean), 3, 3), np.float32)
    for (a, b), product in zip(_UPPER, sums[3:], strict=False):
        spread[:, a, b] = spread[:, b, a] = product - sums[a] * sums[b]
    return LocalColors(mean, spread)


def negative_log_likelihood(
    colors: _Floats, own: LocalColors, ground: LocalColors, share: float
) -> _Floats:
    """Give minus the log likelihood (N) of colours (N, 3) that show so much of the thing."""
    rest = 1 - share
    apart = colors - share * own.mean - rest * ground.mean
    spread = share**2 * own.spread + rest**2 * ground.spread
    spread = spread + np.eye(3, dtype=np.float32) * _NOISE**2
    distance = np.einsum("ni,nij,nj->n", apart, np.linalg.inv(spread), apart)
    return np.asarray((distance + np.log(np.linalg.det(spread))) / 2, np.float32)


def color_distance(picture: Rgb, side: Mask, asked: Mask) -> _Floats:
    """Say how many standard deviations (N) pixels asked about are from what a side looks like."""
    look = local_colors(picture, side, asked)
    spread = look.spread + np.eye(3, dtype=np.float32) * _NOISE**2
    apart = picture[asked] - look.mean
    square = np.einsum("ni,nij,nj->n", apart, np.linalg.inv(spread), apart)
    return np.asarray(np.sqrt(np.maximum(square, 0)), np.float32)


def color_deviation(picture: Rgb, side: Mask, asked: Mask) -> _Floats:
    """Say by how many levels (N, 3) a side's colours vary near every pixel asked about."""
    spread = local_colors(picture, side, asked).spread
    return np.asarray(np.sqrt(np.maximum(np.einsum("nii->ni", spread), 0)), np.float32)


def within(mask: Mask, px: int) -> Mask:
    """Give everything within some pixels of a mask."""
    ball = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * px + 1, 2 * px + 1))
    return np.asarray(cv2.dilate(mask.astype(np.uint8), ball), np.bool_)


def _looked(picture: Rgb, matte: Matte) -> Matte:
    """Ask every pixel near the outline, or undecided, how much of the thing it shows."""
    support, band = matte > 0.5, _band(matte)
    asked = (matte > _UNDECIDED[0]) & (matte < _UNDECIDED[1])
    asked |= within(support, band) & within(~support, band)
    inside, outside = support & ~asked, ~support & ~asked
    if not asked.any() or not inside.any() or not outside.any():
        return matte
    colors = picture[asked].astype(np.float32)
    own, ground = (local_colors(picture, side, asked, band) for side in (inside, outside))
    costs = np.stack(
        [negative_log_likelihood(colors, own, ground, float(share)) for share in _SHARES]
    )
    costs[1:-1] += _MIXED
    costs = np.minimum(costs - costs.min(axis=0), _MOST)
    costs += _TRUST * (levels(matte, *_UNDECIDED)[asked] - _SHARES[:, None]) ** 2
    result = support.astype(np.float32)
    result[asked] = _SHARES[costs.argmin(axis=0)]
    return result


def _band(matte: Matte) -> int:
    """Say how far from a matte's outline the true one may be, in pixels: as far as it is soft."""
    solid = (matte > 0.5).astype(np.uint8)
    outline = cv2.morphologyEx(solid, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0
    across = cv2.Sobel(matte, cv2.CV_32F, 1, 0, scale=1 / 8)
    down = cv2.Sobel(matte, cv2.CV_32F, 0, 1, scale=1 / 8)
    slope = float(np.median(np.hypot(across, down)[outline])) if outline.any() else 1.0
    return int(np.clip(np.ceil(1 / max(slope, 1e-3)), _LEAST_BAND, _MOST_BAND))
