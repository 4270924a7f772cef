"""Working in slices: they cover everything, fit their budget, and change no result."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from birefcli.net import slices as module
from birefcli.net.backbones.swin import SwinStage
from birefcli.net.blocks import ASPPDeformable
from birefcli.net.slices import slices

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


@given(length=st.integers(0, 3000), step_bytes=st.integers(1, 100 << 20))
def test_slices_cover_everything_within_the_budget(length: int, step_bytes: int) -> None:
    with torch.no_grad():
        found = list(slices(length, step_bytes, CPU))
    assert [i for one in found for i in range(one.start, one.stop)] == list(range(length))
    steps = [one.stop - one.start for one in found]
    assert all(step == 1 or step * step_bytes <= module.CPU_BYTES for step in steps)


def test_gradients_or_a_wish_mean_one_slice() -> None:
    assert list(slices(9, 1 << 30, CPU)) == [slice(0, 9)]
    with torch.no_grad():
        assert len(list(slices(9, 1 << 30, CPU))) == 9
        assert list(slices(9, 1 << 30, CPU, at_once=True)) == [slice(0, 9)]


def test_a_gpu_gets_larger_slices() -> None:
    with torch.no_grad():
        assert len(list(slices(64, 4 << 20, CPU))) == 32
        assert len(list(slices(64, 4 << 20, CUDA))) == 1


def test_small_slices_change_no_result(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    stage = SwinStage(12, 3, 7, [0.0, 0.0], merges=False).double().eval()
    pyramid = ASPPDeformable(8, 16, (1, 3, 7)).double().eval()
    for parameter in pyramid.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    tokens = torch.randn(2, 20, 23, 12, dtype=torch.float64)
    maps = torch.randn(2, 8, 9, 11, dtype=torch.float64)
    whole = stage(tokens), pyramid(maps)
    monkeypatch.setattr(module, "CPU_BYTES", 1)
    with torch.no_grad():
        assert torch.allclose(stage(tokens), whole[0], rtol=0, atol=1e-12)
        assert torch.allclose(pyramid(maps), whole[1], rtol=0, atol=1e-12)
