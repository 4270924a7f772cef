"""One picture of a training set: found and checked once, then read by every process of a run."""

import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
from PIL import ExifTags

from birefcli.errors import PictureError, UsageError
from birefcli.image import (
    Alpha,
    Picture,
    Rgb,
    Rgba,
    identify,
    looks_hard,
    read_picture,
    write_atomic,
)
from birefcli.matte import network_view
from birefcli.metrics import matte_of
from birefcli.scenes import trim
from birefcli.settings import CutSettings

# Pixel art that is used as it is gets this large by whole factors, so that no resize blurs it.
WHOLE = 384


class PictureRole(StrEnum):
    """The part a picture plays in a scene."""

    PHOTO = "photo"  # with its own ground: a pair, or a transparent picture used as it is
    PIXEL_SPRITE = "pixel sprite"
    SMOOTH_SPRITE = "smooth sprite"
    GROUND = "ground"
    TILE = "tile"

    @property
    def is_sprite(self) -> bool:
        """Whether it is laid onto grounds."""
        return self in (PictureRole.PIXEL_SPRITE, PictureRole.SMOOTH_SPRITE)


class Split(StrEnum):
    """What a picture is for."""

    TRAIN = "train"
    VAL = "val"


@dataclass(frozen=True)
class Example:
    """A picture, and where its truth is: a mask's file, or its own alpha."""

    picture: Path
    label: Path | None = None
    kind: PictureRole = PictureRole.PHOTO
    class_name: str | None = None
    split: Split | None = None
    source: str = ""  # the set it belongs to

    @property
    def name(self) -> str:
        """What messages call it."""
        return self.picture.as_posix()


@dataclass(frozen=True, eq=False)
class LabelledPicture:
    """A picture and its true matte, decoded."""

    source: str
    rgb: Rgb  # (H, W, 3)
    mask: Alpha  # (H, W)
    name: str = ""


def write_examples(path: Path, examples: Iterable[Example]) -> None:
    """Keep the examples as JSON lines with full paths, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [
        json.dumps(
            {
                "picture": str(example.picture.absolute()),
                "label": None if example.label is None else str(example.label.absolute()),
                "kind": example.kind,
                "class": example.class_name,
                "split": example.split,
                "source": example.source,
            }
        )
        for example in examples
    ]
    write_atomic(path, ("\n".join(lines) + "\n").encode(), root=path.parent)


def read_examples(path: Path) -> list[Example]:
    """Read what `write_examples` kept."""
    try:
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        return [
            Example(
                picture=Path(row["picture"]),
                label=None if row["label"] is None else Path(row["label"]),
                kind=PictureRole(row["kind"]),
                class_name=row["class"],
                split=None if row["split"] is None else Split(row["split"]),
                source=row["source"],
            )
            for row in rows
        ]
    except (OSError, ValueError, KeyError) as error:
        raise UsageError(
            f"{path}, the list of what is trained on, cannot be read ({error}); "
            "start the run over with --redo"
        ) from error


def read_labelled(example: Example) -> LabelledPicture:
    """Decode a picture and its mask; a transparent one lies over a colour unlike its own.

    A file that cannot be used any more is a PictureError that names it.
    """
    picture = read(example.picture)
    rgb = network_view(picture)
    if example.label is None:
        mask = alpha_of(picture, example.name)
    else:
        mask = read_mask(example.label)
        if mask.shape != picture.size:
            raise PictureError(
                f"{example.label} has another size than {example.name}", reason="size"
            )
    if looks_hard(rgb):
        factor = max(1, WHOLE // max(rgb.shape[:2]))
        rgb, mask = (np.repeat(np.repeat(a, factor, 0), factor, 1) for a in (rgb, mask))
    return LabelledPicture(example.source, rgb, mask, example.name)


def read_sprite(example: Example) -> Rgba:
    """Decode a picture with alpha (H, W, 4), cut to the box of what is visible."""
    picture = read(example.picture)
    return trim(np.dstack([picture.rgb, alpha_of(picture, example.name)]))


def read_mask(path: Path) -> Alpha:
    """Decode a mask (H, W): its alpha where that says something, else its grey."""
    # Most masks are plain grey, and need no detour through colour.
    with suppress(Exception), path.open("rb") as stream:
        image = identify(stream)
        is_plain = image.mode in ("L", "1") and not image.has_transparency_data
        frames = getattr(image, "n_frames", 1)
        is_upright = image.getexif().get(ExifTags.Base.Orientation, 1) == 1
        if image.format == "PNG" and is_plain and is_upright and frames == 1:
            return np.array(image.convert("L"))
    return matte_of(read(path))


def read(path: Path) -> Picture:
    """Decode a file of any size that `cut` would take."""
    return read_picture(path, max_pixels=CutSettings.max_pixels)


def alpha_of(picture: Picture, name: str) -> Alpha:
    """Give the alpha (H, W) of a picture that must have one."""
    if picture.alpha is None:
        raise PictureError(f"{name} has no transparency any more", reason="no-alpha")
    return picture.alpha
