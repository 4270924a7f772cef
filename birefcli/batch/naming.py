"""Names of results: no two files of one output folder share one, and earlier names stay."""

import os
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath

from birefcli.batch.inputs import InputFile
from birefcli.batch.journal import NOTHING_KNOWN, KnownNames
from birefcli.errors import UsageError
from birefcli.image import fold, is_animated
from birefcli.settings import SUFFIXES, CutSettings, Product

# Files of these names stay what they are where they hold an animation; any other becomes a png.
_MOVING = {".gif", ".webp", ".apng"}
_NUMBER = re.compile(r"~\d+(?=(\.[^.]*)?$)")
# Who holds a name that no picture of this run may take.
_ELSEWHERE = -1

Targets = dict[Product, str]


@dataclass(frozen=True)
class Place:
    """Where one source's results belong before their names are settled."""

    source: InputFile
    name: str  # the source as the journal knows it
    root: Path | None
    parent: PurePosixPath  # below the root
    file: str  # the name of the source's file
    is_alone: bool = False  # the root holds the pieces of this picture only

    @cached_property
    def suffix(self) -> str:
        """What the cutout's name ends in, where nothing else was asked."""
        path = self.source.path
        if path is None or path.suffix.lower() not in _MOVING or not is_animated(path):
            return ".png"
        return path.suffix.lower()


def name_results(
    places: Sequence[Place], settings: CutSettings, known: KnownNames
) -> list[Targets]:
    """Give each place of one root its targets; no two are one file on any file system.

    Where two would meet both keep their source's suffix, and are numbered where that is not
    enough; names that are known stay as they are. A run that goes on gives the names that the
    broken one would have given.
    """
    kept = _kept_once([_kept(place, i, settings, known) for i, place in enumerate(places)])
    crowd = _Crowd(places, settings)
    crowd.spread([{} for _ in places], NOTHING_KNOWN)
    wanted, holders, meeting = crowd.spread(kept, known)
    return _numbered(wanted, kept, meeting, holders)


@dataclass
class _Crowd:
    """Pictures of one root, of which those whose names collide keep their suffix."""

    places: Sequence[Place]
    settings: CutSettings
    full: set[int] = field(default_factory=set)  # those that keep it

    def spread(
        self, kept: Sequence[Targets], known: KnownNames
    ) -> tuple[list[Targets], dict[str, set[int]], set[int]]:
        """Keep suffixes where names collide; give names, their holders, and who still collides."""
        while True:
            wanted = [
                wanted_targets(place, i, self.settings, i in self.full) | kept[i]
                for i, place in enumerate(self.places)
            ]
            holders = _holders(wanted, self.places, known)
            meeting = {
                i
                for i, targets in enumerate(wanted)
                if any(
                    product not in kept[i] and holders[fold(target)] != {i}
                    for product, target in targets.items()
                )
            }
            if meeting <= self.full:
                return wanted, holders, meeting
            self.full |= meeting


def wanted_targets(
    place: Place, index: int, settings: CutSettings, keeps_suffix: bool = False
) -> Targets:
    """Name the results of one picture as if it were alone.

    Raise UsageError where `--name` cannot be filled or gives two products one name.
    """
    file = PurePosixPath(place.file)
    stem = file.name if keeps_suffix else file.stem
    targets: Targets = {}
    if settings.has_pieces:
        targets[next(p for p in settings.emit if p != Product.PREVIEW)] = _pieces_json(
            place, file, stem, settings, index + 1
        )
    for product in settings.emit:
        if settings.has_pieces and product != Product.PREVIEW:
            continue
        if settings.name is not None:
            name = _from_template(settings, file, stem, product, index + 1)
        elif product == Product.CUTOUT:
            name = f"{stem}_cut" if place.root is None else stem
        else:
            name = f"{stem}_{product}"
        targets[product] = _below(place, name + _suffix(place, product, settings))
    if len({fold(target) for target in targets.values()}) < len(targets):
        raise UsageError(f"--name {settings.name!r} gives two products one name; add {{product}}")
    return targets


def _pieces_json(
    place: Place, file: PurePosixPath, stem: str, settings: CutSettings, number: int
) -> str:
    """Name the JSON beside the pieces of a picture, which are numbered after it: a/a.json."""
    name = stem
    if settings.name is not None:
        name = _from_template(settings, file, stem, Product.CUTOUT, number)
        if PurePosixPath(name).suffix.lower() in SUFFIXES:
            name = str(PurePosixPath(name).with_suffix(""))
    leaf = PurePosixPath(name).name
    return _below(place, f"{name}.json" if place.is_alone else f"{name}/{leaf}.json")


def _suffix(place: Place, product: Product, settings: CutSettings) -> str:
    """Give the suffix of a result, unless --name has one already."""
    if settings.name is None or _template_suffix(settings.name) not in SUFFIXES:
        if settings.pack is not None and product == Product.CUTOUT:
            return ".png"
        if settings.format is not None:
            return f".{settings.format}"
        # A gif has too few colours for a mask or a preview.
        is_held = product == Product.CUTOUT or place.suffix != ".gif"
        return place.suffix if is_held else ".png"
    if settings.format not in (None, SUFFIXES[_template_suffix(settings.name)]):
        raise UsageError(f"--format {settings.format} does not go with --name {settings.name}")
    return ""


def _template_suffix(template: str) -> str:
    return PurePosixPath(template).suffix.lower()


def _from_template(
    settings: CutSettings, file: PurePosixPath, stem: str, product: Product, number: int
) -> str:
    """Fill --name; without {product} in it, every product but the cutout is told apart."""
    assert settings.name is not None
    fields = {
        "stem": stem,
        "suffix": file.suffix.lstrip("."),
        "product": product.value,
        "n": number,
    }
    template = settings.name
    if "{product" not in template and product != Product.CUTOUT and len(settings.emit) > 1:
        path = PurePosixPath(template)
        is_known = path.suffix.lower() in SUFFIXES
        end = len(template) - len(path.suffix) if is_known else len(template)
        template = f"{template[:end]}_{{product}}{template[end:]}"
    try:
        name = template.format_map(fields)
    except (KeyError, ValueError, IndexError, AttributeError, TypeError) as error:
        raise UsageError(
            f"--name {settings.name!r} cannot be filled ({type(error).__name__}: {error}); "
            "it knows {stem}, {suffix}, {product} and {n} (as {n:04})"
        ) from error
    if not name or name.endswith(("/", "\\")):
        raise UsageError(f"--name {settings.name!r} gives an empty file name")
    return name


def _below(place: Place, name: str) -> str:
    """Join a name to its folder; one that climbs out of it is refused."""
    inside = PurePosixPath(name.replace("\\", "/") if os.sep == "\\" else name)
    is_drive = os.name == "nt" and re.match(r"^[A-Za-z]:", name)
    if inside.is_absolute() or ".." in inside.parts or is_drive or "\0" in name:
        raise UsageError(f"--name would write {name!r}, outside the output folder")
    if any(part.startswith(".birefcli") for part in inside.parts):
        raise UsageError("--name cannot begin with .birefcli")
    return (place.parent / inside).as_posix()


def _kept(place: Place, index: int, settings: CutSettings, known: KnownNames) -> Targets:
    """Find the names the journal has for these results of this picture."""
    mine: dict[str, str] = {}
    for target in known.targets.get(place.name, ()):
        mine.setdefault(fold(_NUMBER.sub("", target)), target)
    mine |= {fold(target): target for target in known.targets.get(place.name, ())}
    kept: Targets = {}
    for keeps_suffix in (False, True) if mine else ():
        for product, target in wanted_targets(place, index, settings, keeps_suffix).items():
            if fold(target) in mine:
                kept.setdefault(product, mine[fold(target)])
    return kept


def _kept_once(kept: Sequence[Targets]) -> list[Targets]:
    """Let the first picture have what a journal gives to several, as one merged by hand may."""
    taken: set[str] = set()
    once = []
    for targets in kept:
        once.append({p: target for p, target in targets.items() if fold(target) not in taken})
        taken |= {fold(target) for target in targets.values()}
    return once


def _holders(
    wanted: Sequence[Targets], places: Sequence[Place], known: KnownNames
) -> dict[str, set[int]]:
    """Tell which pictures hold each name: by wish, by the journal, or as a folder on the way."""
    holders: dict[str, set[int]] = defaultdict(set)
    indices = {place.name: i for i, place in enumerate(places)}
    for name, targets in known.targets.items():
        for target in targets:
            holders[fold(target)].add(indices.get(name, _ELSEWHERE))
    for i, named in enumerate(wanted):
        for target in named.values():
            holders[fold(target)].add(i)
            for folder in _folders(target):
                holders[fold(folder)].add(_ELSEWHERE)
    return holders


def _folders(target: str) -> Iterator[str]:
    """Give the folders a target lies in; the root itself is none of them."""
    parents = PurePosixPath(target).parents
    return (folder.as_posix() for folder in parents if folder.name)


def _numbered(
    wanted: Sequence[Targets],
    kept: Sequence[Targets],
    meeting: set[int],
    holders: Mapping[str, set[int]],
) -> list[Targets]:
    """Number what still meets although every suffix was kept: a.jpg beside a.JPG."""
    taken = {name for name, who in holders.items() if who - meeting}
    taken |= {fold(target) for targets in kept for target in targets.values()}
    settled = []
    for i, targets in enumerate(wanted):
        if i in meeting:
            free = {p: target for p, target in targets.items() if p not in kept[i]}
            targets = targets | _first_free(free, taken)
            taken |= {fold(target) for target in targets.values()}
        settled.append(targets)
    return settled


def _first_free(targets: Targets, taken: set[str]) -> Targets:
    number = 1
    free = targets
    while any(fold(target) in taken for target in free.values()):
        number += 1
        free = {product: _with_number(target, number) for product, target in targets.items()}
    return free


def _with_number(target: str, number: int) -> str:
    path = PurePosixPath(target)
    return path.with_name(f"{path.stem}~{number}{path.suffix}").as_posix()
