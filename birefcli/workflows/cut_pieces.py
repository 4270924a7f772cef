"""What `--split` and `--pack` write: things and frames as files of their own, or on one sheet."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from birefcli.batch import CutJob
from birefcli.errors import PictureError, UsageError
from birefcli.image import AtlasForm, Mask, Picture, Tag, atlas_to_json, pack, to_uint8
from birefcli.matte import (
    Box,
    Cutout,
    CutSeries,
    bounding_box,
    cells,
    find_things,
    pad_box,
    render,
    series_frame,
)
from birefcli.settings import CutSettings, Format, Product
from birefcli.workflows.cut_files import as_rgba, encode_still


@dataclass(frozen=True, eq=False)
class Piece:
    """A part of a result that stands by itself: a thing, a cell of a sheet, or a frame."""

    number: int  # from 1
    picture: Picture  # as much of the source as is kept
    cutout: Cutout
    box: Box  # where it lay in the source, or in its frame
    pivot: tuple[float, float]  # x and y in the piece
    duration: float | None = None  # milliseconds, of a frame


def taken(settings: CutSettings) -> frozenset[Product]:
    """Give the products that are written as pieces and not as a picture."""
    if settings.pack is not None:
        return frozenset({Product.CUTOUT})
    return frozenset({Product.CUTOUT, Product.MASK} if settings.split else ())


def pieces_of_still(picture: Picture, cutout: Cutout, settings: CutSettings) -> list[Piece]:
    """Take a result apart by its things or cells; without --split it is one piece."""
    alpha = to_uint8(cutout.matte * 255)
    whole = (0, 0, picture.size[1], picture.size[0])
    if not settings.split:
        box = cutout.box or whole
        return [_piece(1, picture, cutout, box, pivot=_below(_around(alpha, box)))]
    if settings.sheet is None:
        margin = settings.margin if settings.crop else 0
        return [
            _piece(
                *(i, picture, cutout, pad_box(thing.box, margin, picture.size)),
                pivot=thing.pivot,
                mask=_placed(thing.mask, thing.box, picture.size),
            )
            for i, thing in enumerate(find_things(alpha), 1)
        ]
    try:
        boxes = cells(picture.size, settings.sheet, alpha)
    except UsageError as error:
        raise PictureError(f"{error}", reason="sheet") from error
    return _pieces_of_cells(picture, cutout, boxes, settings)


def _pieces_of_cells(
    picture: Picture, cutout: Cutout, boxes: Sequence[Box], settings: CutSettings
) -> list[Piece]:
    """Give the cells that show something, numbered as cells.

    Cells of one size have their pivot in one place, below the middle of all they show.
    """
    alphas = [cutout.matte[t:b, left:r] for left, t, r, b in boxes]
    frame = series_frame(alphas) if len({alpha.shape for alpha in alphas}) == 1 else None
    pieces = []
    for number, (alpha, cell) in enumerate(zip(alphas, boxes, strict=True), 1):
        inner = bounding_box(alpha, 0)
        if inner is None:
            continue
        x, y = frame.pivot if frame is not None else _below(inner)
        box = cell
        if settings.crop:
            a, b, c, d = pad_box(inner, settings.margin, (alpha.shape[0], alpha.shape[1]))
            box = (cell[0] + a, cell[1] + b, cell[0] + c, cell[1] + d)
        pieces.append(_piece(number, picture, cutout, box, pivot=(cell[0] + x, cell[1] + y)))
    return pieces


def pieces_of_series(
    pictures: Sequence[Picture], series: CutSeries, durations: Sequence[float]
) -> list[Piece]:
    """Give every frame of an animation as a piece."""
    height, width = pictures[0].size
    box = series.box or (0, 0, width, height)
    return [
        replace(
            _piece(i, picture, cutout, box, pivot=series.pivot or _below(box)), duration=duration
        )
        for i, (picture, cutout, duration) in enumerate(
            zip(pictures, series.cutouts, durations, strict=True), 1
        )
    ]


def piece_files(
    job: CutJob, pieces: Sequence[Piece], settings: CutSettings, *, size: tuple[int, int]
) -> dict[str, bytes]:
    """Encode pieces as files of their own, or as one sheet; the JSON about them comes last."""
    if settings.pack is not None:
        return _packed(job, pieces, settings)
    emitted = [product for product in settings.emit if product in taken(settings)]
    about = PurePosixPath(job.targets[emitted[0]])
    format = settings.piece_format
    files: dict[str, bytes] = {}
    rows = []
    for piece, name in zip(pieces, _names(about.stem, pieces), strict=True):
        row: dict[str, Any] = {}
        for product in emitted:
            ending = "_mask" if product == Product.MASK else ""
            file = f"{name}{ending}.{format}"
            array = render(piece.cutout, piece.picture, product, format, settings)
            files[about.with_name(file).as_posix()] = encode_still(
                array, format, piece.picture, settings
            )
            row["mask" if ending else "file"] = file
        rows.append(row | _facts(piece))
    source = "-" if job.source.path is None else job.source.path.name
    told = {"source": source, "size": {"w": size[1], "h": size[0]}, "pieces": rows}
    text = json.dumps({"app": "birefcli", **told}, indent=1, ensure_ascii=True) + "\n"
    return {**files, about.as_posix(): text.encode()}


def is_piece_of(job: CutJob, target: str, settings: CutSettings) -> bool:
    """Tell whether a target is named as the pieces of a job are."""
    if not settings.has_pieces:
        return False
    about = next(PurePosixPath(t) for p, t in job.targets.items() if p in taken(settings))
    path = PurePosixPath(target)
    number = path.stem.removeprefix(f"{about.stem}_").removesuffix("_mask")
    return path.parent == about.parent and path.stem != number and number.isdigit()


def _packed(job: CutJob, pieces: Sequence[Piece], settings: CutSettings) -> dict[str, bytes]:
    """Lay pieces on one sheet, with the JSON that engines read."""
    assert settings.pack is not None
    target = PurePosixPath(job.targets[Product.CUTOUT])
    about = target.with_suffix(".json").as_posix()
    unwidened = replace(settings, pot=False)
    arrays = [
        as_rgba(render(one.cutout, one.picture, Product.CUTOUT, Format.PNG, unwidened))
        for one in pieces
    ] or [np.zeros((1, 1, 4), np.uint8)]
    names = [f"{name}.png" for name in _names(target.stem, pieces)] or [target.name]
    is_moving = any(one.duration is not None for one in pieces)
    try:
        atlas = pack(
            arrays,
            names,
            durations=[one.duration or 0 for one in pieces] if is_moving else None,
            pivots=[one.pivot for one in pieces] or None,
            padding=settings.padding,
            extrude=settings.extrude,
            power_of_two=settings.pot,
        )
    except UsageError as error:
        raise PictureError(f"{job.source.name}: {error}", reason="too-large") from error
    tags = [Tag(target.stem, 0, len(pieces) - 1)] if is_moving else []
    form: AtlasForm = settings.pack.value
    plain = Picture(atlas.rgba[..., :3], None, None, None)
    source = pieces[0].picture if pieces else plain
    return {
        target.as_posix(): encode_still(atlas.rgba, Format.PNG, source, settings),
        about: atlas_to_json(atlas, form, image=target.name, tags=tags),
    }


def _names(stem: str, pieces: Sequence[Piece]) -> list[str]:
    digits = max(2, len(str(max((piece.number for piece in pieces), default=0))))
    return [f"{stem}_{piece.number:0{digits}}" for piece in pieces]


def _facts(piece: Piece) -> dict[str, Any]:
    left, top, right, bottom = piece.box
    facts: dict[str, Any] = {
        "rectangle": {"x": left, "y": top, "w": right - left, "h": bottom - top},
        "pivot": {"x": piece.pivot[0], "y": piece.pivot[1]},
    }
    return facts if piece.duration is None else {**facts, "duration": piece.duration}


def _piece(
    number: int,
    picture: Picture,
    cutout: Cutout,
    box: Box,
    *,
    pivot: tuple[float, float],
    mask: Mask | None = None,
) -> Piece:
    """Take a box out of a picture, and of it only what the mask (H, W) shows."""
    left, top, right, bottom = box
    place = np.s_[top:bottom, left:right]

    def part(array: NDArray[Any]) -> NDArray[Any]:
        return np.ascontiguousarray(array[place])

    matte = part(cutout.matte)
    if mask is not None:
        matte = np.where(mask[place], matte, np.float32(0))
    alpha = None if picture.alpha is None else part(picture.alpha)
    return Piece(
        number,
        replace(picture, rgb=part(picture.rgb), alpha=alpha),
        replace(cutout, rgb=part(cutout.rgb), matte=matte, box=None),
        box,
        (pivot[0] - left, pivot[1] - top),
    )


def _placed(mask: Mask, box: Box, size: tuple[int, int]) -> Mask:
    """Give the mask of a thing as one of the whole picture."""
    whole = np.zeros(size, np.bool_)
    whole[box[1] : box[3], box[0] : box[2]] = mask
    return whole


def _around(alpha: NDArray[np.uint8], box: Box) -> Box:
    """Give the box around all that is visible, or the one given where nothing is."""
    return bounding_box(alpha.astype(np.float32), 0) or box


def _below(box: Box) -> tuple[float, float]:
    """Give the middle of a box's bottom."""
    return (box[0] + box[2]) / 2, float(box[3])
