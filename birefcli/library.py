"""The library: what `import birefcli` offers, in terms of arrays, Pillow's images and paths."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from birefcli.errors import OutputError, UsageError
from birefcli.image import Matte, Picture, Rgba, read_picture, sha256_file, write_atomic
from birefcli.inpaint import Inpainter
from birefcli.matte import cut_image, network_view
from birefcli.models import (
    CheckedSegmenter,
    LoadedSegmenter,
    ModelFile,
    PeelModels,
    Purpose,
    default_choice,
    load_segmenter,
    pair_models,
    partner_of,
    resolve,
)
from birefcli.peeling import peel as peel_image
from birefcli.settings import (
    CutSettings,
    ModelSettings,
    PeelCommand,
    PeelSettings,
    Precision,
    settings_of,
)
from birefcli.stack import FILE, EngineRecord, SourceRecord, Stack
from birefcli.workflows import engine_of, load_inpainter, proven_files

# A path, one of Pillow's images, or an array: uint8 (H, W, 3), or (H, W, 4) with alpha.
ImageLike: TypeAlias = NDArray[np.uint8] | Image.Image | str | os.PathLike[str]

_NO_INPUT = ("-",)  # the records of settings want one
# What a cut on the command line is asked beside how one picture is cut.
_OF_FILES = frozenset(
    {"emit", "format", "mask_bits", "quality", "png_level", "on_empty"}
    | {"split", "sheet", "pack", "padding", "extrude", "pot"}
)


@dataclass(frozen=True, eq=False)
class Model:
    """A network that is ready to run."""

    file: ModelFile
    settings: ModelSettings
    loaded: LoadedSegmenter

    @property
    def name(self) -> str:
        """What it is called."""
        return self.file.name

    @property
    def licence(self) -> str:
        """The licence of its weights."""
        return self.file.licence

    @property
    def device(self) -> str:
        """Where it computes: cpu, cuda:0 or mps."""
        return self.loaded.device

    def matte(self, image: ImageLike) -> Matte:
        """Give a picture's matte: float32 (H, W), 1 where the object is and 0 where it is not.

        Raise PictureError where the picture cannot be read or the network gives no number.
        """
        return self.mattes([image])[0]

    def mattes(self, images: Sequence[ImageLike]) -> list[Matte]:
        """Give the mattes of several pictures, in order; on a GPU they share its batches."""
        segment = CheckedSegmenter(self.loaded.segment)
        return segment([network_view(_picture(image)) for image in images])

    @cached_property
    def _pair(self) -> PeelModels:
        """This network and its partner, for a peel."""
        return pair_models(self.settings, self.file, self.loaded, _silently)


def load_model(
    name: str | os.PathLike[str] | None = None,
    *,
    device: str = "auto",
    precision: str = "auto",
    offline: bool = False,
    accept_licence: bool = False,
    say: Callable[[str], None] | None = None,
) -> Model:
    """Load a model: a bundled or published name, a run folder, a weights file, hf:owner/name.

    Without a name it is the one that `birefcli cut` takes. A published model that is named is
    downloaded if it is not here, unless `offline`; `say` is told so. `device` is auto, cpu, cuda,
    cuda:N or mps, `precision` auto, fp32, bf16 or fp16. Raise WeightsError where there is no such
    model or it cannot be had, DeviceError where the device is missing.
    """
    return _load(
        None if name is None else os.fspath(name),
        Purpose.CUT,
        say or _silently,
        device=device,
        precision=precision,
        offline=offline,
        accept_licence=accept_licence,
    )


def _load(
    name: str | None,
    purpose: Purpose,
    say: Callable[[str], None],
    *,
    precision: str = "auto",
    **asked: Any,
) -> Model:
    try:
        settings = ModelSettings(model=name, precision=Precision(precision), **asked)
    except ValueError as error:
        raise UsageError(f"precision is auto, fp32, bf16 or fp16, not {precision!r}") from error
    file = resolve(
        name or default_choice(purpose).name,
        consent=name is not None,
        offline=settings.offline,
        accept_licence=settings.accept_licence,
        say=say,
    )
    return Model(file, settings, load_segmenter(settings, file, say))


def cut(image: ImageLike, *, model: Model | str | None = None, **options: Any) -> NDArray[np.uint8]:
    """Cut the object out of a picture: uint8 (H, W, 4), colour 0 where alpha is 0.

    `options` are those of `birefcli cut` for one picture, such as `alpha="hard"`, `crop=True`,
    `margin=8`, `grow=1`; with `background="white"` the result is (H, W, 3). Load a model once and
    give it, instead of its name, to cut many pictures. Raise TypeError for an unknown option,
    UsageError for a value that makes no sense, PictureError where the picture cannot be read.
    """
    known = {
        one.name
        for one in settings_of(CutSettings)
        if one.option.changes_bytes and not one.path and one.name not in _OF_FILES
    }
    _require_known("cut", options, known)
    settings = CutSettings(inputs=_NO_INPUT, **options)
    ready = model if isinstance(model, Model) else load_model(model)
    return cut_image(_picture(image), CheckedSegmenter(ready.loaded.segment), settings)


@dataclass(frozen=True, eq=False, kw_only=True)
class PeeledStack(Stack):
    """A peeled picture that knows what it was peeled from, so that it can be written."""

    picture: Rgba  # (H, W, 4), to which the stack recomposes exactly
    source: SourceRecord
    engine: EngineRecord

    def save(
        self,
        folder: str | os.PathLike[str],
        formats: Sequence[str] = PeelCommand.formats,
        *,
        overwrite: bool = False,
    ) -> list[Path]:
        """Write the stack into a folder as `birefcli peel` does, and give the files' paths.

        Every file is proven to give the picture back before anything is written. A folder that
        holds something is an OutputError unless `overwrite`; an unknown format a UsageError.
        """
        root = Path(folder)
        if not overwrite and root.exists() and (not root.is_dir() or any(root.iterdir())):
            raise OutputError(f"{root} is not empty; choose another folder or give overwrite=True")
        settings = PeelCommand(inputs=_NO_INPUT, formats=tuple(formats))
        stack = Stack(**{name: getattr(self, name) for name in Stack.__dataclass_fields__})
        options = {**self.engine.options, "format": sorted(formats)}
        engine = replace(self.engine, options=options)
        files = proven_files(stack, self.picture, self.source, engine, settings, name=str(root))
        manifest = files.pop(FILE)
        for name, data in {**files, FILE: manifest}.items():
            write_atomic(root / name, data, root=root)
        return [root / name for name in (*files, FILE)]


def peel(
    image: ImageLike,
    *,
    model: Model | str | None = None,
    inpaint: str | Inpainter = "auto",
    **options: Any,
) -> PeeledStack:
    """Take a picture apart into a background and layers that give it back bit for bit.

    `options` are those of `birefcli peel` for one picture, such as `max_layers=3`, `kind="flat"`,
    `seed=1`. `inpaint` is a name that `birefcli peel --inpaint` takes, or an inpainter of your
    own. Raise TypeError for an unknown option, UsageError for a value that makes no sense,
    PictureError where the picture cannot be read, WeightsError where a model is missing.
    """
    known = {one.name for one in settings_of(PeelSettings) if one.option.is_offered}
    _require_known("peel", options, known)
    picture = _picture(image)
    ready = model if isinstance(model, Model) else _load(model, Purpose.PEEL, _silently)
    inpainter = load_inpainter(inpaint) if isinstance(inpaint, str) else inpaint
    settings = PeelCommand(
        inputs=_NO_INPUT,
        peel=PeelSettings(**options),
        inpaint=inpainter.name,
        model=ready.settings,
    )
    models = ready._pair.checked()
    is_opaque = picture.alpha is None or bool((picture.alpha == 255).all())
    stack = peel_image(
        picture.rgb if is_opaque else picture.rgba,
        models.whole,
        inpainter,
        settings.peel,
        front=models.topmost,
    )
    engine = engine_of(settings, ready.file, partner_of(ready.file), inpainter, None)
    values = {name: getattr(stack, name) for name in Stack.__dataclass_fields__}
    return PeeledStack(
        **values, picture=picture.rgba, source=_source(image, picture), engine=engine
    )


def _require_known(function: str, options: dict[str, Any], known: set[str]) -> None:
    """Refuse an option that there is not, as Python does for a parameter."""
    for name in options:
        if name not in known:
            raise TypeError(
                f"birefcli.{function} has no option {name!r}; it takes {', '.join(sorted(known))}"
            )


def _picture(image: ImageLike) -> Picture:
    """Read what was given as a picture, upright and in 8 bits."""
    if isinstance(image, Image.Image):
        upright = ImageOps.exif_transpose(image)
        mode = "RGBA" if upright.has_transparency_data else "RGB"
        return _of_array(np.asarray(upright.convert(mode)), icc=image.info.get("icc_profile"))
    if isinstance(image, np.ndarray):
        return _of_array(image)
    return read_picture(Path(image), max_pixels=CutSettings.max_pixels)


def _of_array(array: NDArray[Any], icc: bytes | None = None) -> Picture:
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] not in (3, 4) or not array.size:
        raise TypeError(
            f"a picture is an array uint8 (H, W, 3) or (H, W, 4), not {array.dtype} {array.shape}"
        )
    alpha = np.ascontiguousarray(array[..., 3]) if array.shape[2] == 4 else None
    return Picture(np.ascontiguousarray(array[..., :3]), alpha, icc, None)


def _source(image: ImageLike, picture: Picture) -> SourceRecord:
    """Say what was peeled: a file with its hash, or an array that has none."""
    mode = "RGB" if picture.alpha is None else "RGBA"
    if isinstance(image, (np.ndarray, Image.Image)):
        return SourceRecord(file="picture", sha256="", mode=mode, icc=picture.icc, dpi=picture.dpi)
    path = Path(image)
    return SourceRecord(
        file=path.name, sha256=sha256_file(path), mode=mode, icc=picture.icc, dpi=picture.dpi
    )


def _silently(_: str) -> None:
    """Say nothing."""
