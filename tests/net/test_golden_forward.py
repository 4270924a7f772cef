"""The whole network in evaluation, against the official code's outputs for the same weights."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from golden_rule import GOLDEN, ruled_tensor, weight_rule
from torch import Tensor, nn

from birefcli.net.birefnet import BiRefNet
from birefcli.net.config import published_config

FILES = sorted(GOLDEN.glob("forward_*.npz"))
# The head is folded around these, so they are never called.
UNSEEN = ("conv_out1.in", "conv_out1", "ipt_blk1.in", "ipt_blk1")


@dataclass
class Run:
    """A golden file, the network it was made with, and what passed through it in float32."""

    golden: dict[str, np.ndarray]
    network: BiRefNet
    logits: Tensor
    seen: dict[str, Tensor]


@pytest.fixture(scope="module", params=FILES, ids=lambda path: path.stem[8:])
def run(request: pytest.FixtureRequest) -> Iterator[Run]:
    path: Path = request.param
    backbone = re.sub(r"^forward_|_\d+x\d+.*$", "", path.stem)
    order = "old" if "legacy" in path.stem else "new"
    network = BiRefNet(replace(published_config(backbone), tile_order=order)).eval()
    weight_rule(network)
    golden = dict(np.load(path))
    seen = watch(network)
    with torch.inference_mode():
        logits = network(torch.from_numpy(golden["input"])).logits
    yield Run(golden, network, logits, dict(seen))


def watch(network: BiRefNet) -> dict[str, Tensor]:
    """Keep what goes in and out of the modules that the golden summaries name."""
    seen: dict[str, Tensor] = {}

    def keep(name: str) -> Any:
        def hook(_: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
            # Copies: the decoder adds to some of its maps in place.
            seen[f"{name}.in"], seen[name] = inputs[0].clone(), output.clone()

        return hook

    def keep_backbone(_: nn.Module, inputs: tuple[Any, ...], maps: list[Tensor]) -> None:
        scale = "half" if "bb_full.x1" in seen else "full"
        seen.update({f"bb_{scale}.x{i}": x for i, x in enumerate(maps, start=1)})

    def keep_encoder(_: nn.Module, inputs: tuple[Any, ...]) -> None:
        seen.update({f"enc.x{i}": x for i, x in enumerate(inputs[1][:3], start=1)})
        seen["enc.x4"] = seen["squeeze.in"]

    network.bb.register_forward_hook(keep_backbone)
    network.squeeze_module.register_forward_hook(keep("squeeze"))
    network.decoder.register_forward_pre_hook(keep_encoder)
    for name, module in network.decoder.named_children():
        module.register_forward_hook(keep(name))
    return seen


def test_the_weight_rule_gives_the_recorded_numbers() -> None:
    for entry in json.loads((GOLDEN / "weight_rule_check.json").read_text()):
        tensor = ruled_tensor(entry["key"], tuple(entry["shape"])).double()
        first = torch.tensor(entry["first"], dtype=torch.float64)
        assert tensor.flatten()[: len(first)] == pytest.approx(first, abs=1e-6)
        assert tensor.mean().item() == pytest.approx(entry["mean"], abs=1e-6)
        assert tensor.std(correction=0).item() == pytest.approx(entry["std"], abs=1e-6)


def test_logits_in_float32(run: Run) -> None:
    assert np.abs(run.logits.numpy() - run.golden["logits"]).max() <= 5e-5


def test_everything_on_the_way(run: Run) -> None:
    summaries = json.loads(str(run.golden["summary"]))
    assert set(summaries) - set(run.seen) <= set(UNSEEN)
    for name in set(summaries) - set(UNSEEN):
        summary, tensor = summaries[name], run.seen[name]
        close = {"abs": 1e-4, "rel": 1e-4}
        assert list(tensor.shape) == summary["shape"], name
        assert tensor.flatten()[summary["idx"]].numpy() == pytest.approx(summary["val"], **close)
        assert tensor.mean().item() == pytest.approx(summary["mean"], **close), name
        assert tensor.std(correction=0).item() == pytest.approx(summary["std"], **close), name
        assert tensor.abs().max().item() == pytest.approx(summary["absmax"], **close), name


# The last of the module, because it widens the network in place.
def test_logits_in_float64(run: Run) -> None:
    with torch.inference_mode():
        logits = run.network.double()(torch.from_numpy(run.golden["input"]).double()).logits
    assert np.abs(logits.numpy() - run.golden["logits_f64"]).max() <= 1e-9
