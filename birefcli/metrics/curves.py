"""F and E at each of the 256 thresholds 255 … 0, and at the adaptive one."""

import numpy as np
from numpy.typing import NDArray

from birefcli.metrics.pair import EPS, Counts, Float, Pair

BETA = 0.3  # squared: precision counts for more than recall


def precision_curve(pair: Pair) -> Float:
    """Share of what is predicted that is true, at each threshold (256,)."""
    counts = pair.counts
    return np.asarray(counts.hits / np.maximum(counts.hits + counts.misses, 1), np.float64)


def recall_curve(pair: Pair) -> Float:
    """Share of what is true that is predicted, at each threshold (256,)."""
    return np.asarray(pair.counts.hits / max(int(pair.object.sum()), 1), np.float64)


def f_curve(pair: Pair) -> Float:
    """F of beta² 0.3 at each threshold (256,) (Achanta et al. 2009, Frequency-tuned…, 4)."""
    return _f(precision_curve(pair), recall_curve(pair))


def adaptive_f(pair: Pair) -> float:
    """F at twice the mean prediction (Achanta et al. 2009, section 4.2)."""
    hits = np.count_nonzero(pair.chosen & pair.object)
    if hits == 0:
        return 0.0
    precision = np.array([hits / np.count_nonzero(pair.chosen)])
    return float(_f(precision, np.array([hits / np.count_nonzero(pair.object)]))[0])


def e_curve(pair: Pair) -> Float:
    """Enhanced alignment at each threshold (256,) (Fan et al. 2018, Enhanced-alignment…, 3)."""
    return _alignment(pair.counts, pair)


def adaptive_e(pair: Pair) -> float:
    """Enhanced alignment at twice the mean prediction (Fan et al. 2018)."""
    hits = np.count_nonzero(pair.chosen & pair.object)
    misses = np.count_nonzero(pair.chosen) - hits
    return float(_alignment(Counts(np.array([hits]), np.array([misses])), pair)[0])


def _f(precision: Float, recall: Float) -> Float:
    above = (1 + BETA) * precision * recall
    return np.asarray(above / np.where(above == 0, 1, BETA * precision + recall), np.float64)


def _alignment(counts: Counts, pair: Pair) -> Float:
    """Sum (1 + alignment)²/4 over the four kinds of pixels, and divide by the pixels less one.

    A perfect map therefore gets a little more than 1, as in the official code.
    """
    pixels, wanted = pair.object.size, np.count_nonzero(pair.object)
    predicted = counts.hits + counts.misses
    total: NDArray[np.float64]
    if wanted == 0:
        total = (pixels - predicted).astype(np.float64)
    elif wanted == pixels:
        total = predicted.astype(np.float64)
    else:
        mean, true_mean = predicted / pixels, wanted / pixels
        lost = wanted - counts.hits
        kinds = (
            (counts.hits, 1 - mean, 1 - true_mean),
            (counts.misses, 1 - mean, -true_mean),
            (lost, -mean, 1 - true_mean),
            (pixels - predicted - lost, -mean, -true_mean),
        )
        total = np.zeros(len(predicted))
        for number, off, true_off in kinds:
            aligned = 2 * off * true_off / (off**2 + true_off**2 + EPS)
            total += (aligned + 1) ** 2 / 4 * number
    return total / (pixels - 1 + EPS)
