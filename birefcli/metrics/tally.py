"""Every metric of a pair by its name, and their means over many pairs."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from birefcli.metrics.pair import Float, Pair
from birefcli.metrics.table import MetricRecord, find_metric
from birefcli.settings import EvalProtocol

RESAMPLES = 1000


@dataclass(frozen=True)
class ConfidenceInterval:
    """A difference of two means, and where it lies with 95 % confidence."""

    low: float
    mean: float
    high: float


def measure_pair(pair: Pair, metrics: Collection[str]) -> dict[str, Float]:
    """Give each metric of a pair, by name: one number (1,), or a curve (256,)."""
    # What two metrics share, such as the maximum and the mean of a curve, is measured once.
    records = {name: find_metric(name) for name in metrics}
    taken = {record.measure: _taken(pair, record) for record in _distinct(records.values())}
    return {name: taken[record.measure] for name, record in records.items()}


def _distinct(records: Iterable[MetricRecord]) -> Iterable[MetricRecord]:
    return {record.measure: record for record in records}.values()


def _taken(pair: Pair, record: MetricRecord) -> Float:
    take = record.load()
    value = take(pair.prediction / 255, pair.truth / 255) if record.is_soft else take(pair)
    return np.atleast_1d(np.asarray(value, np.float64))


def pooled(metric: str, rows: Float) -> Float:
    """Take the maximum or the mean of each curve (N, 256), or the number itself (N, 1): (N,)."""
    is_maximum = find_metric(metric).takes_maximum
    return np.asarray(rows.max(axis=1) if is_maximum else rows.mean(axis=1), np.float64)


def unavailable(metrics: Collection[str]) -> tuple[str, ...]:
    """List the metrics whose package is not installed."""
    packages = {name: find_metric(name).package for name in metrics}
    return tuple(name for name, package in packages.items() if package and not find_spec(package))


@dataclass
class Tally:
    """The measured metrics of many pairs by name; each pair weighs the same.

    Curves are averaged per threshold before their maximum or mean is taken, as the benchmark
    does. What a pair has no value for (NaN) is left out of the mean, but not by the official
    protocol, whose mean is then NaN.
    """

    metrics: tuple[str, ...]
    protocol: EvalProtocol = EvalProtocol.DEFAULT
    rows: dict[str, dict[str, Float]] = field(default_factory=dict)

    def add(self, name: str, values: dict[str, Float]) -> None:
        """Add what was measured of a pair."""
        self.rows[name] = values

    def of(self, name: str, metric: str) -> float:
        """Give one pair's score."""
        return float(pooled(metric, self.rows[name][metric][None])[0])

    def score(self, metric: str) -> float:
        """Give the mean over all pairs; NaN where none has a value."""
        weights = np.ones((1, len(self.rows)))
        return float(self._means(metric, list(self.rows), weights)[0])

    def left_out(self, metric: str) -> int:
        """Count the pairs that have no value."""
        return sum(bool(np.isnan(values[metric]).any()) for values in self.rows.values())

    def minus(self, other: "Tally", metric: str) -> ConfidenceInterval:
        """Compare on the pairs both have: paired bootstrap (Efron and Tibshirani 1993, 13)."""
        names = [name for name in self.rows if name in other.rows]
        if not names:
            return ConfidenceInterval(np.nan, np.nan, np.nan)
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
        return ConfidenceInterval(float(low), float(difference[0]), float(high))

    def _means(self, metric: str, names: list[str], weights: NDArray[np.float64]) -> Float:
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
