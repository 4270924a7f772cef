"""Errors of soft mattes: SAD, MSE, gradient and connectivity (Rhemann et al. 2009).

*A Perceptually Motivated Online Benchmark for Image Matting*. Both mattes are (H, W) float64 in
0…1 and every pixel counts; sums are given in thousands, as papers do.
"""

import math

import cv2
import numpy as np

from birefcli.image import Mask
from birefcli.metrics.pair import Float

SIGMA = 1.4
STEP = 0.1
SLACK = 0.15  # a connection may be this much weaker before it counts


def absolute_difference(matte: Float, truth: Float) -> float:
    """Sum of absolute differences, in thousands (section 2)."""
    return float(np.abs(matte - truth).sum() / 1000)


def squared_difference(matte: Float, truth: Float) -> float:
    """Mean squared difference to the soft truth (section 2)."""
    return float(np.square(matte - truth).mean())


def gradient_error(matte: Float, truth: Float) -> float:
    """Sum of squared differences of the gradients' lengths, in thousands (section 4.2)."""
    return float(np.square(_gradient(matte) - _gradient(truth)).sum() / 1000)


def connectivity_error(matte: Float, truth: Float) -> float:
    """Sum of differences in how pixels connect to the largest region, in thousands (4.1)."""
    level = _connected_level(matte, truth)
    return float(np.abs(_held(matte - level) - _held(truth - level)).sum() / 1000)


def _gradient(values: Float) -> Float:
    """Length of the Gaussian derivative of (H, W), of unit energy, the border continued."""
    half = math.ceil(SIGMA * math.sqrt(-2 * math.log(math.sqrt(2 * math.pi) * SIGMA * 0.01)))
    at = np.arange(-half, half + 1, dtype=np.float64)
    bell = np.exp(-np.square(at) / (2 * SIGMA**2))
    slope = -at * bell
    bell, slope = bell / np.linalg.norm(bell), slope / np.linalg.norm(slope)
    border = cv2.BORDER_REPLICATE
    x = cv2.sepFilter2D(values, cv2.CV_64F, slope, bell, borderType=border)
    y = cv2.sepFilter2D(values, cv2.CV_64F, bell, slope, borderType=border)
    return np.asarray(np.hypot(x, y), np.float64)


def _connected_level(matte: Float, truth: Float) -> Float:
    """Give the highest level (H, W) at which a pixel is in the largest body that both share."""
    level = np.full(matte.shape, -1.0)
    for i in range(1, round(1 / STEP) + 1):
        body = _largest((matte >= i * STEP) & (truth >= i * STEP))
        level[(level == -1) & ~body] = (i - 1) * STEP
    level[level == -1] = 1
    return level


def _largest(mask: Mask) -> Mask:
    """Give the largest 4-connected region (H, W), or nothing."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    if len(stats) == 1:
        return np.zeros(mask.shape, np.bool_)
    return np.asarray(labels == 1 + stats[1:, cv2.CC_STAT_AREA].argmax(), np.bool_)


def _held(above: Float) -> Float:
    return 1 - np.where(above >= SLACK, above, 0)
