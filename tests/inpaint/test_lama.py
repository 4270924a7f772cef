import sys
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from fakehub import FakeHub, serving, sha256
from typer.testing import CliRunner, Result

from birefcli.cli.models import app
from birefcli.errors import DeviceError, ExitCode, WeightsError
from birefcli.image.types import Alpha, Rgb
from birefcli.inpaint.choose import AutoInpainter
from birefcli.inpaint.lama import Lama
from birefcli.models import store, variants
from birefcli.workflows.inpainter import load_inpainter


class TinyLama(torch.nn.Module):
    """Paints holes half grey and everything else red, as no network should."""

    def forward(self, image: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        assert image.shape[2] % 8 == 0 and image.shape[3] % 8 == 0
        red = torch.zeros_like(image)
        red[:, 0] = 1.0
        return red * (1 - mask) + 0.5 * mask


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("lama") / "tiny.pt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.script(TinyLama()), str(path))
    return path


@pytest.fixture(scope="module")
def server() -> Iterator[FakeHub]:
    with serving() as hub:
        yield hub


@pytest.fixture(autouse=True)
def hub(server: FakeHub, script: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeHub:
    """An empty machine, a hub with the tiny network, and a table that knows its hash."""
    server.__init__(url=server.url)  # type: ignore[misc]
    for name in ("LAMA_MODEL", "LAMA_MODEL_URL", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    for scheme in ("http", "https", "all"):
        monkeypatch.delenv(f"{scheme}_proxy", raising=False)
        monkeypatch.delenv(f"{scheme}_PROXY".upper(), raising=False)
    monkeypatch.setenv("BIREFCLI_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    content = script.read_bytes()
    server.publish("signature-ai/big-lama", {"big-lama.pt": content}, "apache-2.0")
    table = tuple(
        replace(v, sha256=sha256(content)) if v.name == "lama" else v for v in variants.COMPANIONS
    )
    for module in (variants, sys.modules["birefcli.cli.models"]):
        monkeypatch.setattr(module, "COMPANIONS", table)
    return server


def models(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def picture(height: int, width: int) -> Rgb:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def hole_in(rgb: Rgb, top: int, left: int, bottom: int, right: int) -> np.ndarray:
    hole = np.zeros(rgb.shape[:2], bool)
    hole[top:bottom, left:right] = True
    return hole


@pytest.mark.parametrize("size", [(83, 61), (8, 8), (1, 3), (64, 40)], ids=str)
def test_only_the_hole_is_the_networks_and_the_padding_is_cropped(
    script: Path, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    monkeypatch.setenv("LAMA_MODEL", str(script))
    rgb = picture(*size)
    hole = hole_in(rgb, 0, 1, max(size[0] // 2, 1), size[1])
    filled = load_inpainter("lama", device="cpu")(rgb, hole)
    np.testing.assert_array_equal(filled[~hole], rgb[~hole])
    assert (filled[hole] == 127).all()


def test_a_missing_file_names_the_command_that_fetches_it() -> None:
    with pytest.raises(WeightsError, match="birefcli models pull lama") as caught:
        load_inpainter("lama")
    assert caught.value.exit_code == ExitCode.MODEL


def test_nothing_is_downloaded_unasked(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAMA_MODEL_URL", f"{hub.url}/signature-ai/big-lama/resolve/main/x.pt")
    for name in ("lama", "anime-lama", "auto+lama"):
        with pytest.raises(WeightsError):
            load_inpainter(name)
    assert hub.requests == []


def test_a_pull_states_licence_and_size_and_the_fill_finds_the_file(hub: FakeHub) -> None:
    result = models("pull", "lama")
    assert result.exception is None, result.exception
    assert "licence Apache-2.0" in result.stderr and "size" in result.stderr
    assert Path(result.stdout.strip()).is_file()
    lama = load_inpainter("lama", device="cpu")
    assert isinstance(lama, Lama)
    assert lama.sha256 == sha256(Path(result.stdout.strip()).read_bytes())
    assert "lama\tok" in models("verify", "lama").stdout
    assert hub.downloads == 1


def test_a_pull_keeps_no_other_file_than_the_known_one(hub: FakeHub, tmp_path: Path) -> None:
    hub.forged["big-lama.pt"] = b"evil"
    result = models("pull", "lama")
    assert isinstance(result.exception, WeightsError)
    assert not [file for file in (tmp_path / "home").rglob("*") if file.is_file()]


def test_the_cache_of_torch_is_shared(script: Path, tmp_path: Path) -> None:
    cache = tmp_path / "torch" / "hub" / "checkpoints"
    cache.mkdir(parents=True)
    (cache / "big-lama.pt").write_bytes(script.read_bytes())
    assert load_inpainter("lama", device="cpu").name == "lama"


def test_an_unknown_file_runs_only_when_trusted(script: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.pt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.script(torch.nn.Identity()), str(other))
    for name in (f"lama:{other}", f"anime-lama:{script}"):
        with pytest.raises(WeightsError, match="--trust-model-file") as caught:
            load_inpainter(name)
        assert caught.value.exit_code == ExitCode.MODEL
        assert load_inpainter(name, trust=True, device="cpu").name == name.partition(":")[0]


def test_what_is_no_torchscript_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "text.pt").write_text("hello")
    with pytest.raises(WeightsError, match="is no TorchScript file") as caught:
        load_inpainter(f"lama:{tmp_path / 'text.pt'}", trust=True, device="cpu")
    assert "\n" not in str(caught.value)


def test_without_the_package_it_says_what_to_install(
    script: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "simple_lama_inpainting", None)
    with pytest.raises(DeviceError, match="pip install simple-lama-inpainting") as caught:
        load_inpainter(f"lama:{script}", device="cpu")
    assert caught.value.exit_code == ExitCode.DEVICE


def test_lama_is_listed_but_never_cuts() -> None:
    assert "\nlama\t-\t206 MB\tApache-2.0\t" in models("list").stdout
    assert isinstance(models("use", "lama").exception, WeightsError)
    with pytest.raises(WeightsError, match="cuts nothing"):
        store.resolve("lama", consent=True, offline=False, accept_licence=False, say=lambda _: None)


class Watcher:
    """A network that gives a slope over its crop, and remembers what it was shown."""

    def __init__(self) -> None:
        self.seen: list[tuple[Rgb, Alpha]] = []

    def __call__(self, crop: Rgb, mask: Alpha) -> Rgb:
        self.seen.append((crop, mask))
        slope = np.linspace(0, 200, crop.shape[1])[None, :, None]
        return np.broadcast_to(slope, crop.shape).astype(np.uint8)


def test_the_network_sees_a_crop_around_the_hole_and_nothing_inside_it() -> None:
    rgb = picture(600, 700)
    hole = hole_in(rgb, 300, 300, 320, 340) | hole_in(rgb, 10, 10, 14, 14)
    watcher = Watcher()
    Lama(watcher, 1024, "")(rgb, hole)
    shapes = sorted(crop.shape[:2] for crop, _ in watcher.seen)
    assert shapes == [(142, 142), (276, 296)]
    for crop, mask in watcher.seen:
        assert (crop[mask > 0] == 0).all() and (mask > 0).any()


def test_holes_near_one_another_share_a_run() -> None:
    rgb = picture(100, 100)
    watcher = Watcher()
    Lama(watcher, 1024, "")(rgb, hole_in(rgb, 40, 40, 44, 44) | hole_in(rgb, 40, 52, 44, 56))
    assert len(watcher.seen) == 1


def test_a_region_is_shown_to_the_network_alone() -> None:
    rgb = picture(60, 60)
    labels = np.repeat((np.arange(60) >= 30)[:, None], 60, 1).astype(np.int32)
    watcher = Watcher()
    Lama(watcher, 1024, "")(rgb, hole_in(rgb, 20, 20, 40, 40), labels=labels)
    upper, lower = (mask for _, mask in watcher.seen)
    assert (upper[30:] == 255).all() and (upper[:20] == 0).all()
    assert (lower[:30] == 255).all() and (lower[40:] == 0).all()


def test_a_large_crop_is_filled_small_and_gets_its_grain_back() -> None:
    rgb = picture(120, 200) // 8 + 100
    hole = hole_in(rgb, 40, 60, 80, 140)
    watcher = Watcher()
    filled = Lama(watcher, 50, "")(rgb, hole)
    ((crop, _),) = watcher.seen
    assert crop.shape == (30, 50, 3)
    inside = filled[hole].reshape(40, 80, 3).astype(float)
    # The network's slope, 200 levels over 200 pixels, and on it the grain of the picture.
    means = inside.mean((0, 2))
    assert np.abs(means - np.arange(60, 140)).max() < 8
    grain = (inside - means[None, :, None]).std()
    assert 0.5 < grain / rgb[~hole].std() < 1.5


def test_lama_joins_the_choice_by_name(script: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAMA_MODEL", str(script))
    auto = load_inpainter("auto+lama", device="cpu")
    assert isinstance(auto, AutoInpainter)
    assert auto.slow is not None and auto.slow.name == "lama"
