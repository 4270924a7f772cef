"""Both official pipelines against their recorded inputs and masks, `cut` and `eval` beside them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from fakes import loaded, tiny_config
from golden_rule import GOLDEN
from PIL import Image
from torch import Tensor, nn

from birefcli.errors import PictureError
from birefcli.image.pairs import Case
from birefcli.net.birefnet import BiRefNet
from birefcli.net.config import IMAGENET_MEAN, IMAGENET_STD, published_config
from birefcli.net.decoder import Prediction
from birefcli.net.device import choose_compute
from birefcli.net.official_pipelines import (
    BenchmarkPredictor,
    benchmark_input,
    benchmark_matte,
    demo_input,
    demo_matte,
)
from birefcli.net.predict import to_input
from birefcli.settings.evaluate import EvalProtocol, EvalSettings
from birefcli.workflows.evaluate import EvalItem, EvalWorker

ARRAYS = dict(np.load(GOLDEN / "pipeline.npz"))
RGB = ARRAYS["source"]
LOGITS = torch.from_numpy(ARRAYS["logits_96x128"])
SIZE = (96, 128)


def error(ours: torch.Tensor, name: str) -> float:
    assert ours.shape == ARRAYS[name].shape
    return float(np.abs(ours.numpy() - ARRAYS[name]).max())


def test_benchmark_inputs() -> None:
    assert error(benchmark_input(RGB, SIZE), "benchmark_input_128x96") <= 1e-5
    assert error(benchmark_input(RGB, None), "benchmark_input_original_size") <= 1e-5


def test_demo_input() -> None:
    assert error(demo_input(RGB, SIZE), "demo_input_96x128") <= 1e-5


def test_cut_sees_what_the_demo_sees() -> None:
    ours = to_input(RGB, SIZE, published_config("swin_v1_t"))
    assert error(ours, "demo_input_96x128") <= 1e-5


def test_masks_are_exact() -> None:
    source = RGB.shape[:2]
    assert np.array_equal(benchmark_matte(LOGITS, source), ARRAYS["benchmark_mask"])
    assert np.array_equal(demo_matte(LOGITS, SIZE), ARRAYS["demo_mask_small"])
    assert np.array_equal(demo_matte(LOGITS, source), ARRAYS["demo_mask"])


def test_the_pipelines_differ() -> None:
    assert error(demo_input(RGB, SIZE), "benchmark_input_128x96") > 0.5


# The way `eval` goes


class Recorded(BiRefNet):
    """A network that answers with the recorded logits, and remembers what it was given."""

    def __init__(self) -> None:
        nn.Module.__init__(self)
        self.config = replace(
            tiny_config(), size=SIZE, mean=IMAGENET_MEAN, std=IMAGENET_STD, keeps_aspect=True
        )

    def forward(self, image: Tensor, *, supervise: bool = False) -> Prediction:
        self.seen = image
        return Prediction(LOGITS.expand(len(image), -1, -1, -1))


@pytest.mark.parametrize("has_alpha", [False, True])
def test_eval_by_the_official_protocol_is_the_benchmark(tmp_path: Path, has_alpha: bool) -> None:
    source, truth = tmp_path / "source.png", tmp_path / "truth.png"
    picture = Image.fromarray(RGB)
    if has_alpha:
        picture.putalpha(100)
    picture.save(source)
    Image.new("L", picture.size, 255).save(truth)
    network = Recorded()
    worker = EvalWorker(
        ("MAE",),
        EvalSettings(folders=(tmp_path,), protocol=EvalProtocol.OFFICIAL),
        loaded(BenchmarkPredictor(network, choose_compute("cpu"))),
    )
    item = worker.read(Case("source", truth, source))
    assert isinstance(item, EvalItem)
    (found,) = worker.compute([item])
    assert isinstance(found, EvalItem)
    assert error(network.seen[0], "benchmark_input_128x96") <= 1e-5
    assert np.array_equal(found.prediction, ARRAYS["benchmark_mask"])


def test_what_does_not_fit_is_never_measured_smaller() -> None:
    class Full(Recorded):
        def forward(self, image: Tensor, *, supervise: bool = False) -> Prediction:
            assert image.shape[-2:] == SIZE
            raise RuntimeError("out of memory")

    with pytest.raises(PictureError, match="does not fit into memory"):
        BenchmarkPredictor(Full(), choose_compute("cpu"))([RGB])
