"""Backbones that timm builds: shapes, frozen weights, files, and a sentence for every failure."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import safetensors.torch
import torch

from birefcli.errors import DeviceError, ExitCode
from birefcli.net.backbones import timm as timm_backbones
from birefcli.net.backbones.table import backbone_names, build_backbone
from birefcli.net.backbones.timm import DINO, build_timm
from birefcli.net.birefnet import BiRefNet
from birefcli.net.checkpoint import infer_config, load_network, save_network
from birefcli.net.config import BiRefNetConfig, published_config

SMALLEST = "test_convnext"  # 0.3 M weights
SMALL = ("test_resnet", "test_efficientnet", SMALLEST)


def refusal(name: str) -> str:
    """Give the one sentence a name is refused with."""
    with pytest.raises(DeviceError) as caught:
        build_timm(name)
    assert caught.value.exit_code == ExitCode.DEVICE and "\n" not in str(caught.value)
    return str(caught.value)


def test_every_dino_is_in_the_table() -> None:
    assert set(DINO) == {name for name in backbone_names() if name.startswith("dino")}


@pytest.mark.parametrize("name", DINO)
def test_every_dino_is_told_from_its_weights(name: str) -> None:
    with torch.device("meta"):
        network = BiRefNet(published_config(name))
    state = network.state_dict()
    last_tap = DINO[name].taps[-1]
    assert f"bb.model.blocks.{last_tap}.attn.qkv.weight" in state
    assert f"bb.model.blocks.{last_tap + 1}.attn.qkv.weight" not in state
    assert infer_config(state, "x") == network.config


def test_dino_in_a_network_learns_nothing_itself(tmp_path: Path) -> None:
    network = BiRefNet(replace(published_config("dino_v3_s"), kernels=(1,))).eval()
    maps = network.bb(torch.randn(1, 3, 64, 96))
    assert [tuple(m.shape) for m in maps] == [(1, 384, 4, 6)] * 4

    out = network(torch.randn(1, 3, 64, 96), supervise=True)
    assert out.logits.shape == (1, 1, 64, 96)
    assert [tuple(side.shape[-2:]) for side in out.side_logits] == [(2, 3), (4, 6), (8, 12)]
    out.logits.mean().backward()
    learning = {key.split(".")[0] for key, p in network.named_parameters() if p.grad is not None}
    assert learning == {"squeeze_module", "decoder"}

    # Published files say nothing of the constants that timm computes.
    path = tmp_path / "model.safetensors"
    safetensors.torch.save_file(network.state_dict(), path)
    loaded = load_network(path, name="x").network
    picture = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        assert torch.equal(loaded(picture).logits, network(picture).logits)
    assert not any(p.requires_grad for p in loaded.bb.parameters())


@pytest.mark.parametrize("name", SMALL)
def test_any_pyramid_of_timm_is_a_backbone(name: str) -> None:
    config = published_config(f"timm:{name}")
    maps = build_backbone(config.backbone).eval()(torch.randn(1, 3, 64, 96))
    sizes = ((16, 24), (8, 12), (4, 6), (2, 3))
    assert [tuple(m.shape[1:]) for m in maps] == [
        (width, *size) for width, size in zip(config.backbone_widths, sizes, strict=True)
    ]


def test_a_saved_network_names_its_backbone(tmp_path: Path) -> None:
    network = BiRefNet(
        replace(published_config(f"timm:{SMALLEST}"), multi_scale=False, kernels=(1,))
    ).eval()
    save_network(tmp_path / "mine.safetensors", network, {}, half=False)
    loaded = load_network(tmp_path / "mine.safetensors", name="mine")
    assert loaded.config == network.config
    assert loaded.config.backbone == f"timm:{SMALLEST}"
    assert BiRefNetConfig.from_json(network.config.to_json()) == network.config
    picture = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        assert torch.equal(loaded.network(picture).logits, network(picture).logits)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("no_such_model", "has no model called no_such_model"),
        # The hub is never asked.
        ("hf-hub:owner/model", "has no model called hf-hub:owner/model"),
        ("test_vit", "at strides [16, 16, 16, 16]; a backbone needs [4, 8, 16, 32]"),
        ("swin_tiny_patch4_window7_224", "pictures of one size only"),
    ],
)
def test_what_is_no_backbone_is_refused(name: str, words: str) -> None:
    assert words in refusal(name)


def test_a_timm_without_dino_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    old = SimpleNamespace(__version__="1.0.15", is_model=lambda name: False)
    monkeypatch.setattr(timm_backbones, "import_timm", lambda: old)
    with pytest.raises(DeviceError, match=r"timm 1\.0\.15 has no .*; timm 1\.0\.20 brought"):
        build_backbone("dino_v3_b")


def test_what_timm_cannot_cut_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def create_model(name: str, **options: object) -> None:
        raise AssertionError("no stages\nin this model")

    timm = SimpleNamespace(is_model=lambda name: True, create_model=create_model)
    monkeypatch.setattr(timm_backbones, "import_timm", lambda: timm)
    assert refusal("whole") == "timm's whole is no backbone: no stages"
