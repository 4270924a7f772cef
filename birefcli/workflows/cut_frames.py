"""What `cut` does with an animation: frames cut as one series, and written as an animation."""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from birefcli.batch import STDOUT, CutJob, EncodedResult, Outcome, Status
from birefcli.errors import PictureError
from birefcli.image import Animation, Container, Matte, Picture, read_frames, write_frames
from birefcli.matte import CutSeries, cut_series, render
from birefcli.settings import SUFFIXES, CutSettings, Format, OnEmpty, Product
from birefcli.workflows.cut_files import as_rgba
from birefcli.workflows.cut_pieces import piece_files, pieces_of_series, taken

_CONTAINERS: dict[Format, Container] = {
    Format.GIF: "gif",
    Format.PNG: "apng",
    Format.WEBP: "webp",
}
_FORMATS = {container: format for format, container in _CONTAINERS.items()}


@dataclass(frozen=True, eq=False)
class FramesItem:
    """An animation on its way: decoded, then with the matte (H, W) of every frame."""

    animation: Animation
    mattes: tuple[Matte, ...] = ()

    @cached_property
    def pictures(self) -> tuple[Picture, ...]:
        """Every frame as a picture; alpha only where some frame has any."""
        animation = self.animation
        is_opaque = all((frame[..., 3] == 255).all() for frame in animation.frames)
        return tuple(
            Picture(
                np.ascontiguousarray(frame[..., :3]),
                None if is_opaque else np.ascontiguousarray(frame[..., 3]),
                animation.icc,
                animation.dpi,
            )
            for frame in animation.frames
        )

    def with_mattes(self, mattes: list[Matte]) -> "FramesItem":
        """Give the same frames with what the network saw in them."""
        return replace(self, mattes=tuple(mattes))


def read_animation(source: Path | bytes, max_pixels: int) -> FramesItem:
    """Decode an animation; `max_pixels` holds for all frames together."""
    return FramesItem(read_frames(source, max_pixels))


def encode_frames(job: CutJob, item: FramesItem, settings: CutSettings) -> EncodedResult:
    """Cut out all frames, and encode every product as an animation."""
    name, animation = job.source.name, item.animation
    series = cut_series(item.pictures, item.mattes, settings, is_loop=animation.loop != 1)
    if series.is_empty and settings.on_empty == OnEmpty.FAIL:
        raise PictureError(f"nothing found in {name}", reason="empty")
    is_left_out = series.is_empty and settings.on_empty == OnEmpty.SKIP
    files = {} if is_left_out else _encoded(job, item, series, settings)
    outcome = Outcome(
        name,
        Status.EMPTY if series.is_empty else Status.DONE,
        "nothing-found" if series.is_empty else "",
        f"nothing found in {name}" if series.is_empty else "",
        outputs=job.outputs(files),
        size=animation.size,
        box=series.box,
        frames=len(animation.frames),
        pivot=series.pivot,
    )
    return EncodedResult(outcome, files)


def _encoded(
    job: CutJob, item: FramesItem, series: CutSeries, settings: CutSettings
) -> dict[str, bytes]:
    """Encode every product of an animation, by target."""
    files: dict[str, bytes] = {}
    for product, target in job.targets.items():
        if product in taken(settings):
            continue
        format = _format(target, product, item.animation, settings)
        if format not in _CONTAINERS or (product == Product.MASK and settings.mask_bits == 16):
            what = format if format not in _CONTAINERS else "a mask of 16 bits"
            raise PictureError(
                f"{job.source.name} is an animation, which {what} cannot hold;"
                " write png, webp or gif, and 8 bits",
                reason="animated",
            )
        arrays = [
            render(cutout, picture, product, format, settings)
            for cutout, picture in zip(series.cutouts, item.pictures, strict=True)
        ]
        is_grey = arrays[0].ndim == 2
        moving = replace(
            item.animation.with_frames(tuple(map(as_rgba, arrays))),
            palette=item.animation.palette if product == Product.CUTOUT else None,
            icc=None if is_grey else item.animation.icc,
        )
        files[target] = write_frames(moving, _CONTAINERS[format], quality=settings.quality)
    if taken(settings):
        pieces = pieces_of_series(item.pictures, series, item.animation.durations)
        files |= piece_files(job, pieces, settings, size=item.animation.size)
    return files


def _format(target: str, product: Product, animation: Animation, settings: CutSettings) -> Format:
    """Give the format of a result: what its name says; in a pipe, that of the source."""
    if target != STDOUT:
        return SUFFIXES.get(Path(target).suffix.lower(), settings.format or Format.PNG)
    if settings.format is not None:
        return settings.format
    own = _FORMATS[animation.container]
    return own if product == Product.CUTOUT or own != Format.GIF else Format.PNG
