"""The structure measure S (Fan et al. 2017, Structure-measure: A New Way to Evaluate…)."""

import numpy as np

from birefcli.image import Mask
from birefcli.metrics.pair import EPS, Float, Pair

ALPHA = 0.5  # how much the object-aware half counts


def structure(pair: Pair) -> float:
    """Object-aware and region-aware likeness of a pair (H, W), at least 0 (equation 1)."""
    matte, truth = pair.matte, pair.object
    share = truth.mean()
    if share == 0:
        return float(1 - matte.mean())
    if share == 1:
        return float(matte.mean())
    objects = share * _object(matte[truth]) + (1 - share) * _object((1 - matte)[~truth])
    return max(0.0, float(ALPHA * objects + (1 - ALPHA) * _regions(matte, truth)))


def _object(values: Float) -> float:
    """How high and how even the values (N,) of a region are (equation 3).

    A single pixel is even, where the original gives NaN.
    """
    mean = values.mean()
    spread = values.std(ddof=1) if values.size > 1 else 0.0
    return float(2 * mean / (mean**2 + 1 + spread + EPS))


def _regions(matte: Float, truth: Mask) -> float:
    """Likeness of the quadrants around the truth's centroid, weighted by area (equation 6)."""
    height, width = truth.shape
    # The official code rounds the centroid and goes one on.
    y, x = (int(at) + 1 for at in np.argwhere(truth).mean(axis=0).round())
    total = 0.0
    for rows in (slice(0, y), slice(y, height)):
        for columns in (slice(0, x), slice(x, width)):
            part = matte[rows, columns]
            if part.size:
                total += part.size / truth.size * _likeness(part, truth[rows, columns])
    return total


def _likeness(matte: Float, truth: Mask) -> float:
    """SSIM of one window (equation 5); two even and equal parts are alike."""
    x, y = matte.mean(), truth.mean()
    degrees = max(matte.size - 1, 1)
    off_x, off_y = matte - x, truth - y
    spread = (np.square(off_x).sum() + np.square(off_y).sum()) / degrees
    alpha = 4 * x * y * (off_x * off_y).sum() / degrees
    beta = (x**2 + y**2) * spread
    if alpha != 0:
        return float(alpha / (beta + EPS))
    return 1.0 if beta == 0 else 0.0
