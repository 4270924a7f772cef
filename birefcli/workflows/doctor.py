"""Whether this installation works: everything that was looked at, each problem with a next step."""

import os
import platform
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from importlib import metadata
from pathlib import Path

import numpy as np

from birefcli.errors import BirefcliError, DeviceError, ExitCode, WeightsError
from birefcli.image import Matte, Rgb, to_uint8
from birefcli.metrics import iou
from birefcli.models import (
    VARIANTS,
    Variant,
    bundled_model,
    card_sha256,
    default_choice,
    find_variant,
    load_segmenter,
    megabytes,
    models_dir,
    records,
    resolve,
)
from birefcli.settings import ModelSettings
from birefcli.version import __version__

PACKAGES = ("torch", "timm", "numpy", "pillow", "opencv-python", "huggingface-hub")
LEAST_IOU = 0.7  # of the test cut; a trained model is well above


class Section(StrEnum):
    """The parts of the installation that are checked, in this order."""

    VERSIONS = "versions"
    DEVICES = "devices"
    MODELS = "models"
    CUT = "test cut"


@dataclass(frozen=True, kw_only=True)
class DoctorFinding:
    """One thing that was looked at; a problem has a next step and the exit code of its kind."""

    section: Section
    name: str
    words: str
    facts: dict[str, object] = field(default_factory=dict)
    advice: str = ""
    exit_code: ExitCode = ExitCode.OK

    @property
    def is_well(self) -> bool:
        """Whether there is nothing to do."""
        return self.exit_code == ExitCode.OK


def examine(weights: Path | None = None) -> Iterator[DoctorFinding]:
    """Look at everything in turn; `weights` stands in for the package's folder of models."""
    bundled = [variant for variant in VARIANTS if variant.is_bundled]
    yield DoctorFinding(section=Section.VERSIONS, name="birefcli", words=__version__)
    yield DoctorFinding(section=Section.VERSIONS, name="python", words=platform.python_version())
    for package in PACKAGES:
        yield from _guarded(Section.VERSIONS, package, _version(package))
    yield from _guarded(Section.DEVICES, "devices", _devices())
    for variant in bundled:
        yield from _guarded(Section.MODELS, variant.name, _bundled(variant, weights))
    yield from _guarded(Section.MODELS, "default", _default())
    yield from _guarded(Section.MODELS, "cache", _cache())
    for variant in bundled:
        yield from _guarded(Section.CUT, variant.name, _test_cut(variant, weights))


def worst(findings: Iterable[DoctorFinding]) -> ExitCode:
    """Give the gravest exit code: a missing package before an unfit model before a bad choice."""
    return max((finding.exit_code for finding in findings), default=ExitCode.OK)


def _guarded(section: Section, name: str, look: Iterator[DoctorFinding]) -> Iterator[DoctorFinding]:
    """Give what a look finds; where it fails, that is the finding, and the next look follows."""
    try:
        yield from look
    except Exception as error:
        words, _, advice = str(error).partition("; ")
        match error:
            case BirefcliError():
                code = error.exit_code
            case ImportError():
                code, advice = ExitCode.DEVICE, "reinstall birefcli and what it depends on"
            case _:
                if os.environ.get("BIREFCLI_DEBUG"):
                    raise
                code, words = ExitCode.INTERNAL, f"{type(error).__name__}: {error}"
                advice = "run again with BIREFCLI_DEBUG=1 and report what it shows"
        yield DoctorFinding(section=section, name=name, words=words, advice=advice, exit_code=code)


# The looks.


def _version(package: str) -> Iterator[DoctorFinding]:
    """The version of a package, which is not imported for it."""
    try:
        version = metadata.version(package)
    except metadata.PackageNotFoundError:
        raise DeviceError(f"not installed; run `pip install {package}`") from None
    yield DoctorFinding(section=Section.VERSIONS, name=package, words=version)


def _devices() -> Iterator[DoctorFinding]:
    """Everything that --device takes on this machine."""
    from birefcli.net import describe_devices

    for name, words in describe_devices().items():
        yield DoctorFinding(section=Section.DEVICES, name=name, words=words)


def _bundled(variant: Variant, weights: Path | None) -> Iterator[DoctorFinding]:
    """A bundled file, held to the hash on its card."""
    model = bundled_model(variant, weights)
    right = card_sha256(model.path)
    if right not in (None, model.sha256):
        raise WeightsError(
            f"bundled, damaged: its sha256 is {model.sha256}, not {right}; reinstall birefcli"
        )
    size = model.path.stat().st_size
    state = "verified" if right else "no card says its sha256"
    yield DoctorFinding(
        section=Section.MODELS,
        name=variant.name,
        words=f"bundled, {megabytes(size)}, {state}",
        facts={"path": str(model.path), "bytes": size, "sha256": model.sha256},
    )


def _default() -> Iterator[DoctorFinding]:
    """The model of `birefcli cut` when none is named, which must be at hand."""
    choice = default_choice()
    variant = find_variant(choice.name)
    # A bundled model has its own finding.
    if not (variant and variant.is_bundled):
        resolve(choice.name, consent=False, offline=False, accept_licence=False, say=lambda _: None)
    by = "nobody chose another" if choice.by == "bundled" else f"chosen by {choice.by}"
    yield DoctorFinding(
        section=Section.MODELS,
        name="default",
        words=f"{choice.name} ({by})",
        facts={"model": choice.name, "chosen_by": choice.by},
    )


def _cache() -> Iterator[DoctorFinding]:
    """The folder of pulled models and what it holds."""
    folder = models_dir()
    sizes = {
        record.name: record.path.stat().st_size
        for record in records(folder)
        if record.path.is_file()
    }
    held = [f"{name} {megabytes(size)}" for name, size in sizes.items()]
    yield DoctorFinding(
        section=Section.MODELS,
        name="cache",
        words=f"{folder}: {', '.join(held) or 'nothing pulled yet'}",
        facts={"folder": str(folder), "models": sizes},
    )


def _test_cut(variant: Variant, weights: Path | None) -> Iterator[DoctorFinding]:
    """One real cut of a drawn picture, held to the shape that was drawn."""
    model = bundled_model(variant, weights)
    picture, truth = draw_ball()
    started = time.perf_counter()
    loaded = load_segmenter(ModelSettings(), model, say=lambda _: None)
    (matte,) = loaded.segment([picture])
    seconds = time.perf_counter() - started
    score = iou(matte, truth)
    if score < LEAST_IOU:
        raise WeightsError(f"it missed the ball, IoU {score:.2f}; reinstall birefcli")
    yield DoctorFinding(
        section=Section.CUT,
        name=variant.name,
        words=f"{seconds:.1f} s on {loaded.device}, IoU {score:.2f}",
        facts={"seconds": round(seconds, 3), "device": loaded.device, "iou": round(score, 4)},
    )


def draw_ball() -> tuple[Rgb, Matte]:
    """Draw a lit red ball before a grey-blue wall, (192, 256), and its matte."""
    y, x = np.mgrid[:192, :256].astype(np.float32)
    across, down = (x - 136) / 70, (y - 98) / 70
    is_ball = across**2 + down**2 <= 1
    wall = np.multiply.outer(0.75 + y / 768, [150, 165, 190])
    light = np.clip(1 - np.hypot(across + 0.35, down + 0.4) / 2, 0.2, 1)
    ball = np.multiply.outer(light, [235, 60, 40])
    return to_uint8(np.where(is_ball[..., None], ball, wall)), is_ball.astype(np.float32)
