"""Scores of many scenes: means, the worst of each suite, and differences with their intervals."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from birefcli.metrics.stacks.table import StackMetric
from birefcli.metrics.tally import RESAMPLES, ConfidenceInterval
from birefcli.settings import Suite

WORST = 0.05  # of the scenes, beyond which none is quoted


@dataclass
class StackTally:
    """The scores of one method, by suite and seed; NaN where a scene has nothing to score."""

    name: str
    rows: dict[tuple[Suite, int], dict[str, float]] = field(default_factory=dict)

    def values(
        self, metric: StackMetric, scenes: Sequence[tuple[Suite, int]]
    ) -> NDArray[np.float64]:
        """Give a metric of some scenes (N,)."""
        return np.array([self.rows[scene][metric.name] for scene in scenes], np.float64)

    def of(self, suite: Suite, metric: StackMetric) -> NDArray[np.float64]:
        """Give a metric of the scenes of a suite that have it."""
        values = self.values(metric, [scene for scene in self.rows if scene[0] == suite])
        return values[~np.isnan(values)]

    def mean(self, suite: Suite, metric: StackMetric) -> float:
        """Give the mean over a suite; NaN where no scene has a value."""
        values = self.of(suite, metric)
        return float(values.mean()) if len(values) else np.nan

    def worst(self, suite: Suite, metric: StackMetric) -> float:
        """Give the 5th percentile of a suite, of an error the 95th; NaN without values."""
        values = self.of(suite, metric)
        share = 1 - WORST if metric.is_error else WORST
        return float(np.quantile(values, share)) if len(values) else np.nan

    def minus(self, other: "StackTally", suite: Suite, metric: StackMetric) -> ConfidenceInterval:
        """Compare where both have a value: paired bootstrap (Efron and Tibshirani 1993, 13)."""
        scenes = [scene for scene in self.rows if scene in other.rows and scene[0] == suite]
        apart = self.values(metric, scenes) - other.values(metric, scenes)
        apart = apart[~np.isnan(apart)]
        if not len(apart):
            return ConfidenceInterval(np.nan, np.nan, np.nan)
        drawn = np.random.default_rng(0).integers(len(apart), size=(RESAMPLES, len(apart)))
        low, high = np.quantile(apart[drawn].mean(axis=1), (0.025, 0.975))
        return ConfidenceInterval(float(low), float(apart.mean()), float(high))
