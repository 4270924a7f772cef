"""How the machine's devices are described."""

from types import SimpleNamespace

import pytest
import torch

from birefcli.net import device
from birefcli.net.device_list import describe_devices


def pretend(monkeypatch: pytest.MonkeyPatch, *, cuda: int = 0, mps: bool = False) -> None:
    """Act as a machine with that many CUDA devices."""
    facts = SimpleNamespace(name="Some GPU", total_memory=24 * 2**30)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: cuda)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: facts)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    monkeypatch.setattr(device, "_has_bf16", lambda device: device.index == 0)


def test_the_processor_is_always_there(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch)
    found = describe_devices()
    assert found["cpu"] == f"{torch.get_num_threads()} threads, fp32"
    assert found["gpu"].startswith("none that this torch can use")


def test_every_gpu_has_its_own_line_and_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, cuda=2)
    assert list(describe_devices()) == ["cpu", "cuda:0", "cuda:1"]
    assert describe_devices()["cuda:0"] == "Some GPU, 24 GiB, bf16"
    assert describe_devices()["cuda:1"] == "Some GPU, 24 GiB, fp16"


def test_apples_gpu_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, mps=True)
    assert list(describe_devices()) == ["cpu", "mps"]
