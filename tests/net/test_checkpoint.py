"""Loading and saving weights: every wrapping that is met, and a sentence for everything else."""

import json
import pickle
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from fakes import tiny_config
from golden_rule import GOLDEN
from torch import Tensor, nn

from birefcli.errors import ExitCode, WeightsError
from birefcli.net.birefnet import BiRefNet
from birefcli.net.checkpoint import infer_config, load_network, measure_order, save_network
from birefcli.net.config import BiRefNetConfig, compact_config, published_config

TINY = tiny_config()
PUBLISHED = published_config("pvt_v2_b0")


@pytest.fixture(scope="module")
def tiny() -> BiRefNet:
    return BiRefNet(TINY).eval()


@pytest.fixture(scope="module")
def published() -> BiRefNet:
    return BiRefNet(PUBLISHED).eval()


@pytest.fixture
def tiny_file(tiny: BiRefNet, tmp_path: Path) -> Path:
    save_network(tmp_path / "tiny.safetensors", tiny, {"step": "7"}, half=False)
    return tmp_path / "tiny.safetensors"


def load(path: Path, **options: Any) -> BiRefNet:
    return load_network(path, name="the model", **options).network


def same(a: nn.Module, b: nn.Module) -> bool:
    ours, theirs = a.state_dict(), b.state_dict()
    return ours.keys() == theirs.keys() and all(torch.equal(ours[k], theirs[k]) for k in ours)


def complaint(path: Path, **options: Any) -> str:
    """Give the one sentence a file is refused with."""
    with pytest.raises(WeightsError) as caught:
        load(path, **options)
    text = str(caught.value)
    assert caught.value.exit_code == ExitCode.MODEL
    assert text.startswith("the model: ") and "\n" not in text
    return text


# Our own files.


def test_what_is_saved_is_loaded(tiny: BiRefNet, tiny_file: Path) -> None:
    loaded = load_network(tiny_file, name="tiny")
    assert same(loaded.network, tiny)
    assert loaded.config == loaded.network.config == TINY
    assert loaded.metadata["step"] == "7" and loaded.metadata["format"] == "pt"
    assert not loaded.network.training
    assert loaded.order_source == "file"
    assert [path.name for path in tiny_file.parent.iterdir()] == ["tiny.safetensors"]


def test_half_files_are_half_and_load_as_float32(tiny: BiRefNet, tmp_path: Path) -> None:
    path = tmp_path / "half.safetensors"
    save_network(path, tiny, {}, half=True)
    floats = {
        t.dtype for t in safetensors.torch.load_file(path).values() if t.dtype.is_floating_point
    }
    assert floats == {torch.float16}
    loaded = load(path)
    assert all(p.dtype == torch.float32 for p in loaded.parameters())
    for key, tensor in loaded.state_dict().items():
        assert torch.allclose(tensor, tiny.state_dict()[key], rtol=1e-3, atol=1e-6), key


def test_halving_never_makes_infinity(tiny: BiRefNet, tmp_path: Path) -> None:
    network = BiRefNet(TINY)
    network.load_state_dict(tiny.state_dict())
    network.squeeze_module[0].bn_in.running_var.fill_(1e6)
    save_network(tmp_path / "x.safetensors", network, {}, half=True)
    assert load(tmp_path / "x.safetensors").squeeze_module[0].bn_in.running_var[0] == 1e6


def test_size_and_aspect_can_be_given(tiny_file: Path) -> None:
    loaded = load_network(tiny_file, size=(128, 256), keeps_aspect=False, name="x")
    assert loaded.config.size == (128, 256) and not loaded.config.keeps_aspect
    assert loaded.network.config == loaded.config


def test_a_description_from_the_future(tiny: BiRefNet, tmp_path: Path) -> None:
    path = tmp_path / "new.safetensors"
    values = json.loads(TINY.to_json())
    for changed in ({**values, "wings": 2}, {**values, "backbone": "hydra"}, "no JSON"):
        text = changed if isinstance(changed, str) else json.dumps(changed)
        safetensors.torch.save_file(tiny.state_dict(), path, {"birefcli": text})
        assert "description" in complaint(path)


# The published files and what was done to them.


def wrap(kind: str, state: dict[str, Tensor]) -> Any:
    prefixes = {"ddp": "module.", "compiled": "_orig_mod.", "both": "module._orig_mod."}
    prefixes["both-turned"] = "_orig_mod.module."
    if kind in prefixes:
        return {prefixes[kind] + key: tensor for key, tensor in state.items()}
    if kind == "lightning":
        return {"state_dict": state, "epoch": 3, "optimizer": {"lr": 0.1}}
    return {kind: state} if kind != "bare" else state


@pytest.mark.parametrize(
    "kind",
    ("bare", "ddp", "compiled", "both", "both-turned", "lightning", "model", "anything"),
)
def test_wrappers_and_prefixes(kind: str, published: BiRefNet, tmp_path: Path) -> None:
    torch.save(wrap(kind, published.state_dict()), tmp_path / "model.pth")
    assert same(load(tmp_path / "model.pth"), published)


def test_published_half_safetensors(published: BiRefNet, tmp_path: Path) -> None:
    state = {k: t.half() if t.is_floating_point() else t for k, t in published.state_dict().items()}
    safetensors.torch.save_file(state, tmp_path / "model.safetensors", {"format": "pt"})
    network = load(tmp_path / "model.safetensors")
    assert network.config == PUBLISHED
    assert torch.equal(
        network.decoder.conv_out1[0].weight, state["decoder.conv_out1.0.weight"].float()
    )


def test_any_length_of_header(tmp_path: Path, tiny: BiRefNet) -> None:
    # The first byte of a safetensors file is its header's length, which may look like a pickle.
    path = tmp_path / "model.safetensors"
    for padding in range(0, 256, 8):
        metadata = {"birefcli": TINY.to_json(), "padding": "x" * padding}
        safetensors.torch.save_file(tiny.state_dict(), path, metadata)
        if path.read_bytes()[0] == 0x80:
            break
    assert path.read_bytes()[0] == 0x80
    assert load_network(path, name="x").metadata == metadata


def test_the_old_torch_format(published: BiRefNet, tmp_path: Path) -> None:
    torch.save(published.state_dict(), tmp_path / "model.pth", _use_new_zipfile_serialization=False)
    assert same(load(tmp_path / "model.pth"), published)


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("keys_*.json")), ids=lambda path: path.stem[5:])
def test_every_architecture_is_told_from_shapes(path: Path) -> None:
    variant = path.stem.removeprefix("keys_")
    keys = json.loads(path.read_text())["keys"]
    state = {key: torch.empty(shape, device="meta") for key, shape, _ in keys}
    expected = published_config(variant.removesuffix("_auxcls"))
    if variant.endswith("_auxcls"):
        expected = replace(expected, classes=219)
    assert infer_config(state, "x") == expected


def test_the_layout_before_may_2024(tmp_path: Path) -> None:
    config = replace(PUBLISHED, deepest_reference=False, kernels=(3,))
    network = BiRefNet(config).eval()
    state = network.state_dict()
    assert state["squeeze_module.0.dec_att.conv1.weight"].shape[1] == 768
    assert "decoder.gdt_convs_4.0.weight" not in state
    torch.save(state, tmp_path / "legacy.pth")
    loaded = load(tmp_path / "legacy.pth")
    assert loaded.config == config and same(loaded, network)
    with torch.inference_mode():
        assert loaded(torch.zeros(1, 3, 64, 64)).logits.shape == (1, 1, 64, 64)


@pytest.mark.parametrize("legacy", (False, True))
def test_networks_without_batch_norm(legacy: bool) -> None:
    config = replace(PUBLISHED, batch_norm=False)
    if legacy:
        config = replace(config, deepest_reference=False, kernels=(3,))
    with torch.device("meta"):
        network = BiRefNet(config)
    state = network.state_dict()
    assert infer_config(state, "x") == config
    # The branches of the old layout were normalised all the same.
    assert ("decoder.decoder_block4.dec_att.aspp1.bn.weight" in state) == legacy


# The order of the tiles.


def coloured(order: str, strength: float, blocks: tuple[int, ...] = (5, 4)) -> dict[str, Tensor]:
    """Make tile weights whose colours are alike when read in `order`."""
    torch.manual_seed(1)
    state = {}
    for block in blocks:
        shape = (64, 3, (32 if block == 5 else 16) ** 2, 3, 3)
        weight = torch.randn(shape) + strength * torch.randn(shape)[:, :1]
        weight = weight if order == "new" else weight.transpose(1, 2)
        state[f"decoder.ipt_blk{block}.conv1.weight"] = weight.reshape(64, -1, 3, 3)
    return state


@pytest.mark.parametrize("order", ("new", "old"))
@pytest.mark.parametrize("blocks", ((5, 4), (4,)))
def test_the_order_is_read_from_the_weights(order: str, blocks: tuple[int, ...]) -> None:
    assert measure_order(coloured(order, 0.3, blocks)) == order


def test_weights_that_do_not_say_are_undecided() -> None:
    assert measure_order(coloured("old", 0.0)) is None
    assert measure_order(coloured("old", 0.05)) is None  # alike by 0.0025 only
    assert measure_order({}) is None


def test_who_decides_the_order(published: BiRefNet, tiny_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "trained.safetensors"

    def decided(**options: str) -> tuple[str, str]:
        loaded = load_network(path, name="x", **options)
        assert loaded.network.config.tile_order == loaded.tile_order
        return loaded.tile_order, loaded.order_source

    safetensors.torch.save_file(published.state_dict(), path)
    assert decided() == ("new", "default")
    safetensors.torch.save_file({**published.state_dict(), **coloured("old", 0.3)}, path)
    assert decided() == ("old", "weights")
    assert decided(known_order="new") == ("new", "table")
    assert decided(known_order="old", tile_order="new") == ("new", "asked")
    path = tiny_file
    assert decided(known_order="old") == ("new", "file")


# Everything that is no such file.


def test_files_that_are_no_checkpoints(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    contents = {
        b"": "is empty",
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n": "Git LFS pointer",
        b"\n <!DOCTYPE html><html>Not found</html>": "web page",
        b"\xef\xbb\xbf<?xml version='1.0'?><Error/>": "web page",
        b"GIF89a" + bytes(100): "neither",
        b'{"error": "not found"}': "neither",
        b"ab": "neither",
        b"\x10\0\0\0\0\0\0\0{not json at all": "damaged",
        b"\x80\x02nonsense": "damaged",
        b"PK\x03\x04nonsense": "damaged",
    }
    for content, words in contents.items():
        path.write_bytes(content)
        assert words in complaint(path), content
    assert "is a folder" in complaint(tmp_path)
    assert "No such file" in complaint(tmp_path / "missing.pth")


def test_truncated_files(tiny: BiRefNet, tiny_file: Path, tmp_path: Path) -> None:
    torch.save(tiny.state_dict(), tmp_path / "model.pth")
    for path in (tiny_file, tmp_path / "model.pth"):
        content = path.read_bytes()
        for length in (9, 600, len(content) // 2, len(content) - 1):
            path.write_bytes(content[:length])
            assert "download it again" in complaint(path)


class Trap:
    """A pickle that would run code."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return Path.touch, (Path("trap-was-sprung"),)


def test_pickled_code_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": Trap()}, tmp_path / "zip.pth")
    torch.save(Trap(), tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    (tmp_path / "bare.pkl").write_bytes(pickle.dumps(Trap()))
    for name in ("zip.pth", "old.pth", "bare.pkl"):
        assert "does not run" in complaint(tmp_path / name)
    assert not (tmp_path / "trap-was-sprung").exists()


def test_whole_modules_and_other_archives(tmp_path: Path) -> None:
    torch.save(nn.Linear(2, 2), tmp_path / "module.pth")
    assert "does not run" in complaint(tmp_path / "module.pth")
    with zipfile.ZipFile(tmp_path / "archive.zip", "w") as archive:
        archive.writestr("readme.txt", "hello")
    assert "damaged" in complaint(tmp_path / "archive.zip")
    with zipfile.ZipFile(tmp_path / "script.pt", "w") as archive:
        archive.writestr("script/constants.pkl", pickle.dumps(()))
        archive.writestr("script/data.pkl", pickle.dumps({}))
        archive.writestr("script/version", "3")
    assert "TorchScript" in complaint(tmp_path / "script.pt")


def test_payloads_without_tensors(tmp_path: Path) -> None:
    for payload in ({}, [1, 2], {"epoch": 3}, {"model": {"epoch": 3}}, torch.zeros(3)):
        torch.save(payload, tmp_path / "model.pth")
        assert "no dict of tensors" in complaint(tmp_path / "model.pth")


def test_other_architectures_are_named(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    weight = torch.zeros(96, 3, 4, 4)
    cases = {
        ("encoder.conv1.weight", "outc.conv.weight"): "no BiRefNet",
        ("layers.0.blocks.0.attn.qkv.weight",): "a bare Swin backbone",
        ("bb.patch_embed.proj.weight", "decoder.x"): "Swin backbone of width 96",
        ("bb.patch_embed1.proj.weight", "decoder.x"): "PVT backbone of width 96",
        # ResNet-50 and VGG-16 with batch norm, as they were cut first.
        ("bb.conv2.0.conv1.weight", "decoder.x"): "cut as before April 2025",
        ("bb.conv2.10.weight", "bb.conv4.30.weight", "decoder.x"): "cut as before April 2025",
        ("bb.model.stem.0.weight", "decoder.x"): "a timm model that the file does not name",
        ("bb.strange", "decoder.x"): "no known backbone",
    }
    for keys, words in cases.items():
        safetensors.torch.save_file({key: weight.clone() for key in keys}, path)
        assert words in complaint(path)


def test_what_does_not_fit_is_listed(tiny: BiRefNet, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    state = tiny.state_dict()
    removed = [key for key in state if key.startswith("decoder.gdt_convs_4.")]
    for key in removed:
        del state[key]
    state["refiner.weight"] = torch.zeros(1)
    state["decoder.conv_out1.0.bias"] = torch.zeros(2)
    safetensors.torch.save_file(state, path, {"birefcli": TINY.to_json()})
    text = complaint(path)
    assert f"{len(removed)} missing (decoder.gdt_convs_4.0.weight, " in text and ", …)" in text
    assert "1 unexpected (refiner.weight)" in text
    assert "1 of another shape (decoder.conv_out1.0.bias is (2,) instead of (1,))" in text


@pytest.mark.parametrize("value", (float("nan"), float("inf")))
def test_spoilt_weights_name_the_first_tensor(value: float, tiny: BiRefNet, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    state = {key: tensor.clone() for key, tensor in tiny.state_dict().items()}
    state["decoder.conv_out1.0.bias"][0] = value
    safetensors.torch.save_file(state, path, {"birefcli": TINY.to_json()})
    assert "decoder.conv_out1.0.bias holds NaN or infinite numbers" in complaint(path)


def test_descriptions_survive_json() -> None:
    for config in (TINY, PUBLISHED, compact_config()):
        assert BiRefNetConfig.from_json(config.to_json()) == config
