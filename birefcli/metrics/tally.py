"""Every metric of a pair by its name, and their means over many pairs."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from birefcli.metrics import boundary, curves, matting, pixels, structure
from birefcli.metrics.effort import effort
from birefcli.metrics.pair import Float, Pair
from birefcli.metrics.weighted import weighted_f
from birefcli.settings.evaluate import EvalProtocol, Metric

Measure: TypeAlias = Callable[[Pair], Float | float]

RESAMPLES = 1000
# As the benchmark's tables have it; three for the others.
DIGITS = {Metric.MSE: 5, Metric.AMSE: 5, Metric.HCE: 0}


def _soft(measure: Callable[[Float, Float], float]) -> Measure:
    """Let a matting metric see the pair as it was read, unstretched."""
    return lambda pair: measure(pair.prediction / 255, pair.truth / 255)


MEASURES: dict[Metric, Measure] = {
    Metric.S: structure.structure,
    Metric.MAX_F: curves.f_curve,
    Metric.MEAN_F: curves.f_curve,
    Metric.ADP_F: curves.adaptive_f,
    Metric.WF: weighted_f,
    Metric.MAX_E: curves.e_curve,
    Metric.MEAN_E: curves.e_curve,
    Metric.ADP_E: curves.adaptive_e,
    Metric.MAE: pixels.absolute_error,
    Metric.MSE: pixels.squared_error,
    Metric.HCE: effort,
    Metric.MBA: boundary.boundary_accuracy,
    Metric.MAX_BIOU: boundary.boundary_iou_curve,
    Metric.MEAN_BIOU: boundary.boundary_iou_curve,
    Metric.IOU: pixels.overlap,
    Metric.ACC: pixels.accuracy,
    Metric.SAD: _soft(matting.absolute_difference),
    Metric.AMSE: _soft(matting.squared_difference),
    Metric.GRAD: _soft(matting.gradient_error),
    Metric.CONN: _soft(matting.connectivity_error),
}
PACKAGES = {Metric.WF: "scipy", Metric.HCE: "skimage"}
MAXIMA = (Metric.MAX_F, Metric.MAX_E, Metric.MAX_BIOU)


@dataclass(frozen=True)
class Interval:
    """A difference of two means, and where it lies with 95 % confidence."""

    low: float
    mean: float
    high: float


def measure(pair: Pair, metrics: Collection[Metric]) -> dict[Metric, Float]:
    """Give each metric of a pair: one number (1,), or a curve (256,)."""
    wanted = {MEASURES[metric] for metric in metrics}
    taken = {take: np.atleast_1d(np.asarray(take(pair), np.float64)) for take in wanted}
    return {metric: taken[MEASURES[metric]] for metric in metrics}


def pooled(metric: Metric, rows: Float) -> Float:
    """Take the maximum or the mean of each curve (N, 256), or the number itself (N, 1): (N,)."""
    return np.asarray(rows.max(axis=1) if metric in MAXIMA else rows.mean(axis=1), np.float64)


def unavailable(metrics: Collection[Metric]) -> tuple[Metric, ...]:
    """List the metrics whose package is not installed."""
    return tuple(m for m in metrics if m in PACKAGES and find_spec(PACKAGES[m]) is None)


@dataclass
class Tally:
    """The measured metrics of many pairs by name; each pair weighs the same.

    Curves are averaged per threshold before their maximum or mean is taken, as the benchmark
    does. What a pair has no value for (NaN) is left out of the mean, but not by the official
    protocol, whose mean is then NaN.
    """

    metrics: tuple[Metric, ...]
    protocol: EvalProtocol = EvalProtocol.DEFAULT
    rows: dict[str, dict[Metric, Float]] = field(default_factory=dict)

    def add(self, name: str, values: dict[Metric, Float]) -> None:
        """Add what was measured of a pair."""
        self.rows[name] = values

    def of(self, name: str, metric: Metric) -> float:
        """Give one pair's score."""
        return float(pooled(metric, self.rows[name][metric][None])[0])

    def score(self, metric: Metric) -> float:
        """Give the mean over all pairs; NaN where none has a value."""
        weights = np.ones((1, len(self.rows)))
        return float(self._means(metric, list(self.rows), weights)[0])

    def left_out(self, metric: Metric) -> int:
        """Count the pairs that have no value."""
        return sum(bool(np.isnan(values[metric]).any()) for values in self.rows.values())

    def minus(self, other: "Tally", metric: Metric) -> Interval:
        """Compare on the pairs both have: paired bootstrap (Efron and Tibshirani 1993, 13)."""
        names = [name for name in self.rows if name in other.rows]
        if not names:
            return Interval(np.nan, np.nan, np.nan)
        once = np.ones((1, len(names)))
        # The same pairs are drawn for both, and for every metric.
        draws = np.random.default_rng(0).multinomial(
            len(names), once[0] / len(names), size=RESAMPLES
        )
        difference, drawn = (
            self._means(metric, names, weights) - other._means(metric, names, weights)
            for weights in (once, draws.astype(np.float64))
        )
        drawn = drawn[~np.isnan(drawn)]
        low, high = np.quantile(drawn, (0.025, 0.975)) if drawn.size else (np.nan, np.nan)
        return Interval(float(low), float(difference[0]), float(high))

    def _means(self, metric: Metric, names: list[str], weights: NDArray[np.float64]) -> Float:
        """Give the score for each row of weights (R, N) of the named pairs: (R,)."""
        if not names:
            return np.full(len(weights), np.nan)
        rows = np.stack([self.rows[name][metric] for name in names])
        is_there = np.isfinite(rows.sum(axis=1))
        if self.protocol == EvalProtocol.OFFICIAL and not is_there.all():
            return np.full(len(weights), np.nan)
        total = weights @ is_there
        sums = weights @ np.where(is_there[:, None], rows, 0)
        means = np.full_like(sums, np.nan)
        np.divide(sums, total[:, None], out=means, where=total[:, None] > 0)
        return pooled(metric, means)
