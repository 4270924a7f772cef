import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from birefcli.errors import DeviceError, ExitCode, UsageError, WeightsError
from birefcli.models.depth import LONGEST, DepthAnything, load_depth
from birefcli.models.variants import find_companion

HAS_TRANSFORMERS = importlib.util.find_spec("transformers") is not None


def brightness(batch: NDArray[np.float32]) -> NDArray[np.float32]:
    assert batch.dtype == np.float32 and batch.ndim == 4 and batch.shape[:2] == (1, 3)
    assert batch.shape[2] % 14 == 0 and batch.shape[3] % 14 == 0
    assert max(batch.shape) <= LONGEST
    return batch[0].mean(0)


def load(name: str) -> object:
    return load_depth(name, consent=False, offline=False, say=lambda _: None, device="cpu")


@pytest.mark.parametrize("size", [(1, 1), (40, 60), (3, 400), (33, 7)], ids=str)
def test_depth_has_the_size_of_the_picture(size: tuple[int, int]) -> None:
    depth = DepthAnything(brightness, "0" * 64, "fake")(np.zeros((*size, 3), np.uint8))
    assert depth.shape == size and depth.dtype == np.float32
    assert np.isfinite(depth).all()


def test_depth_lies_where_the_picture_has_it() -> None:
    rgb = np.zeros((60, 90, 3), np.uint8)
    rgb[20:40, 50:80] = 255
    before = rgb.copy()
    depth = DepthAnything(brightness, "0" * 64, "fake")(rgb)
    np.testing.assert_array_equal(depth > depth.mean(), rgb[..., 0] > 0)
    np.testing.assert_array_equal(rgb, before)


def test_without_transformers_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(DeviceError, match=r"pip install birefcli\[depth\]") as caught:
        load("auto")
    assert caught.value.exit_code == ExitCode.DEVICE


def test_only_depth_models_measure_depth() -> None:
    for name in ("lama", "general", "some/model", ""):
        with pytest.raises(UsageError, match="depth-small"):
            load(name)


def test_every_name_of_the_model_leads_to_it() -> None:
    variant = find_companion("depth-small")
    assert variant is not None and variant.revision and variant.sha256
    for name in ("Depth-Anything-V2-Small-hf", "DEPTH_SMALL"):
        assert find_companion(name) == variant


@pytest.mark.skipif(not HAS_TRANSFORMERS, reason="needs the extra depth")
def test_nothing_is_downloaded_unasked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BIREFCLI_HOME", str(tmp_path))
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    with pytest.raises(WeightsError, match="birefcli models pull depth-small"):
        load("auto")
