"""Which device and precision are chosen, and what is said where they are missing."""

import pytest
import torch

from birefcli.errors import DeviceError, ExitCode, UsageError
from birefcli.net import device as devices
from birefcli.net.device import Compute, choose_compute, training_compute

CPU = torch.device("cpu")


def pretend(
    monkeypatch: pytest.MonkeyPatch, *, cuda: int = 0, mps: bool = False, bf16: bool = True
) -> None:
    """Act as a machine with that many CUDA devices."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    monkeypatch.setattr(devices, "_has_bf16", lambda device: bf16)


def test_auto_prefers_cuda_then_mps_then_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, cuda=1, mps=True)
    assert choose_compute() == Compute(torch.device("cuda"), torch.bfloat16)
    pretend(monkeypatch, mps=True)
    assert choose_compute() == Compute(torch.device("mps"), torch.float32)
    pretend(monkeypatch)
    assert choose_compute() == Compute(CPU, torch.float32)


@pytest.mark.parametrize("fast", [True, False])
def test_training_takes_bf16_where_the_processor_has_it(
    monkeypatch: pytest.MonkeyPatch, fast: bool
) -> None:
    pretend(monkeypatch)
    monkeypatch.setattr(devices, "_has_fast_bf16", lambda: fast)
    assert training_compute().dtype == (torch.bfloat16 if fast else torch.float32)
    assert training_compute("cpu", "fp32").dtype == torch.float32
    assert choose_compute().dtype == torch.float32


def test_old_gpus_take_fp16(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, cuda=1, bf16=False)
    assert choose_compute().dtype == torch.float16
    with pytest.raises(DeviceError, match="cuda cannot compute in bf16"):
        choose_compute("cuda", "bf16")


def test_a_numbered_device(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, cuda=2)
    assert choose_compute("cuda:1").device == torch.device("cuda", 1)
    with pytest.raises(DeviceError, match="cuda:7: this machine has cuda:0 to cuda:1"):
        choose_compute("cuda:7")
    pretend(monkeypatch, cuda=1)
    with pytest.raises(DeviceError, match="has only cuda:0"):
        choose_compute("cuda:1")


@pytest.mark.parametrize("name", ("cuda", "cuda:0", "mps"))
def test_an_absent_device_is_one_sentence(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    pretend(monkeypatch)
    with pytest.raises(DeviceError, match=f"^--device {name}: .*--device cpu works") as caught:
        choose_compute(name)
    assert caught.value.exit_code == ExitCode.DEVICE
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ("tpu", "cuda:", "cuda:x", "cuda:-1", "cpu:0", "auto:0", ""))
def test_an_unknown_device_is_a_usage_error(name: str) -> None:
    with pytest.raises(UsageError, match="no device is called"):
        choose_compute(name)


def test_precision_on_the_processor() -> None:
    assert choose_compute("cpu", "bf16").dtype == torch.bfloat16
    with pytest.raises(DeviceError, match="fp16 needs a GPU"):
        choose_compute("cpu", "fp16")
    with pytest.raises(UsageError, match="no precision is called 'int8'"):
        choose_compute("cpu", "int8")


def test_float32_leaves_autocast_off() -> None:
    a = torch.ones(2, 2)
    with Compute(CPU, torch.float32).autocast():
        assert (a @ a).dtype == torch.float32
    with Compute(CPU, torch.bfloat16).autocast():
        assert (a @ a).dtype == torch.bfloat16
