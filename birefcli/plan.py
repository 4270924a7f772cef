"""Where every result goes: inputs become jobs with targets, decided before anything is read."""

import os
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from birefcli.errors import UsageError
from birefcli.inputs import STDIN, Inputs, Source
from birefcli.settings import CutSettings, Format, Product

STDOUT = "-"
SUFFIXES = {".png": Format.PNG, ".webp": Format.WEBP, ".jpg": Format.JPG, ".jpeg": Format.JPG}
# A name with one of these was meant as a file, not as a folder.
_OTHER_PICTURES = {".avif", ".bmp", ".gif", ".heic", ".ico", ".jp2", ".psd", ".tif", ".tiff"}


@dataclass(frozen=True)
class Job:
    """One picture to cut: its source, and the files that will hold the results.

    Targets are paths below the root; without a root the job stands by itself, keeps no journal,
    and its targets are ordinary paths. A target of `-` is standard output.
    """

    source: Source
    name: str  # the source as the journal knows it: relative to the folder it was found in
    root: Path | None
    targets: dict[Product, str]

    def path(self, product: Product) -> Path:
        """Give the path of a result."""
        target = self.targets[product]
        return Path(target) if self.root is None else self.root / target


@dataclass(frozen=True)
class Plan:
    """All jobs in order, and the output folders they write to."""

    jobs: tuple[Job, ...]
    roots: tuple[Path, ...]


@dataclass(frozen=True)
class _Place:
    """Where one source's results belong before names are settled."""

    source: Source
    root: Path | None
    parent: PurePosixPath  # below the root
    name: str


def make_plan(
    inputs: Inputs, settings: CutSettings, known: Mapping[Path, Mapping[str, Sequence[str]]]
) -> Plan:
    """Give every source its targets; `known` are the names each root's journal already holds.

    A target that would overwrite an input, or lie outside its root, is a UsageError.
    """
    single = _single_target(inputs, settings)
    if single is not None:
        job = Job(inputs.sources[0], inputs.sources[0].name, None, single)
        plan = Plan((job,), ())
    else:
        places = [_place(source, inputs, settings) for source in inputs.sources]
        by_root: dict[Path | None, list[_Place]] = defaultdict(list)
        for place in places:
            by_root[place.root].append(place)
        jobs: dict[Source, Job] = {}
        for root, members in by_root.items():
            for job in _named(members, settings, known.get(root, {}) if root else {}):
                jobs[job.source] = job
        roots = tuple(root for root in by_root if root is not None)
        plan = Plan(tuple(jobs[source] for source in inputs.sources), roots)
    _check_inputs_stay(plan, inputs)
    return plan


def output_roots(inputs: Inputs, settings: CutSettings) -> tuple[Path, ...]:
    """List the output folders a plan for these inputs will write to."""
    if _single_target(inputs, settings) is not None:
        return ()
    roots = (_place(source, inputs, settings).root for source in inputs.sources)
    return tuple(dict.fromkeys(root for root in roots if root is not None))


# ---- one picture, one file -------------------------------------------------------------------


def _single_target(inputs: Inputs, settings: CutSettings) -> dict[Product, str] | None:
    """Give the targets when the result is one file, standard output, or lies beside its source."""
    source = inputs.sources[0]
    is_one = len(inputs.sources) == 1 and source.folder is None and not inputs.folders
    if settings.out == STDOUT or (source.path is None and settings.out is None):
        if not is_one:
            raise UsageError("-o - takes exactly one picture; give a folder for several")
        if len(settings.emit) > 1:
            raise UsageError("standard output takes one product; give one --emit, or -o FOLDER")
        return {settings.emit[0]: STDOUT}
    if settings.out is None:
        return None
    suffix = Path(settings.out).suffix.lower()
    if (
        suffix in SUFFIXES
        and is_one
        and len(settings.emit) == 1
        and not Path(settings.out).is_dir()
    ):
        if settings.format not in (None, SUFFIXES[suffix]):
            raise UsageError(f"--format {settings.format} does not go with -o {settings.out}")
        return {settings.emit[0]: settings.out}
    if suffix in _OTHER_PICTURES and not Path(settings.out).is_dir():
        raise UsageError(f"cannot write {suffix}; choose png, webp or jpg")
    if suffix in SUFFIXES and not Path(settings.out).is_dir():
        what = "several products" if is_one else "several pictures"
        raise UsageError(f"-o {settings.out} is one file but there are {what}; give a folder")
    return None


# ---- folders ---------------------------------------------------------------------------------


def _place(source: Source, inputs: Inputs, settings: CutSettings) -> _Place:
    """Decide the output folder of a source, and where below it the result lies."""
    if source.path is None:
        return _Place(source, Path(str(settings.out)), PurePosixPath(), STDIN)
    if source.folder is None:
        if settings.out is None:
            return _Place(source, None, PurePosixPath(source.path.parent), source.path.name)
        return _Place(source, Path(settings.out), PurePosixPath(), source.path.name)
    inside = PurePosixPath(source.path.relative_to(source.folder).as_posix())
    if settings.out is None:
        return _Place(source, beside(source.folder), inside.parent, inside.as_posix())
    prefix = _folder_prefix(source.folder, inputs.folders)
    return _Place(source, Path(settings.out), prefix / inside.parent, (prefix / inside).as_posix())


def beside(folder: Path) -> Path:
    """Give the output folder of an input folder: `photos_cut` beside `photos`."""
    full = Path(os.path.abspath(folder))  # noqa: PTH100 (a link keeps its own name)
    if not full.name:
        raise UsageError(f"say with -o where the results of {folder} shall go")
    named = folder if folder.name not in ("", "..") else full
    return named.with_name(full.name + "_cut")


def _folder_prefix(folder: Path, folders: Sequence[Path]) -> PurePosixPath:
    """Give the name a folder keeps among several: as many of its last parts as set it apart."""
    if len(folders) == 1:
        return PurePosixPath()
    parts = [Path(os.path.abspath(other)).parts for other in folders]  # noqa: PTH100
    mine = Path(os.path.abspath(folder)).parts  # noqa: PTH100
    for length in range(1, len(mine) + 1):
        tail = mine[-length:]
        if sum(other[-length:] == tail for other in parts) == 1:
            break
    return PurePosixPath(*(part for part in tail if part not in (os.sep, "/")))


# ---- names -----------------------------------------------------------------------------------


def _named(
    places: Sequence[_Place], settings: CutSettings, known: Mapping[str, Sequence[str]]
) -> list[Job]:
    """Name the results of one root so that no two meet, on any file system.

    Where two would meet both keep their suffix; names the journal knows stay as they are.
    """
    full: set[str] = set()  # sources that keep their suffix
    while True:
        jobs = [_job(place, i, settings, place.name in full) for i, place in enumerate(places, 1)]
        jobs = [_as_known(job, known) for job in jobs]
        owners: dict[str, list[Job]] = defaultdict(list)
        for job in jobs:
            for target in job.targets.values():
                owners[fold(target)].append(job)
        for target, sources in _reserved(known, {job.name for job in jobs}).items():
            owners[target] += sources
        meeting = {
            job.name
            for group in owners.values()
            if len(group) > 1
            for job in group
            if not _is_known(job, known)
        }
        if meeting <= full:
            return _numbered(jobs, owners, known)
        full |= meeting


def _job(place: _Place, number: int, settings: CutSettings, keeps_suffix: bool) -> Job:
    path = PurePosixPath(place.name)
    stem = path.name if keeps_suffix else path.stem
    targets = {}
    for product in settings.emit:
        suffix = f".{settings.format or Format.PNG}"
        if settings.name is not None:
            name = _from_template(settings, path, stem, product, number)
        elif product == Product.CUTOUT:
            name = f"{stem}_cut" if place.root is None else stem
        else:
            name = f"{stem}_{product}"
        targets[product] = _below(place.parent, name + suffix, place.root)
    return Job(place.source, place.name, place.root, targets)


def _from_template(
    settings: CutSettings, path: PurePosixPath, stem: str, product: Product, number: int
) -> str:
    """Fill --name; without {product} in it, every product but the cutout is told apart."""
    assert settings.name is not None
    fields = {
        "stem": stem,
        "suffix": path.suffix.lstrip("."),
        "product": product.value,
        "n": number,
    }
    try:
        name = settings.name.format_map(fields)
    except (KeyError, ValueError, IndexError, AttributeError) as error:
        raise UsageError(
            f"--name {settings.name!r} cannot be filled ({error}); "
            "it knows {stem}, {suffix}, {product} and {n} (as {n:04})"
        ) from error
    if not name or name.endswith(("/", "\\")):
        raise UsageError(f"--name {settings.name!r} gives an empty file name")
    is_told_apart = "{product" in settings.name or product == Product.CUTOUT
    return name if is_told_apart or len(settings.emit) == 1 else f"{name}_{product}"


def _below(parent: PurePosixPath, name: str, root: Path | None) -> str:
    """Join a name to its folder; one that climbs out of it is refused."""
    inside = PurePosixPath(name.replace("\\", "/") if os.sep == "\\" else name)
    if inside.is_absolute() or ".." in inside.parts or re.match(r"^[A-Za-z]:", name):
        raise UsageError(f"--name would write {name!r}, outside the output folder")
    if root is not None and inside.parts and inside.parts[0].startswith(".birefcli"):
        raise UsageError("--name cannot begin with .birefcli")
    return (parent / inside).as_posix()


def fold(target: str) -> str:
    """Give what two names are compared by: equal on any file system if equal here."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", target).casefold())


def _as_known(job: Job, known: Mapping[str, Sequence[str]]) -> Job:
    """Keep the names the journal has for this source, as far as they fit what is asked for."""
    mine = known.get(job.name)
    if mine is None or len(mine) != len(job.targets):
        return job
    pairs = zip(job.targets.items(), mine, strict=True)
    kept = {}
    for (product, target), old in pairs:
        if not _differs_by_suffix_only(target, old, PurePosixPath(job.name)):
            return job
        kept[product] = old
    return replace(job, targets=kept)


def _differs_by_suffix_only(target: str, old: str, source: PurePosixPath) -> bool:
    """Tell whether an old target is the new one with the source's suffix kept or left out."""

    def bare(name: str) -> str:
        path = PurePosixPath(name)
        return (path.parent / path.name.replace(source.suffix, "", 1)).as_posix()

    return target == old or (bool(source.suffix) and bare(target) == bare(old))


def _is_known(job: Job, known: Mapping[str, Sequence[str]]) -> bool:
    return list(job.targets.values()) == list(known.get(job.name, ()))


def _reserved(known: Mapping[str, Sequence[str]], names: set[str]) -> dict[str, list[Job]]:
    """Give the targets of sources that are not in this run: nobody else may take them."""
    return {
        fold(target): [Job(Source(None), name, None, {})]
        for name, targets in known.items()
        if name not in names
        for target in targets
    }


def _numbered(
    jobs: list[Job], owners: Mapping[str, list[Job]], known: Mapping[str, Sequence[str]]
) -> list[Job]:
    """Number what still meets although every suffix was kept: a.jpg beside a.JPG."""
    taken = Counter({target: 0 for target, group in owners.items() if len(group) == 1})
    for job in jobs:
        if _is_known(job, known):
            taken.update(fold(target) for target in job.targets.values())
    named = []
    for job in jobs:
        is_alone = all(len(owners[fold(target)]) == 1 for target in job.targets.values())
        if not is_alone and not _is_known(job, known):
            job = _first_free(job, taken)
            taken.update(fold(target) for target in job.targets.values())
        named.append(job)
    return named


def _first_free(job: Job, taken: Mapping[str, int]) -> Job:
    number = 1
    targets = job.targets
    while any(fold(target) in taken for target in targets.values()):
        number += 1
        targets = {product: _with_number(t, number) for product, t in job.targets.items()}
    return replace(job, targets=targets)


def _with_number(target: str, number: int) -> str:
    path = PurePosixPath(target)
    return path.with_name(f"{path.stem}~{number}{path.suffix}").as_posix()


# ---- what must never happen ------------------------------------------------------------------


def _check_inputs_stay(plan: Plan, inputs: Inputs) -> None:
    """Refuse a plan that would overwrite a picture it reads."""
    sources = {_place_of(source.path) for source in inputs.sources if source.path is not None}
    for folder in inputs.folders:
        for root in plan.roots:
            if _place_of(folder) == _place_of(root):
                raise UsageError(f"{root} is an input folder; choose another one with -o")
    for target, job in _targets(plan.jobs):
        if _place_of(target) in sources:
            raise UsageError(
                f"{target} is an input and would be overwritten by the result of "
                f"{job.source.name}; choose another folder with -o"
            )


def _targets(jobs: Iterable[Job]) -> Iterable[tuple[Path, Job]]:
    for job in jobs:
        for product, target in job.targets.items():
            if target != STDOUT:
                yield job.path(product), job


def _place_of(path: Path) -> str:
    """Give what two paths to one place have in common, links resolved, case folded."""
    return fold(os.path.realpath(path))
