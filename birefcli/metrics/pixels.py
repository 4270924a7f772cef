"""Scores that look at every pixel by itself: errors, intersection over union, accuracy."""

import numpy as np

from birefcli.image import Matte
from birefcli.metrics.pair import Pair


def iou(matte: Matte, truth: Matte) -> float:
    """Intersection over union of what lies above one half, both (H, W); two empty ones agree."""
    found, wanted = matte > 0.5, truth > 0.5
    union = np.count_nonzero(found | wanted)
    return 1.0 if union == 0 else np.count_nonzero(found & wanted) / union


def mae(matte: Matte, truth: Matte) -> float:
    """Mean absolute error over all pixels, both (H, W)."""
    return float(np.abs(matte - truth).mean())


def absolute_error(pair: Pair) -> float:
    """Mean absolute error to the true object (Perazzi et al. 2012, Saliency Filters, 4)."""
    return float(np.abs(pair.matte - pair.object).mean())


def squared_error(pair: Pair) -> float:
    """Mean squared error to the true object, as the benchmark has it."""
    return float(np.square(pair.matte - pair.object).mean())


def overlap(pair: Pair) -> float:
    """Intersection over union of both above one half (Everingham et al. 2010, VOC, 4.3)."""
    found, wanted = pair.prediction > 127, pair.object
    union = np.count_nonzero(found | wanted)
    return 1.0 if union == 0 else np.count_nonzero(found & wanted) / union


def accuracy(pair: Pair) -> float:
    """Share of pixels on the right side of one half (Long et al. 2015, FCN, 5)."""
    return float(np.mean((pair.prediction > 127) == pair.object))
