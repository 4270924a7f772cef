"""The devices of this machine that a network can run on, each described in words."""

import torch

from birefcli.net.device import PRECISIONS, choose_compute


def describe_devices() -> dict[str, str]:
    """Describe each device that --device takes here, by its name: threads or memory, and precision.

    Where there is no GPU an entry `gpu` says so.
    """
    found = {"cpu": f"{torch.get_num_threads()} threads"}
    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            facts = torch.cuda.get_device_properties(index)
            found[f"cuda:{index}"] = f"{facts.name}, {facts.total_memory / 2**30:.0f} GiB"
    if torch.backends.mps.is_available():
        found["mps"] = "Apple GPU"
    words = {name: f"{what}, {_precision(name)}" for name, what in found.items()}
    return words if len(words) > 1 else {**words, "gpu": f"none that this torch can use{_build()}"}


def _precision(device: str) -> str:
    """Name the precision that auto takes on a device."""
    dtype = choose_compute(device).dtype
    return next(name for name, known in PRECISIONS.items() if known == dtype)


def _build() -> str:
    """Say that this torch could not use a GPU even if one were there."""
    return "" if torch.version.cuda or torch.version.hip else " (it was built without CUDA)"
