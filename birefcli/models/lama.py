"""LaMa's network: its file found, checked and loaded, ready to fill a crop."""

import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from birefcli.errors import DeviceError, WeightsError
from birefcli.image import Alpha, Rgb
from birefcli.models.cache import sha256_of
from birefcli.models.store import local_file
from birefcli.models.variants import find_companion

# TorchScript is code, so beside the file of our table only this one runs unasked: the one that
# IOPaint lists as anime-manga-big-lama.pt.
ANIME_SHA256 = "479d3afdcb7ed2fd944ed4ebcc39ca45b33491f0f2e43eb1000bd623cfb41823"
FILES = {"lama": "big-lama.pt", "anime-lama": "anime-manga-big-lama.pt"}
VARIABLE = "LAMA_MODEL"  # a path, as simple-lama-inpainting reads it
LONGEST_ON_CPU, LONGEST = 512, 1024  # the long side of what the network sees


@dataclass(frozen=True, eq=False)
class LamaNetwork:
    """A loaded network."""

    # Takes a crop (h, w, 3) and a mask (h, w), 255 is hole, and gives the crop filled.
    run: Callable[[Rgb, Alpha], Rgb]
    longest: int  # pixels of the long side of what it is shown
    sha256: str  # of its weights
    name: str


def load_lama(name: str, file: Path | None, *, trust: bool, device: str) -> LamaNetwork:
    """Load the network `lama` or `anime-lama` from a file, or from where its file is looked for.

    A file whose hash is not known runs only if `trust` says so. Raise WeightsError where there is
    no file or it may not run, DeviceError where the device or the package is missing.
    """
    path = file or find_lama(name)
    if not path.is_file():
        raise WeightsError(f"{name}: there is no file {path}; {_get(name)}")
    sha256 = sha256_of(path)
    if sha256 != _known_sha256(name) and not trust:
        raise WeightsError(
            f"{path} is not the known file of {name} (its sha256 is {sha256}), and TorchScript "
            f"is code that would run here; {_get(name)}, or give --trust-model-file "
            "if you trust it"
        )
    return _load(name, path, sha256, device)


def find_lama(name: str) -> Path:
    """Return the file that LAMA_MODEL names, that was pulled, or that torch's cache should hold."""
    if name == "lama":
        if given := os.environ.get(VARIABLE):
            return Path(given).expanduser()
        variant = find_companion(name)
        if variant and (pulled := local_file(variant)):
            return pulled
    import torch

    return Path(torch.hub.get_dir()) / "checkpoints" / FILES[name]


def _known_sha256(name: str) -> str | None:
    variant = find_companion(name)
    return variant.sha256 if variant else ANIME_SHA256


def _get(name: str) -> str:
    """What to type to get the file."""
    if name == "lama":
        return "run `birefcli models pull lama`"
    return f"give the file as --inpaint {name}:FILE"


def _load(name: str, path: Path, sha256: str, device: str) -> LamaNetwork:
    """Hand the file to simple-lama-inpainting, whose constructor would download or want CUDA."""
    from birefcli.net import choose_compute

    place = choose_compute(device, "fp32").device
    import torch

    try:
        from simple_lama_inpainting import SimpleLama
    except ImportError as error:
        raise DeviceError(
            f"{name} needs the package simple-lama-inpainting ({error}); "
            "run `pip install simple-lama-inpainting`"
        ) from error
    try:
        with warnings.catch_warnings():
            # torch.jit is deprecated, and LaMa comes in no other form.
            warnings.simplefilter("ignore")
            load: Callable[..., Any] = torch.jit.load
            model = load(str(path), map_location=place).eval()
    except (RuntimeError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise WeightsError(f"{path} is no TorchScript file ({reason}); {_get(name)}") from error
    simple = SimpleLama.__new__(SimpleLama)
    simple.device, simple.model = place, model

    def run(crop: Rgb, mask: Alpha) -> Rgb:
        # The traced model would spend its first runs on optimising itself.
        with torch.jit.optimized_execution(False):  # type: ignore[attr-defined]
            padded = np.asarray(simple(crop, mask))
        return np.ascontiguousarray(padded[: crop.shape[0], : crop.shape[1]])

    longest = LONGEST_ON_CPU if place.type == "cpu" else LONGEST
    return LamaNetwork(run, longest, sha256, name)
