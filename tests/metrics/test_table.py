"""The table of metrics: it is light, and every line of it can be measured."""

import subprocess
import sys

import numpy as np
import pytest

from birefcli.errors import UsageError
from birefcli.metrics.pair import Pair
from birefcli.metrics.table import (
    METRICS,
    MetricRecord,
    digits,
    find_metric,
    is_error,
    metric_groups,
    metric_names,
)
from birefcli.metrics.tally import measure_pair
from birefcli.settings.evaluate import MATTING, SEGMENTATION, Metric


def test_the_table_loads_no_numpy() -> None:
    words = (
        "import sys; import birefcli.metrics.table; assert not {'numpy', 'cv2'} & {*sys.modules}"
    )
    subprocess.run([sys.executable, "-c", words], check=True)


def test_the_settings_know_the_same_names() -> None:
    assert metric_names() == tuple(Metric)
    assert all(is_error(metric) == metric.is_error for metric in Metric)
    groups = metric_groups()
    assert (groups["segmentation"], groups["matting"]) == (SEGMENTATION, MATTING)


def test_every_metric_is_of_one_kind_and_is_described() -> None:
    groups = metric_groups()
    assert list(groups) == ["all", "segmentation", "matting", "F", "E", "BIoU"]
    assert sorted((*groups["segmentation"], *groups["matting"])) == sorted(groups["all"])
    assert groups["F"] == ("maxF", "meanF", "adpF")
    assert all(metric.description for metric in METRICS)
    assert len({metric.description for metric in METRICS}) == len(METRICS)


@pytest.mark.parametrize("metric", METRICS, ids=metric_names())
def test_every_metric_gives_a_number_or_a_curve(metric: MetricRecord) -> None:
    truth = np.zeros((32, 40), np.uint8)
    truth[8:24, 10:30] = 255
    values = measure_pair(Pair(np.roll(truth, 2, 1), truth), [metric.name])[metric.name]
    assert values.shape in ((1,), (256,)) and np.isfinite(values).all()


def test_digits_are_those_of_the_benchmarks_tables() -> None:
    others = {"MSE": 5, "aMSE": 5, "HCE": 0}
    assert {name: digits(name) for name in metric_names()} == dict.fromkeys(
        metric_names(), 3
    ) | others


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(UsageError, match="'psnr' is not one of S, maxF"):
        find_metric("psnr")
