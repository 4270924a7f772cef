"""Scores of a matte against its truth."""

import numpy as np

from birefcli.arrays import Matte


def iou(matte: Matte, truth: Matte) -> float:
    """Intersection over union of what lies above one half; two empty ones agree fully."""
    found, wanted = matte > 0.5, truth > 0.5
    union = np.count_nonzero(found | wanted)
    return 1.0 if union == 0 else np.count_nonzero(found & wanted) / union


def mae(matte: Matte, truth: Matte) -> float:
    """Mean absolute error over all pixels."""
    return float(np.abs(matte - truth).mean())
