"""Importing timm, which wants a torchvision, also where that does not fit the torch."""

import sys
from functools import cache
from importlib import import_module
from types import ModuleType

import torch

from birefcli.errors import DeviceError


def import_timm() -> ModuleType:
    """Import timm; where that cannot be done, DeviceError says what is missing."""
    try:
        import_torchvision()
        return import_module("timm")
    # A torchvision for another torch fails in many ways, RuntimeError and OSError among them.
    except Exception as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise DeviceError(
            f"timm needs a torchvision built for your torch: {reason}; "
            "install torch, torchvision and timm together"
        ) from error


def import_torchvision() -> None:
    """Import torchvision, if need be without its compiled half, which no backbone uses."""
    try:
        import_module("torchvision")
    except RuntimeError:
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        _declared_operators()
        import_module("torchvision")


@cache
def _declared_operators() -> torch.library.Library:
    """Declare the two operators that torchvision describes as it is imported.

    They last as long as the library, which the cache keeps.
    """
    library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
    schema = "{}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
    for name in ("nms", "qnms"):
        library.define(schema.format(name))  # type: ignore[no-untyped-call]
    return library
