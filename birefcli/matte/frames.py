"""The frames of one series cut alike: edges of one kind, alpha that holds still, one crop box."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from birefcli.image import Matte, Picture, Rgb
from birefcli.matte.cutout import CROP_ALPHA, Cutout, make_cutout
from birefcli.matte.flicker import series_frame, steady
from birefcli.matte.morphology import Box
from birefcli.matte.pixelart import art_grid
from birefcli.settings import AlphaMode, CutSettings, OnEmpty


@dataclass(frozen=True, eq=False)
class CutSeries:
    """What was cut out of the frames of a series."""

    cutouts: tuple[Cutout, ...]  # all with the same box
    pivot: tuple[float, float] | None  # x and y in the whole frame

    @property
    def box(self) -> Box | None:
        """What is kept of every frame; None is all."""
        return self.cutouts[0].box

    @property
    def is_empty(self) -> bool:
        """Whether nothing was found in any frame."""
        return all(cutout.is_empty for cutout in self.cutouts)


def cut_series(
    pictures: Sequence[Picture],
    mattes: Sequence[Matte],
    settings: CutSettings,
    *,
    is_loop: bool = False,
) -> CutSeries:
    """Cut frames of one size, each with its matte (H, W), so that they go together.

    Alpha and colours change from frame to frame only where the pictures do; in a loop the first
    frame follows the last.
    """
    looks = [picture.rgba for picture in pictures]
    alike = replace(
        settings,
        crop=False,
        margin=0,
        alpha=_edges(pictures, settings),
        # One frame of nothing says little about the others.
        on_empty=OnEmpty.WRITE,
    )
    mattes = steady(mattes, looks, is_loop=is_loop)
    cutouts = [make_cutout(p, matte, alike) for p, matte in zip(pictures, mattes, strict=True)]
    if settings.on_empty == OnEmpty.COPY and all(cutout.is_empty for cutout in cutouts):
        alike = replace(alike, on_empty=OnEmpty.COPY)
        cutouts = [make_cutout(p, matte, alike) for p, matte in zip(pictures, mattes, strict=True)]
    mattes = steady([cutout.matte for cutout in cutouts], looks, is_loop=is_loop)
    colors = [cutout.rgb for cutout in cutouts]
    if any(rgb is not picture.rgb for rgb, picture in zip(colors, pictures, strict=True)):
        colors = _steady_colors(colors, looks, is_loop=is_loop)
    frame = series_frame(
        mattes, threshold=CROP_ALPHA, margin=settings.margin if settings.crop else 0
    )
    box = frame.box if frame is not None and settings.crop else None
    return CutSeries(
        tuple(
            replace(cutout, rgb=rgb, matte=matte, box=box)
            for cutout, rgb, matte in zip(cutouts, colors, mattes, strict=True)
        ),
        None if frame is None else frame.pivot,
    )


def _edges(pictures: Sequence[Picture], settings: CutSettings) -> AlphaMode:
    """Decide once for all frames what each might decide otherwise: whether they are pixel art."""
    if settings.alpha != AlphaMode.AUTO:
        return settings.alpha
    count = sum(art_grid(picture.rgb) is not None for picture in pictures)
    return AlphaMode.HARD if 2 * count > len(pictures) else AlphaMode.SOFT


def _steady_colors(colors: Sequence[Rgb], looks: Sequence[Rgb], *, is_loop: bool) -> list[Rgb]:
    channels = [
        steady([np.ascontiguousarray(rgb[..., i]) for rgb in colors], looks, is_loop=is_loop)
        for i in range(3)
    ]
    return [np.dstack(planes) for planes in zip(*channels, strict=True)]
