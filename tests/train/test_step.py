"""One step of a training: over processes, over batches, with adapters, recomputed, and spoilt."""

import copy
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from fakes import tiny_config
from training_steps import (
    WHOLE,
    make_batch,
    steps_settings,
    take_steps,
    tiny_state,
)

import birefcli
from birefcli.errors import BirefcliError, DeviceError, UsageError, WeightsError
from birefcli.net.birefnet import BiRefNet
from birefcli.net.checkpoint import load_network, save_network
from birefcli.net.config import compact_config, compact_lite2_config
from birefcli.settings.train import GradientLabel, Stage
from birefcli.train.gradient_checkpointing import recompute_blocks
from birefcli.train.lora import add_adapters, merge_adapters
from birefcli.train.losses import LossWeights
from birefcli.train.optimizer import resting_parts
from birefcli.train.processes import SingleProcess, join_processes
from birefcli.train.resting_norms import fold_resting_norms
from birefcli.train.schedule import loss_weights
from birefcli.train.step import batch_loss, take_step
from birefcli.train.training_state import make_training_state


def furthest(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> float:
    assert a.keys() == b.keys()
    return max(float((a[name].double() - b[name].double()).abs().max()) for name in a)


def test_two_processes_equal_one_with_twice_the_batch(tmp_path):
    """Gloo on the CPU, in float64; the loop multiplies the summed IoU term by their number."""
    pytest.importorskip("accelerate")
    script = Path(__file__).parents[1] / "training_steps.py"
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    folders = [Path(birefcli.__file__).parents[1], script.parent]
    done = subprocess.run(
        [sys.executable, *launch, str(script), str(tmp_path / "two.pt")],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(map(str, folders)),
            "OMP_NUM_THREADS": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    two = torch.load(tmp_path / "two.pt", weights_only=True)
    assert two["count"] == 2
    settings = steps_settings()
    batches = [[make_batch(step)] for step in range(3)]
    state = tiny_state(settings)
    begun = {name: value.clone() for name, value in state.network.state_dict().items()}
    one = take_steps(state, settings, batches)
    assert furthest(one, begun) > 1e-3
    assert furthest(one, two["weights"]) <= 1e-6


def test_accumulated_batches_equal_one_larger(tmp_path):
    whole, halves = steps_settings(), steps_settings(accumulate=2)
    one = take_steps(tiny_state(whole), whole, [[make_batch(step)] for step in range(2)])
    parts = [[make_batch(step, 0, 2), make_batch(step, 2, WHOLE)] for step in range(2)]
    two = take_steps(tiny_state(halves), halves, parts)
    assert furthest(one, two) <= 1e-9


def test_many_processes_need_accelerate(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr("birefcli.train.processes.find_spec", lambda _: None)
    with pytest.raises(DeviceError, match="pip install"):
        join_processes("cpu")


def test_merged_adapters_are_plain_weights_that_say_the_same(tmp_path):
    settings = steps_settings(lora=2, encoder_rate=1.0)
    state = tiny_state(settings)
    begun = {name: p.detach().clone() for name, p in state.network.named_parameters()}
    take_steps(state, settings, [[make_batch(step)] for step in range(3)])
    moved = {n for n, p in state.network.named_parameters() if not torch.equal(p, begun[n])}
    assert moved and all(name.endswith((".up", ".down")) for name in moved)

    adapted = state.network.eval()
    plain = merge_adapters(adapted)
    assert plain.state_dict().keys() == BiRefNet(plain.config).state_dict().keys()
    image = torch.randn(1, 3, 64, 64, dtype=torch.float64)
    with torch.no_grad():
        difference = (adapted(image).logits - plain(image).logits).abs().max()
        fresh = tiny_state(steps_settings()).network.eval()(image).logits - plain(image).logits
    assert difference <= 1e-5 < fresh.abs().max()
    save_network(tmp_path / "a.safetensors", plain, {}, half=True)
    assert load_network(tmp_path / "a.safetensors", name="a").config == plain.config


def test_an_adapter_is_smaller_than_what_it_adapts():
    network = BiRefNet(tiny_config())
    total = sum(p.numel() for p in network.parameters())
    add_adapters(network, 4)
    learning = sum(p.numel() for p in network.parameters() if p.requires_grad)
    assert 0 < learning < total / 2


def test_adapters_of_a_frozen_encoder_never_learn():
    network = tiny_state(steps_settings(lora=2, encoder_rate=0.0)).network
    learning = {name for name, p in network.named_parameters() if p.requires_grad}
    assert learning and not any(name.startswith("bb.") for name in learning)


def test_recomputed_blocks_give_the_same_gradients_and_statistics():
    settings = steps_settings(frozen_norms=False)
    batch = make_batch(0)
    found = []
    for recomputes in (False, True):
        state = tiny_state(settings, dropout=0.1)
        if recomputes:
            assert recompute_blocks(state.network) > 10
        torch.manual_seed(1)
        weights = loss_weights(0.0, settings, count=1, processes=1)
        loss, _ = batch_loss(state, batch, weights, settings)
        loss.backward()
        gradients = {n: p.grad for n, p in state.network.named_parameters()}
        found.append((gradients, state.network.state_dict()))
    assert furthest(found[0][0], found[1][0]) == 0
    assert furthest(found[0][1], found[1][1]) == 0


def test_recomputing_keeps_less_for_the_backward_pass():
    kept = []
    for checkpointing in (False, True):
        settings = steps_settings(checkpointing=checkpointing)
        state = tiny_state(settings)
        weights = loss_weights(0.0, settings, count=1, processes=1)
        sizes = {}

        def pack(tensor, sizes=sizes):
            sizes[tensor.data_ptr()] = tensor.numel()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            batch_loss(state, make_batch(0), weights, settings)
        kept.append(sum(sizes.values()))
    assert kept[1] < 0.6 * kept[0]


def test_nan_stops_with_the_batch_saved_and_its_pictures_named(tmp_path):
    settings = steps_settings(out=tmp_path)
    state = tiny_state(settings)
    with torch.no_grad():
        state.network.decoder.conv_out1[0].bias.fill_(torch.nan)
    before = {name: value.clone() for name, value in state.network.state_dict().items()}
    with pytest.raises(WeightsError, match=r"step 7, on pictures made of p0, p1.*nan_batch\.npz"):
        take_step(
            state,
            [make_batch(0)],
            7,
            1e-3,
            loss_weights(0.0, settings, count=1, processes=1),
            settings,
        )
    with np.load(tmp_path / "nan_batch.npz") as saved:
        assert saved["rgb0"].shape == (WHOLE, 64, 64, 3)
        assert list(saved["names0"]) == ["p0", "p1", "p2", "p3"]
    after = state.network.state_dict()
    assert all(torch.equal(before[n], after[n]) or before[n].isnan().any() for n in before)


def test_a_frozen_encoder_never_moves_and_norms_at_rest_keep_their_statistics():
    settings = steps_settings(encoder_rate=0.0, frozen_norms=False)
    state = tiny_state(settings)
    begun = {name: value.clone() for name, value in state.network.state_dict().items()}
    after = take_steps(state, settings, [[make_batch(0)]])
    changed = {name for name in begun if not torch.equal(begun[name], after[name])}
    assert changed and not any(name.startswith("bb.") for name in changed)
    assert any("running_mean" in name for name in changed)
    settings = steps_settings(frozen_norms=True)
    state = tiny_state(settings)
    after = take_steps(state, settings, [[make_batch(0)]])
    assert all(torch.equal(begun[name], after[name]) for name in begun if "running" in name)


def test_single_pictures_are_trained_with_norms_at_rest():
    settings = steps_settings(frozen_norms=False, stages=(Stage(1.0, 64, 1),))
    take_steps(tiny_state(settings), settings, [[make_batch(0, 0, 1)]])


def test_both_gradient_labels_teach_the_edges():
    found = []
    for label in GradientLabel:
        settings = steps_settings(gradient_label=label)
        weights = loss_weights(0.0, settings, count=1, processes=1)
        state = tiny_state(settings)
        _, terms = batch_loss(state, make_batch(0), weights, settings)
        found.append(float(terms["gradient"]))
    assert all(np.isfinite(found)) and found[0] != found[1]


def test_a_class_head_learns_from_the_labels_it_has():
    settings = steps_settings()
    torch.manual_seed(0)
    network = BiRefNet(replace(tiny_config(), classes=3, dropout=0.0)).double()
    state = make_training_state(network, settings, SingleProcess(), lambda _: None)
    head = network.cls_head[0].weight.detach().clone()
    batch = replace(make_batch(0), labels=np.array([0, -1, 2, 1]))
    take_steps(state, settings, [[batch]])
    assert not torch.equal(head, network.cls_head[0].weight)
    nothing = replace(batch, labels=np.full(4, -1))
    weights = loss_weights(0.0, settings, count=1, processes=1)
    _, terms = batch_loss(state, nothing, weights, settings)
    assert float(terms["class"]) == 0


def test_a_step_that_does_not_fit_into_memory_says_what_helps():
    def forward(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    settings = steps_settings()
    state = replace(tiny_state(settings), forward=forward)
    with pytest.raises(BirefcliError, match=r"4 pictures of 64x64 .* smaller --batch"):
        take_steps(state, settings, [[make_batch(0)]])


def test_resting_strides_keep_their_weights_and_statistics_and_the_rest_learns():
    settings = steps_settings(resting_strides=2, frozen_norms=False)
    state = make_training_state(BiRefNet(compact_config(64)), settings, SingleProcess(), print)
    before = copy.deepcopy(state.network.state_dict())
    take_step(state, [make_batch(0)], 0, 1e-2, LossWeights(), settings)
    after = state.network.state_dict()
    for name, tensor in before.items():
        is_resting = name.startswith("bb.") and int(name.split(".")[2]) <= 6
        if is_resting:
            assert torch.equal(tensor, after[name]), name
    for name in ("bb.features.8.conv.0.0.weight", "decoder.conv_out1.0.weight"):
        assert not torch.equal(before[name], after[name])


def test_a_backbone_that_does_not_name_its_parts_cannot_rest_in_part():
    network = SimpleNamespace(bb=torch.nn.Identity(), config=SimpleNamespace(backbone="vgg16"))
    with pytest.raises(UsageError, match="resting_strides"):
        resting_parts(network, steps_settings(resting_strides=1))


@pytest.mark.parametrize("config", [compact_config(64), compact_lite2_config(64)])
def test_folded_norms_at_rest_change_no_map_and_no_weight(config):
    torch.manual_seed(0)
    network = BiRefNet(config).eval()
    for module in network.bb.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.running_mean, -0.2, 0.2)
            torch.nn.init.uniform_(module.running_var, 0.5, 2.0)
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
    names = list(network.state_dict())
    image = torch.randn(2, 3, 64, 96)
    with torch.no_grad():
        before = network.bb(image)
        assert fold_resting_norms(network, steps_settings(resting_strides=2)) > 5
        after = network.bb(image)
    assert all(torch.allclose(a, b, atol=1e-4) for a, b in zip(after, before, strict=True))
    assert list(network.state_dict()) == names
    assert fold_resting_norms(network, steps_settings()) == 0
    # What runs is a copy: the weights at rest no longer matter.
    network.bb.load_state_dict({n: torch.zeros_like(w) for n, w in network.bb.state_dict().items()})
    with torch.no_grad():
        assert torch.equal(network.bb(image)[1], after[1])
