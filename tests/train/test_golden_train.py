"""Training mode against the official code, in float64: outputs, losses, gradients, statistics."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from golden_rule import GOLDEN, weight_rule
from torch import Tensor, nn

from birefcli.net.birefnet import BiRefNet
from birefcli.net.blocks import DropPath
from birefcli.net.config import published_config
from birefcli.net.decoder import GradientPair, Prediction, laplacian
from birefcli.train import losses

FILES = sorted(GOLDEN.glob("train_*.npz"))


@dataclass
class Step:
    """A golden file, the network after one forward and backward, and what they gave."""

    golden: dict[str, np.ndarray]
    network: BiRefNet
    image: Tensor
    target: Tensor
    prediction: Prediction
    total: Tensor

    @property
    def outputs(self) -> list[Tensor]:
        return [*self.prediction.side_logits, self.prediction.logits]

    @property
    def recorded(self) -> dict[str, Any]:
        return json.loads(str(self.golden["losses"]))["float64"]


@pytest.fixture(scope="module", params=FILES, ids=lambda path: path.stem[6:])
def step(request: pytest.FixtureRequest) -> Iterator[Step]:
    path: Path = request.param
    golden = dict(np.load(path))
    classes = golden["class_preds"].shape[1] if "class_preds" in golden else 0
    backbone = "_".join(path.stem.split("_")[1:4])
    network = BiRefNet(replace(published_config(backbone), classes=classes))
    weight_rule(network)
    network.double().train()
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
        if isinstance(module, DropPath):
            module.probability = 0.0
    image = torch.from_numpy(golden["input"]).double()
    target = torch.from_numpy(golden["gt"]).double()
    prediction = network(image, supervise=True)
    outputs = [*prediction.side_logits, prediction.logits]
    total = losses.pixel_loss(outputs, target, losses.TASK_WEIGHTS["DIS5K"]).total
    total = total + losses.gradient_loss(prediction.gradients)
    if prediction.class_logits is not None:
        labels = torch.from_numpy(golden["class_labels"])
        total = total + losses.class_loss(prediction.class_logits, labels)
    # The gradients of the gradient loss alone are asked for later, on the same graph.
    total.backward(retain_graph=True)
    yield Step(golden, network, image, target, prediction, total)


def difference(tensor: Tensor, golden: np.ndarray) -> float:
    assert tuple(tensor.shape) == golden.shape
    return float(np.abs(tensor.detach().numpy() - golden).max())


def test_all_outputs(step: Step) -> None:
    for name, tensor in zip(("m4", "m3", "m2", "p1_out"), step.outputs, strict=True):
        assert difference(tensor, step.golden[name]) <= 1e-8, name
    for stage, pair in zip((4, 3, 2), step.prediction.gradients, strict=True):
        assert difference(pair.prediction, step.golden[f"gdt_pred_{stage}"]) <= 1e-8, stage
        assert difference(pair.label, step.golden[f"gdt_label_{stage}"]) <= 1e-8, stage
    assert difference(laplacian(step.image), step.golden["gdt_gt"]) <= 1e-8
    if "class_preds" in step.golden:
        assert step.prediction.class_logits is not None
        assert difference(step.prediction.class_logits, step.golden["class_preds"]) <= 1e-8


def test_losses(step: Step) -> None:
    recorded = step.recorded
    for name, values in recorded["unweighted_per_level"].items():
        ours = [losses.TERMS[name](x.sigmoid(), step.target).item() for x in resized(step)]
        assert ours == pytest.approx(values, rel=1e-9), name
    per_level = [losses.gradient_loss([pair]).item() for pair in step.prediction.gradients]
    assert per_level == pytest.approx(recorded["gdt_per_level"], rel=1e-9)
    assert step.total.item() == pytest.approx(recorded["total"], rel=1e-9)


def resized(step: Step) -> list[Tensor]:
    size = step.target.shape[-2:]
    return [
        nn.functional.interpolate(x.detach(), size, mode="bilinear", align_corners=True)
        for x in step.outputs
    ]


def test_gradients(step: Step) -> None:
    parameters = dict(step.network.named_parameters())
    assert json.loads(str(step.golden["params_without_grad"])) == []
    assert all(parameter.grad is not None for parameter in parameters.values())
    for name, golden in json.loads(str(step.golden["grads"])).items():
        gradient = parameters[name].grad
        assert gradient is not None
        norm = gradient.norm().item()
        assert norm == pytest.approx(golden["norm_f64"], rel=1e-8), name
        sampled = gradient.flatten()[golden["idx"]].numpy()
        assert sampled == pytest.approx(golden["val"], abs=1e-8 * norm), name


def test_the_gradient_loss_flows_through_its_label(step: Step) -> None:
    recorded = json.loads(str(step.golden["losses"]))["grad_norm_of_gdt_loss_alone"]
    parameters = [step.network.get_parameter(name) for name in recorded]
    loss = losses.gradient_loss(step.prediction.gradients)
    alone = torch.autograd.grad(loss, parameters, retain_graph=True)
    # Recorded in float32.
    norms = [gradient.norm().item() for gradient in alone]
    assert norms == pytest.approx(list(recorded.values()), rel=1e-3)


def test_the_norms_a_detached_label_would_give(step: Step) -> None:
    detached = [GradientPair(p.prediction, p.label.detach()) for p in step.prediction.gradients]
    golden = json.loads(str(step.golden["grads"]))
    names = [name for name in golden if "conv_ms_spvn" in name]
    parameters = [step.network.get_parameter(name) for name in names]
    detaching = losses.gradient_loss(detached) - losses.gradient_loss(step.prediction.gradients)
    changes = torch.autograd.grad(detaching, parameters, retain_graph=True)
    for name, parameter, change in zip(names, parameters, changes, strict=True):
        assert parameter.grad is not None
        without = (parameter.grad + change).norm().item()
        assert without == pytest.approx(golden[name]["norm_if_label_detached"], rel=1e-4), name


def test_batch_statistics(step: Step) -> None:
    state = step.network.state_dict()
    for key in (key for key in step.golden if key.startswith("bn:")):
        assert difference(state[key.removeprefix("bn:")], step.golden[key]) <= 1e-8, key
