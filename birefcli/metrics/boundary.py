"""Scores of the outline: boundary IoU and mean boundary accuracy."""

import math

import cv2
import numpy as np

from birefcli.image import Alpha
from birefcli.metrics.pair import Float, Pair, count

WIDTH = 0.02  # of the diagonal
BANDS = 5


def boundary_iou_curve(pair: Pair) -> Float:
    """IoU of the inner boundaries at each threshold (256,) (Cheng et al. 2021, Boundary IoU, 4)."""
    truth = _inner_boundary(pair.object.astype(np.uint8)) > 0
    counts = count(_inner_boundary(pair.steps), truth)
    return np.asarray(counts.hits / (max(int(truth.sum()), 1) + counts.misses), np.float64)


def boundary_accuracy(pair: Pair) -> float:
    """Mean share of right pixels in five bands around the outline (Cheng et al. 2020, CascadePSP).

    NaN where the truth is empty or full and so has no outline.
    """
    truth, found = pair.object.astype(np.uint8), pair.prediction > 128
    widest = sum(truth.shape) / 300
    shares = []
    for band in range(BANDS):
        radius = 1 + int((widest - 1) / BANDS * band)
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
        is_near = cv2.morphologyEx(truth, cv2.MORPH_GRADIENT, kernel) > 0
        if not is_near.any():
            return math.nan
        shares.append(np.mean((found == pair.object)[is_near]))
    return float(np.mean(shares))


def _inner_boundary(steps: Alpha) -> Alpha:
    """Give what erosion takes away from (H, W), with nothing beyond the picture."""
    diagonal = math.hypot(*steps.shape)
    rounds = max(1, round(WIDTH * diagonal))
    framed = cv2.copyMakeBorder(steps, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=(0,))
    eroded = cv2.erode(framed, np.ones((3, 3), np.uint8), iterations=rounds)
    return np.asarray(steps - eroded[1:-1, 1:-1], np.uint8)
