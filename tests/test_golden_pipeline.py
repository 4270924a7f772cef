"""Both official pipelines against their recorded inputs and masks, and `cut` beside them."""

import numpy as np
import torch
from golden_rule import GOLDEN

from birefcli.net.config import published_config
from birefcli.net.official import benchmark_input, benchmark_matte, demo_input, demo_matte
from birefcli.net.predict import to_input

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
