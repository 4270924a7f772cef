"""What one side of an outline looks like near a pixel: a Gaussian of the colours around it."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from birefcli.image import Mask, Rgb
from birefcli.peeling.thresholds import COLOR_NOISE, LOCAL_REACH, LOCAL_WINDOWS

_Floats = NDArray[np.float32]

_UPPER = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))  # of a symmetric 3 x 3 matrix


@dataclass(frozen=True, eq=False)
class LocalColors:
    """Mean colours (N, 3) and covariances (N, 3, 3) of one side near N pixels, in levels."""

    mean: _Floats
    spread: _Floats


def local_colors(picture: Rgb, side: Mask, asked: Mask, reach: int = LOCAL_REACH) -> LocalColors:
    """Describe the colours of one side (H, W) within `reach` pixels of every pixel asked about.

    Where there are none, those further away speak. N is the number of pixels `asked` (H, W).
    """
    seen = picture.astype(np.float32)
    planes = [seen[..., 0], seen[..., 1], seen[..., 2]]
    planes += [planes[a] * planes[b] for a, b in _UPPER]
    planes = [np.where(side, plane, np.float32(0)) for plane in planes]
    planes.append(side.astype(np.float32))
    sums: _Floats = np.zeros((len(planes), int(asked.sum())), np.float32)
    for times, weight in LOCAL_WINDOWS:
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
    """Give minus the log likelihood (N,) of colours (N, 3) that show `share` of the instance."""
    rest = 1 - share
    apart = colors - share * own.mean - rest * ground.mean
    spread = share**2 * own.spread + rest**2 * ground.spread
    spread = spread + np.eye(3, dtype=np.float32) * COLOR_NOISE**2
    distance = np.einsum("ni,nij,nj->n", apart, np.linalg.inv(spread), apart)
    return np.asarray((distance + np.log(np.linalg.det(spread))) / 2, np.float32)


def color_distance(picture: Rgb, side: Mask, asked: Mask) -> _Floats:
    """Give the Mahalanobis distance (N,) of pixels asked about from the colours of a side."""
    look = local_colors(picture, side, asked)
    spread = look.spread + np.eye(3, dtype=np.float32) * COLOR_NOISE**2
    apart = picture[asked] - look.mean
    square = np.einsum("ni,nij,nj->n", apart, np.linalg.inv(spread), apart)
    return np.asarray(np.sqrt(np.maximum(square, 0)), np.float32)


def color_deviation(picture: Rgb, side: Mask, asked: Mask) -> _Floats:
    """Give the standard deviation (N, 3) of a side's colours near every pixel asked, in levels."""
    spread = local_colors(picture, side, asked).spread
    return np.asarray(np.sqrt(np.maximum(np.einsum("nii->ni", spread), 0)), np.float32)
