"""The table of metrics: it is light, and every line of it can be measured."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from birefcli.errors import UsageError
from birefcli.metrics.pair import Pair
from birefcli.metrics.table import (
    METRICS,
    MetricRecord,
    digits,
    expand_metrics,
    find_metric,
    is_error,
    metric_groups,
    metric_names,
)
from birefcli.metrics.tally import measure_pair
from birefcli.settings import EvalSettings, TrainSettings


def test_the_table_loads_no_numpy() -> None:
    words = (
        "import sys; import birefcli.metrics.table, birefcli.metrics.stacks.table;"
        "assert not {'numpy', 'cv2'} & {*sys.modules}"
    )
    subprocess.run([sys.executable, "-c", words], check=True)


def test_groups_stand_for_their_metrics_each_once() -> None:
    assert expand_metrics(["MAE", "F", "maxF"]) == ("MAE", "maxF", "meanF", "adpF")
    assert expand_metrics(EvalSettings(folders=(Path(),)).metrics) == tuple(
        metric for metric in metric_names() if metric not in ("SAD", "aMSE", "Grad", "Conn")
    )
    assert expand_metrics([TrainSettings(data=(), out=Path()).metric]) == ("IoU",)
    with pytest.raises(UsageError, match="'psnr' is not one of S, maxF"):
        expand_metrics(["psnr"])


def test_of_errors_lower_is_better() -> None:
    errors = {"MAE", "MSE", "HCE", "SAD", "aMSE", "Grad", "Conn"}
    assert {name for name in metric_names() if is_error(name)} == errors


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
