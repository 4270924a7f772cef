"""Deformable convolution against a slow loop, whole and in strips, and its gradients."""

import math
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from birefcli.net import deform, slices
from birefcli.net.deform import DeformableConv2d, deform_conv2d, deform_strips

TAPS_OUTSIDE = 2.5  # standard deviation of the offsets, in pixels


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(3)


def inputs(k: int, n: int, c: int, height: int, width: int) -> list[Tensor]:
    """Draw x, offset, mask and weight in float64, many taps outside the map."""
    return [
        torch.randn(n, c, height, width, dtype=torch.float64),
        TAPS_OUTSIDE * torch.randn(n, 2 * k * k, height, width, dtype=torch.float64),
        2 * torch.rand(n, k * k, height, width, dtype=torch.float64),
        torch.randn(4, c, k, k, dtype=torch.float64),
    ]


def slow(x: Tensor, offset: Tensor, mask: Tensor, weight: Tensor) -> Tensor:
    """Convolve pixel by pixel, tap by tap, straight from the definition."""
    n, _, height, width = x.shape
    out_channels, _, k, _ = weight.shape
    pixels = []
    for i in range(n):
        for row in range(height):
            for column in range(width):
                total = x.new_zeros(out_channels)
                for tap in range(k * k):
                    dy, dx = offset[i, 2 * tap, row, column], offset[i, 2 * tap + 1, row, column]
                    y, z = row + tap // k - k // 2 + dy, column + tap % k - k // 2 + dx
                    value = mask[i, tap, row, column] * bilinear(x[i], y, z)
                    total = total + weight[:, :, tap // k, tap % k] @ value
                pixels.append(total)
    return torch.stack(pixels).view(n, height, width, out_channels).permute(0, 3, 1, 2)


def bilinear(pixels: Tensor, y: Tensor, x: Tensor) -> Tensor:
    """Read (C, H, W) between pixels; each corner outside counts as zero."""
    value = pixels.new_zeros(len(pixels))
    top, left = math.floor(y.detach()), math.floor(x.detach())
    for row in (top, top + 1):
        for column in (left, left + 1):
            if 0 <= row < pixels.shape[1] and 0 <= column < pixels.shape[2]:
                share = (1 - (y - row).abs()) * (1 - (x - column).abs())
                value = value + share * pixels[:, row, column]
    return value


@pytest.fixture
def tiny_parts(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Make every strip one row high."""
    monkeypatch.setattr(slices, "CPU_BYTES", 1)
    yield


@pytest.mark.parametrize("k", (1, 3, 7))
def test_it_is_the_definition(k: int) -> None:
    args = inputs(k, 2, 3, 5, 4)
    assert torch.allclose(deform_conv2d(*args), slow(*args), rtol=0, atol=1e-12)


@pytest.mark.parametrize("k", (1, 3, 7))
def test_strips_make_no_difference(k: int, tiny_parts: None) -> None:
    args = inputs(k, 2, 3, 9, 8)
    whole = deform_conv2d(*args)
    with torch.no_grad():
        strips = list(deform_strips(*args))
        assert len(strips) == 9
        assert torch.allclose(deform_conv2d(*args), whole, rtol=0, atol=1e-12)


def test_strips_fit_their_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    sampled: list[int] = []
    sample = deform._sample

    def spy(*args: Tensor | int) -> Tensor:
        taps = sample(*args)  # type: ignore[arg-type]
        sampled.append(taps.numel() * taps.element_size())
        return taps

    monkeypatch.setattr(deform, "_sample", spy)
    with torch.no_grad():
        deform_conv2d(*(x.float() for x in inputs(7, 1, 16, 64, 64)))
    assert len(sampled) > 1 and max(sampled) <= slices.CPU_BYTES


def test_gradients_are_those_of_the_definition() -> None:
    ours, theirs = inputs(3, 1, 2, 4, 5), []
    for tensor in ours:
        theirs.append(tensor.clone().requires_grad_())
        tensor.requires_grad_()
    looked_at = torch.randn(1, 4, 4, 5, dtype=torch.float64)
    (deform_conv2d(*ours) * looked_at).sum().backward()
    (slow(*theirs) * looked_at).sum().backward()
    for a, b in zip(ours, theirs, strict=True):
        assert a.grad is not None and b.grad is not None
        assert torch.allclose(a.grad, b.grad, rtol=0, atol=1e-12)


@pytest.mark.parametrize("size", ((1, 1), (1, 6), (6, 1)))
def test_maps_one_pixel_wide(size: tuple[int, int]) -> None:
    args = inputs(3, 1, 3, *size)
    assert torch.allclose(deform_conv2d(*args), slow(*args), rtol=0, atol=1e-12)


def test_everything_far_outside_is_zero() -> None:
    x, offset, mask, weight = inputs(3, 1, 3, 5, 5)
    for far in (100.0, -100.0, 1e12, -1e12):
        assert not deform_conv2d(x, torch.full_like(offset, far), mask, weight).any()


def test_without_offsets_it_is_a_convolution() -> None:
    x, offset, mask, weight = inputs(3, 2, 3, 6, 7)
    plain = torch.nn.functional.conv2d(x, weight, padding=1)
    ours = deform_conv2d(x, torch.zeros_like(offset), torch.ones_like(mask), weight)
    assert torch.allclose(ours, plain, rtol=0, atol=1e-12)


def test_non_contiguous_inputs() -> None:
    args = inputs(3, 2, 3, 6, 7)
    turned = [x.transpose(-1, -2).contiguous().transpose(-1, -2) for x in args]
    turned[0] = turned[0].contiguous(memory_format=torch.channels_last)
    assert torch.equal(deform_conv2d(*turned), deform_conv2d(*args))


def test_it_runs_under_autocast() -> None:
    module = DeformableConv2d(8, 6, 3)
    torch.nn.init.normal_(module.offset_conv.weight, std=0.2)
    x = torch.randn(1, 8, 12, 12)
    with torch.no_grad():
        exact = module(x)
        with torch.autocast("cpu", torch.bfloat16):
            rough = module(x)
    assert rough.dtype == torch.bfloat16
    assert torch.allclose(rough.float(), exact, atol=0.05)


def test_a_fresh_module_is_an_ordinary_convolution() -> None:
    module, x = DeformableConv2d(3, 5, 3), torch.randn(1, 3, 8, 8)
    assert torch.allclose(module(x), module.regular_conv(x), atol=1e-6)


def test_training_looks_at_the_whole_map(tiny_parts: None) -> None:
    module, x = DeformableConv2d(3, 5, 3), torch.randn(1, 3, 8, 8)
    with torch.no_grad():
        assert len(list(module.eval().strips(x))) == 8
        # Batch norms behind it would otherwise see each strip alone.
        assert len(list(module.train().strips(x))) == 1


def test_a_broken_compiled_operator_means_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> None:
        raise RuntimeError("operator torchvision::nms does not exist")

    monkeypatch.setattr(deform, "import_module", broken)
    deform._compiled_operator.cache_clear()
    assert deform._compiled_operator() is None
    deform._compiled_operator.cache_clear()


def test_a_torchvision_without_its_compiled_half_means_plain(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    half = SimpleNamespace(deform_conv2d=deform_conv2d)
    monkeypatch.setattr(deform, "import_module", lambda name: half)
    for operators, expected in ((SimpleNamespace(), None), (half, deform_conv2d)):
        monkeypatch.setattr(torch.ops, "torchvision", operators, raising=False)
        deform._compiled_operator.cache_clear()
        assert deform._compiled_operator() is expected
    deform._compiled_operator.cache_clear()
