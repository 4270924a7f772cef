"""The weighted F (Margolin et al. 2014, How to Evaluate Foreground Maps?); needs SciPy."""

import cv2
import numpy as np

from birefcli.metrics.pair import EPS, Float, Pair

WINDOW, SIGMA = 7, 5.0
HALF_LIFE = 5.0  # pixels from the object until half of an error's extra weight is gained


def weighted_f(pair: Pair) -> float:
    """F of a pair (H, W), errors weighted by where they lie (section 4); 0 for an empty truth.

    Errors beside each other partly cancel inside the object, and count double far outside it.
    """
    from scipy.ndimage import distance_transform_edt

    matte, truth = pair.matte, pair.object
    if not truth.any():
        return 0.0
    outside = ~truth
    distance, nearest = distance_transform_edt(outside, return_indices=True)
    error = np.abs(matte - truth)
    # Outside, an error spreads from the nearest pixel of the object (equation 9).
    spread = error.copy()
    spread[outside] = error[nearest[0][outside], nearest[1][outside]]
    smooth = _smoothed(spread)
    weighted = np.where(truth & (smooth < error), smooth, error)
    # Importance (equation 12): 1 on the object, rising to 2 away from it.
    weighted = np.where(
        truth, weighted, weighted * (2 - np.exp(np.log(0.5) / HALF_LIFE * distance))
    )
    hits = np.count_nonzero(truth) - weighted[truth].sum()
    recall = 1 - weighted[truth].mean()
    precision = hits / (hits + weighted[outside].sum() + EPS)
    return float(2 * recall * precision / (recall + precision + EPS))


def _smoothed(values: Float) -> Float:
    """Blur (H, W) with a 7×7 Gaussian; outside the picture lie zeros."""
    at = np.arange(WINDOW) - WINDOW // 2
    line = np.exp(-np.square(at) / (2 * SIGMA**2))
    line /= line.sum()
    blurred = cv2.sepFilter2D(values, cv2.CV_64F, line, line, borderType=cv2.BORDER_CONSTANT)
    return np.asarray(blurred, np.float64)
