"""Every loss against the official values, and the schedule of the last epochs."""

import json
from typing import Any

import numpy as np
import pytest
import torch
from golden_rule import GOLDEN
from torch import Tensor

from birefcli.net.decoder import GradientPair
from birefcli.train import losses
from birefcli.train.losses import LossWeights, weights_at

ARRAYS = dict(np.load(GOLDEN / "losses.npz"))
VALUES: dict[str, Any] = json.loads(str(ARRAYS["values"]))
CASES = ("soft_vs_binary", "soft_vs_soft", "near_perfect", "large_130x140")
TOLERANCE = {"float32": 1e-6, "float64": 1e-10}


def pair(case: str, precision: str) -> tuple[Tensor, Tensor]:
    dtype = getattr(torch, precision)
    logits, target = (torch.from_numpy(ARRAYS[f"{case}:{part}"]) for part in ("logit", "gt"))
    return logits.to(dtype), target.to(dtype)


@pytest.mark.parametrize("precision", TOLERANCE)
@pytest.mark.parametrize("case", CASES)
def test_each_term_has_the_official_value(case: str, precision: str) -> None:
    logits, target = pair(case, precision)
    expected = dict(VALUES[case][precision])
    expected["structure"] = expected.pop("structure_on_probability")
    for name, term in losses.TERMS.items():
        value = term(logits.sigmoid(), target).item()
        assert value == pytest.approx(expected[name], rel=TOLERANCE[precision]), name
    on_logits = losses.structure(logits, target).item()
    assert on_logits == pytest.approx(expected["structure_on_logit"], rel=TOLERANCE[precision])


@pytest.mark.parametrize("task", VALUES["pixel_loss_by_task"])
def test_the_pixel_loss_sums_levels_and_logs_their_mean(task: str) -> None:
    outputs = [torch.from_numpy(ARRAYS[f"pixloss:level{i}"]) for i in range(4)]
    target = torch.from_numpy(ARRAYS["soft_vs_binary:gt"])
    expected = VALUES["pixel_loss_by_task"][task]
    loss = losses.pixel_loss(outputs, target, losses.TASK_WEIGHTS[task])
    assert loss.total.item() == pytest.approx(expected["total"], rel=1e-6)
    logged = {name: term.item() for name, term in loss.terms.items()}
    assert logged == pytest.approx(expected["logged"], rel=1e-6)


def test_the_mean_form_of_iou_divides_by_the_batch() -> None:
    logits, target = pair("soft_vs_soft", "float64")
    only_iou = LossWeights(bce=0, iou=1, ssim=0)
    total = losses.pixel_loss([logits], target, only_iou).total
    mean = losses.pixel_loss([logits], target, only_iou, mean_iou=True).total
    assert mean.item() == pytest.approx(total.item() / len(target), rel=1e-12)


def test_iou_of_nothing_predicted_where_nothing_is_stays_finite() -> None:
    nothing = torch.zeros(2, 1, 8, 8, requires_grad=True)
    loss = losses.iou(nothing, torch.zeros(2, 1, 8, 8))
    loss.backward()
    assert nothing.grad is not None
    assert loss.isfinite() and nothing.grad.isfinite().all()


def test_the_class_loss_is_the_official_one() -> None:
    logits, labels = torch.from_numpy(ARRAYS["cls:logit"]), torch.from_numpy(ARRAYS["cls:label"])
    expected = VALUES["classification"]["official_weighted"]
    assert losses.class_loss(logits, labels).item() == pytest.approx(expected, rel=1e-6)


def test_the_gradient_loss_reaches_the_label() -> None:
    label = torch.randn(1, 1, 8, 8, requires_grad=True)
    losses.gradient_loss([GradientPair(torch.randn(1, 1, 2, 2), label)]).backward()
    assert label.grad is not None and label.grad.abs().max() > 0


def test_weights_rest_until_the_last_phase() -> None:
    assert weights_at("DIS5K", 460, 500) == losses.TASK_WEIGHTS["DIS5K"]
    assert weights_at("Matting", 140, 150) == losses.TASK_WEIGHTS["Matting"]


def test_weights_shrink_again_at_every_late_epoch() -> None:
    assert weights_at("DIS5K", 461, 500) == LossWeights(bce=0, iou=0.25)
    assert weights_at("DIS5K", 462, 500) == LossWeights(bce=0, iou=0.125)
    general = [weights_at("General", epoch, 200).mae for epoch in (180, 181, 182)]
    assert general == pytest.approx([100, 90, 81])
    matting = weights_at("Matting", 142, 150)
    assert (matting.bce, matting.mae) == (30, 100)
    assert matting.ssim == pytest.approx(8.1)


def test_resuming_in_the_last_phase_starts_it_over() -> None:
    resumed = weights_at("General", 190, 200, resumed_at=190)
    assert resumed == weights_at("General", 181, 200)
    assert weights_at("General", 190, 200, resumed_at=100) == weights_at("General", 190, 200)
