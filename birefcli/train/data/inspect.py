"""Every file of a set looked at before the first step, and a report of what was found."""

import hashlib
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from io import BytesIO
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import ExifTags

from birefcli.errors import PictureError
from birefcli.image import Alpha, Rgb, identify, looks_hard
from birefcli.train.data.examples import Example, PictureRole, read, read_mask
from birefcli.train.data.near_duplicates import Fingerprint, fingerprint

_T = TypeVar("_T")
_R = TypeVar("_R")

LISTED = 5  # names of a finding that are told
# Labels within this of 0 or 255 are decided; a few pixels of a binary mask may be neither.
DECIDED = 12
FEW = 0.001
# So many of the visible pixels of pixel art are solid.
MOSTLY = 0.75
# A ground that is nearly square and this small is a tile.
TILE = 64
# These are decoded at about this size, which takes a fraction of the time.
JPEG = (".jpg", ".jpeg")
_DRAFT = 256


class Problem(StrEnum):
    """What can be wrong, or at least odd, with a picture of a set."""

    UNPAIRED = "without a partner"
    UNLABELLED = "with neither a mask nor transparency"
    OPAQUE = "RGBA but opaque everywhere"
    UNREADABLE = "unreadable"
    MISSIZED = "of another size than the mask"
    TRANSPARENT = "fully transparent"
    SEE_THROUGH = "grounds with transparency"
    DUPLICATE = "the same file as another"
    LEAKING = "looking like a validation picture"
    EMPTY = "with an empty mask"
    FULL = "with a mask that covers everything"
    ALIKE = "looking like another"

    @property
    def is_kept(self) -> bool:
        """Whether such pictures are trained on all the same."""
        return self in (Problem.EMPTY, Problem.FULL, Problem.ALIKE)

    @property
    def is_bad(self) -> bool:
        """Whether `on_bad = fail` refuses a set for it."""
        return not self.is_kept and self not in (Problem.DUPLICATE, Problem.LEAKING)


@dataclass(frozen=True)
class DataFinding:
    """One problem and the pictures that have it."""

    problem: Problem
    names: tuple[str, ...]

    def __str__(self) -> str:
        fate = "kept" if self.problem.is_kept else "left out"
        return f"{fate}: {len(self.names)} {self.problem}: {listed(self.names)}"


@dataclass(frozen=True)
class DataReport:
    """What was found in the data before the first step."""

    findings: tuple[DataFinding, ...] = ()
    notes: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """Give the notes and the findings in words, one a line."""
        return [*self.notes, *map(str, self.findings)]


@dataclass(frozen=True, eq=False)
class InspectedPicture:
    """A picture that was looked at: its size, what its label holds, and how it looks."""

    example: Example
    size: tuple[int, int]  # height, width
    low: int  # the label's extremes, 0…255
    high: int
    is_soft: bool
    fingerprint: Fingerprint
    problem: Problem | None = None
    detail: str = ""

    @property
    def is_usable(self) -> bool:
        """Whether it can be trained on."""
        return self.problem is None or self.problem.is_kept

    @property
    def text(self) -> str:
        """What a finding calls it."""
        return self.detail or self.example.name


def inspect_all(examples: Sequence[Example], *, as_is: bool) -> list[InspectedPicture]:
    """Look at every example, in order; a few files at a time, none of them kept."""
    return _at_once(lambda example: inspect_picture(example, as_is=as_is), examples)


def inspect_grounds(paths: Sequence[Path]) -> list[Example | DataFinding]:
    """Look at every ground, in order; one that cannot be used is a finding."""
    return _at_once(inspect_ground, paths)


def _at_once(function: Callable[[_T], _R], items: Iterable[_T]) -> list[_R]:
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        return list(pool.map(function, items))


def inspect_picture(example: Example, *, as_is: bool) -> InspectedPicture:
    """Decode a picture and its label and note what a training has to know about them."""
    try:
        if example.label is not None:
            return _look_at_pair(example)
        return _look_at_sprite(example, as_is=as_is)
    except PictureError as error:
        return _refused(example, Problem.UNREADABLE, str(error))


def findings_of(seen: Iterable[InspectedPicture]) -> list[DataFinding]:
    """Gather what is wrong, in the order of the problems."""
    names: dict[Problem, list[str]] = defaultdict(list)
    for one in seen:
        if one.problem is not None:
            names[one.problem].append(one.text)
    return [DataFinding(problem, tuple(names[problem])) for problem in Problem if names[problem]]


def drop_duplicates(seen: Sequence[InspectedPicture]) -> list[InspectedPicture]:
    """Mark the examples whose files equal those of an earlier one, byte for byte."""
    lengths = Counter(_lengths(one.example) for one in seen)
    first: dict[str, InspectedPicture] = {}

    def marked(one: InspectedPicture) -> InspectedPicture:
        # Files of different length need not be read.
        if lengths[_lengths(one.example)] == 1:
            return one
        twin = first.setdefault(_digest(one.example), one)
        detail = f"{one.example.name} (as {twin.example.picture.name})"
        return one if twin is one else replace(one, problem=Problem.DUPLICATE, detail=detail)

    return [marked(one) for one in seen]


def inspect_ground(path: Path) -> Example | DataFinding:
    """Sort a ground by its size: a small square repeats as a tile."""
    try:
        if path.suffix.lower() in JPEG:
            size, _ = _reduced(path)
        else:
            picture = read(path)
            size = picture.size
            if picture.alpha is not None and picture.alpha.min() < 255:
                return DataFinding(Problem.SEE_THROUGH, (path.as_posix(),))
    except PictureError as error:
        return DataFinding(Problem.UNREADABLE, (str(error),))
    short, long = sorted(size)
    is_tile = long <= TILE and long <= 1.5 * short
    return Example(path, kind=PictureRole.TILE if is_tile else PictureRole.GROUND)


def describe(seen: Sequence[InspectedPicture]) -> list[str]:
    """Say how large the accepted pictures are and what their labels are like."""
    sizes = [one.size for one in seen]
    small, large = min(sizes, key=_area), max(sizes, key=_area)
    soft = sum(one.is_soft for one in seen)
    kinds = Counter(one.example.kind for one in seen)
    parts = ", ".join(f"{count} {kind}{'s' * (count > 1)}" for kind, count in kinds.items())
    return [
        f"{len(seen)} pictures: {parts}; {small[1]}x{small[0]} to {large[1]}x{large[0]} pixels",
        f"labels: {len(seen) - soft} binary, {soft} soft",
    ]


def listed(names: Sequence[str], limit: int = LISTED) -> str:
    """Join names; a long list is cut."""
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more


def _area(size: tuple[int, int]) -> int:
    return size[0] * size[1]


# ---- looking ---------------------------------------------------------------------------------


def _look_at_pair(example: Example) -> InspectedPicture:
    assert example.label is not None
    size, rgb = _reduced(example.picture)
    label = read_mask(example.label)
    low, high, is_soft = _label_facts(label)
    seen = InspectedPicture(example, size, low, high, is_soft, fingerprint(rgb))
    if label.shape != size:
        sides = f"{size[1]}x{size[0]}, mask {label.shape[1]}x{label.shape[0]}"
        return replace(seen, problem=Problem.MISSIZED, detail=f"{example.name} ({sides})")
    return replace(seen, problem=_extreme(low, high))


def _look_at_sprite(example: Example, *, as_is: bool) -> InspectedPicture:
    picture = read(example.picture)
    if picture.alpha is None:
        return _refused(example, Problem.UNLABELLED)
    low, high, is_soft = _label_facts(picture.alpha)
    visible = np.where(picture.alpha[..., None] > 0, picture.rgb, np.uint8(0))
    if as_is:
        kind = PictureRole.PHOTO
    else:
        is_pixel = looks_hard(visible) and _is_mostly_hard(picture.alpha)
        kind = PictureRole.PIXEL_SPRITE if is_pixel else PictureRole.SMOOTH_SPRITE
    looks = fingerprint(picture.rgb, picture.alpha)
    seen = InspectedPicture(replace(example, kind=kind), picture.size, low, high, is_soft, looks)
    if _extreme(low, high) == Problem.FULL:
        return replace(seen, problem=Problem.OPAQUE)
    if high < DECIDED:
        return replace(seen, problem=Problem.TRANSPARENT)
    return seen


def _reduced(path: Path) -> tuple[tuple[int, int], Rgb]:
    """Give a picture's upright size and its pixels, of a JPEG only about as many as are needed."""
    if path.suffix.lower() in JPEG:
        with suppress(Exception), path.open("rb") as stream:
            image = identify(BytesIO(stream.read()))
            if image.format == "JPEG" and image.mode in ("RGB", "L"):
                width, height = image.size
                is_turned = image.getexif().get(ExifTags.Base.Orientation, 1) >= 5
                image.draft(image.mode, (_DRAFT, _DRAFT))
                rgb = np.asarray(image.convert("RGB"))
                if is_turned:
                    width, height = height, width
                    rgb = np.ascontiguousarray(rgb.swapaxes(0, 1))
                return (height, width), rgb
    # Every other kind, and whatever is wrong with this one.
    picture = read(path)
    return picture.size, picture.rgb


def _label_facts(label: Alpha) -> tuple[int, int, bool]:
    """Give a label's lowest and highest value, and whether it has more than two."""
    between = np.count_nonzero((label > DECIDED) & (label < 255 - DECIDED))
    return int(label.min()), int(label.max()), bool(between > FEW * label.size)


def _is_mostly_hard(alpha: Alpha) -> bool:
    """Whether few of the visible pixels are half transparent: pixel art may have a soft shadow."""
    visible = np.count_nonzero(alpha > DECIDED)
    return bool(np.count_nonzero(alpha > 255 - DECIDED) >= MOSTLY * visible)


def _extreme(low: int, high: int) -> Problem | None:
    if high < DECIDED:
        return Problem.EMPTY
    return Problem.FULL if low > 255 - DECIDED else None


def _refused(example: Example, problem: Problem, detail: str = "") -> InspectedPicture:
    nothing = Fingerprint(0, np.zeros((1, 1, 4), np.uint8), 1.0)
    return InspectedPicture(example, (0, 0), 0, 0, False, nothing, problem, detail)


def _lengths(example: Example) -> tuple[int, int]:
    label = example.label
    return example.picture.stat().st_size, 0 if label is None else label.stat().st_size


def _digest(example: Example) -> str:
    digest = hashlib.sha256()
    for path in (example.picture, example.label):
        if path is not None:
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
