"""What a training starts from: published networks as they are, heads for classes, new networks."""

from dataclasses import replace
from pathlib import Path

import pytest
import safetensors.torch
import torch
from fakes import tiny_config

from birefcli.errors import UsageError, WeightsError
from birefcli.net.birefnet import BiRefNet
from birefcli.net.config import compact_config, compact_lite2_config, published_config
from birefcli.settings.train import TrainSettings
from birefcli.train.initial_model import initial_model, new_config, with_config
from birefcli.train.loop import fill_encoder


def start_of(start: str | None, classes: int = 0, **changes: object) -> BiRefNet:
    settings = TrainSettings(data=(), out=Path(), start=start, **changes)
    return initial_model(settings, classes, lambda _: None).network


def test_a_published_checkpoint_starts_as_it_is(tmp_path: Path) -> None:
    torch.manual_seed(0)
    published = BiRefNet(published_config("pvt_v2_b0"))
    # As trained before November 2024: the colours of each tile lie together.
    with torch.no_grad():
        for block in (published.decoder.ipt_blk5, published.decoder.ipt_blk4):
            weight = block.conv1.weight
            tiles = torch.randn(len(weight), weight.shape[1] // 3, 1, 3, 3)
            weight.copy_(tiles.expand(-1, -1, 3, -1, -1).reshape(weight.shape))
    path = tmp_path / "official.pth"
    torch.save({f"module.{name}": value for name, value in published.state_dict().items()}, path)
    network = start_of(str(path))
    assert network.config == replace(published.config, tile_order="old")
    ours, theirs = network.state_dict(), published.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    assert start_of(str(path), size=512).config.size == (512, 512)


def test_a_head_for_the_classes_of_the_data_is_new_and_the_rest_is_kept(tiny: Path) -> None:
    plain, headed = start_of(str(tiny)), start_of(str(tiny), classes=3)
    assert headed.cls_head[0].out_features == 3
    ours = headed.state_dict()
    assert all(torch.equal(ours[name], value) for name, value in plain.state_dict().items())


def test_a_head_that_fits_is_kept_and_another_is_made_anew() -> None:
    network = BiRefNet(replace(tiny_config(), classes=3))
    head = network.cls_head[0].weight
    same = with_config(network, replace(network.config, size=(96, 96)))
    assert torch.equal(same.cls_head[0].weight, head)
    other = with_config(network, replace(network.config, classes=2))
    assert other.cls_head[0].weight.shape[0] == 2
    assert not hasattr(with_config(network, replace(network.config, classes=0)), "cls_head")


def test_a_new_network_is_that_of_its_backbone() -> None:
    assert new_config("compact") == compact_config()
    assert new_config("compact-lite2") == compact_lite2_config()
    assert new_config("swin_v1_t") == published_config("swin_v1_t")
    assert start_of(None, size=64).config == compact_config(64)
    with pytest.raises(UsageError, match="did you mean swin_v1_t"):
        new_config("swin_v1_tt")


def test_an_encoder_starts_from_the_weights_of_a_file(tmp_path: Path) -> None:
    donor, network = (BiRefNet(compact_lite2_config(64)) for _ in range(2))
    safetensors.torch.save_file(donor.bb.state_dict(), tmp_path / "encoder.safetensors")
    settings = TrainSettings(data=(), out=Path())
    fill_encoder(network, tmp_path / "encoder.safetensors", settings)
    ours, theirs = network.bb.state_dict(), donor.bb.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    assert all(weight.requires_grad for weight in network.bb.parameters())
    with pytest.raises(WeightsError, match="do not fit"):
        fill_encoder(BiRefNet(compact_config(64)), tmp_path / "encoder.safetensors", settings)


def test_a_published_model_is_downloaded_only_where_it_was_named(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("BIREFCLI_HOME", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(WeightsError, match="birefcli models pull lite"):
        start_of("lite")
