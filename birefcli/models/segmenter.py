"""The protocol of segmenters, which give pictures their mattes, and loading a network as one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from birefcli.errors import BirefcliError, PictureError
from birefcli.image import Matte, Rgb
from birefcli.models.store import ModelFile, ModelInfo, Purpose, default_choice, resolve
from birefcli.settings import EvalProtocol, ModelSettings


class Segmenter(Protocol):
    """Anything that gives each picture its matte."""

    def __call__(self, images: Sequence[Rgb]) -> list[Matte]:
        """Give one matte per picture: same sizes, same order, float32 in 0…1."""


@dataclass(frozen=True)
class LoadedSegmenter:
    """A segmenter ready to run, and what the report says about it."""

    segment: Segmenter
    model: ModelInfo
    device: str
    batch: int


def segment_each(segment: Segmenter, images: Sequence[Rgb]) -> list[Matte | Exception]:
    """Give each picture (H, W, 3) its matte (H, W), or what went wrong with it alone.

    Where a batch cannot be run each picture is tried by itself. What is wrong with the model or
    the device is no picture's fault, and is raised.
    """
    try:
        mattes = segment(images)
        if len(mattes) != len(images):
            raise RuntimeError(f"{len(mattes)} mattes for {len(images)} pictures")
    except Exception as error:
        if isinstance(error, BirefcliError) and not isinstance(error, PictureError):
            raise
        if len(images) == 1:
            return [error]
        return [result for image in images for result in segment_each(segment, [image])]
    return [_fault(matte, image) or matte for matte, image in zip(mattes, images, strict=True)]


def _fault(matte: Matte, image: Rgb) -> Exception | None:
    """Say what keeps a matte from being used."""
    if matte.shape != image.shape[:2]:
        return RuntimeError(f"a matte of {matte.shape} for {image.shape[:2]}")
    if not np.isfinite(matte).all():
        return PictureError("the model gave NaN; try --precision fp32", reason="nan")
    return None


def require_device(settings: ModelSettings) -> None:
    """Raise DeviceError where a device or precision that was asked for by name is not there.

    What every machine has is not looked at, so that a run with nothing to do stays quick.
    """
    if settings.device in ("auto", "cpu") and settings.precision != "fp16":
        return
    from birefcli.net import choose_compute

    choose_compute(settings.device, settings.precision)


def asked_model(settings: ModelSettings, purpose: Purpose, say: Callable[[str], None]) -> ModelFile:
    """The file of the model that was named, or else of the default one for a purpose.

    Only what is named here and now may be downloaded.
    """
    return resolve(
        settings.model or default_choice(purpose).name,
        consent=settings.model is not None and settings.model_is_named,
        offline=settings.offline,
        accept_licence=settings.accept_licence,
        say=say,
    )


def load_segmenter(
    settings: ModelSettings,
    model: ModelFile,
    say: Callable[[str], None],
    protocol: EvalProtocol = EvalProtocol.DEFAULT,
) -> LoadedSegmenter:
    """Load a network onto its device and say in one line which and where.

    It runs as `cut` runs it, or by the official protocol as the benchmark does.
    """
    from birefcli.net import (
        BenchmarkPredictor,
        Predictor,
        choose_compute,
        default_batch,
        load_network,
    )

    compute = choose_compute(settings.device, settings.precision)
    loaded = load_network(
        model.path,
        name=model.name,
        tile_order=settings.tile_order,
        known_order=model.tile_order,
        size=model.size,
        keeps_aspect=model.keeps_aspect,
    )
    info = ModelInfo(model.name, model.sha256, model.licence, loaded.config.tile_order)
    device = f"{compute.device} {str(compute.dtype).removeprefix('torch.')}"
    say(f"{model.name} ({model.licence}) on {device}")
    segment: Segmenter = (
        BenchmarkPredictor(loaded.network, compute)
        if protocol == EvalProtocol.OFFICIAL
        else Predictor(loaded.network, compute, say=say)
    )
    return LoadedSegmenter(segment, info, str(compute.device), default_batch(compute))
