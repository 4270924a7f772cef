"""Where the network computes, and in which precision: from --device and --precision to torch."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch

from birefcli.errors import DeviceError, UsageError
from birefcli.net.allocator import keep_freed_memory

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
FAST_BF16 = "avx512_bf16", "amx_tile"  # instructions of x86 processors


@dataclass(frozen=True)
class Compute:
    """A device and the number format of its matrix products; weights stay in float32."""

    device: torch.device
    dtype: torch.dtype

    def autocast(self) -> AbstractContextManager[object]:
        """Give the context in which the network runs in this precision."""
        if self.dtype == torch.float32:
            return nullcontext()
        return torch.autocast(self.device.type, self.dtype)


def choose_compute(device: str = "auto", precision: str = "auto") -> Compute:
    """Find the device called auto, cpu, cuda, cuda:N or mps, and its precision.

    Auto takes CUDA before Apple's GPU before the processor, and bf16, or fp16 where that is
    missing, on CUDA; float32 elsewhere. Unknown words raise UsageError, a device or precision that
    this machine lacks DeviceError.
    """
    found = _find_device(device)
    if found.type == "cpu":
        keep_freed_memory()
    return Compute(found, _find_precision(precision, found))


def training_compute(device: str = "auto", precision: str = "auto") -> Compute:
    """Find the device and precision as `choose_compute` does, for training.

    There auto takes bf16 on a processor with instructions for it too, which is half as fast again.
    """
    compute = choose_compute(device, precision)
    if precision == "auto" and compute.device.type == "cpu" and _has_fast_bf16():
        return Compute(compute.device, torch.bfloat16)
    return compute


def _find_device(name: str) -> torch.device:
    kind, _, index = name.partition(":")
    is_known = kind in ("auto", "cpu", "cuda", "mps") and (not index or index.isdecimal())
    if not is_known or (":" in name and (kind != "cuda" or not index)):
        raise UsageError(
            f"no device is called {name!r}; --device takes auto, cpu, cuda, cuda:N, mps"
        )
    if kind == "auto":
        kind = "cuda" if _has_cuda() else "mps" if _has_mps() else "cpu"
    if kind == "cuda" and not _has_cuda():
        raise DeviceError(f"--device {name}: {_why_no_cuda()}; --device cpu works everywhere")
    if kind == "mps" and not _has_mps():
        raise DeviceError(
            f"--device {name}: this machine has no Apple GPU that torch can use; "
            "--device cpu works everywhere"
        )
    if index and int(index) >= (count := torch.cuda.device_count()):
        last = "only cuda:0" if count == 1 else f"cuda:0 to cuda:{count - 1}"
        raise DeviceError(f"--device {name}: this machine has {last}")
    return torch.device(kind, int(index)) if index else torch.device(kind)


def _find_precision(name: str, device: torch.device) -> torch.dtype:
    if name not in ("auto", *PRECISIONS):
        raise UsageError(
            f"no precision is called {name!r}; --precision takes auto, fp32, bf16, fp16"
        )
    if name == "auto":
        name = "fp32" if device.type != "cuda" else "bf16" if _has_bf16(device) else "fp16"
    if name == "fp16" and device.type == "cpu":
        raise DeviceError("--precision fp16 needs a GPU; on the processor use fp32 or bf16")
    if name == "bf16" and device.type == "cuda" and not _has_bf16(device):
        raise DeviceError(f"--precision bf16: {device} cannot compute in bf16; use fp16 or fp32")
    return PRECISIONS[name]


def _has_cuda() -> bool:
    return torch.cuda.is_available()


def _has_mps() -> bool:
    return torch.backends.mps.is_available()


def _has_bf16(device: torch.device) -> bool:
    with torch.cuda.device(device):
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))


def _has_fast_bf16() -> bool:
    """Whether the processor multiplies bf16 by itself; older torches cannot tell."""
    checks = (getattr(torch.cpu, f"_is_{name}_supported", None) for name in FAST_BF16)
    return any(check is not None and check() for check in checks)


def _why_no_cuda() -> str:
    if torch.version.cuda is None and torch.version.hip is None:
        return "this torch was built without CUDA"
    return "torch finds no CUDA device or driver"
