"""Where every stack goes: a folder for each picture, decided before anything is peeled."""

import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from birefcli.batch.inputs import STDIN, InputFile, Inputs
from birefcli.batch.journal import Journal
from birefcli.batch.plan import STDOUT, folder_beside, folder_prefix, seen_from
from birefcli.errors import UsageError
from birefcli.image import PICTURE_SUFFIXES, fold, real
from birefcli.settings import PeelCommand
from birefcli.stack import FILE

ENDING = ".peel"
_HERE = PurePosixPath()
# A name with one of these was meant as a file, not as a folder.
_FILES = PICTURE_SUFFIXES | {".ora", ".psd", ".psb", ".ase", ".aseprite", ".svg", ".json"}


@dataclass(frozen=True)
class StackJob:
    """One picture to peel, and the folder of its stack: `folder` below `root`, which may be it.

    The root keeps the journal.
    """

    source: InputFile
    name: str  # the source as the journal knows it: its path as seen from the root
    root: Path
    folder: PurePosixPath = _HERE

    @property
    def path(self) -> Path:
        """The folder of the stack."""
        return self.root / self.folder

    @property
    def wanted(self) -> None:
        """Which files a finished stack must have: whatever was written then."""
        return None

    @property
    def has_more(self) -> bool:
        """Whether there may be files beside those wanted."""
        return True

    def target(self, file: str) -> str:
        """Give a file of the stack as the journal knows it."""
        return (self.folder / file).as_posix()

    def outputs(self, targets: Iterable[str]) -> tuple[Path, ...]:
        """Give what the report names: the folder, whatever was written into it."""
        return (self.path,)


@dataclass(frozen=True)
class StackPlan:
    """All jobs in order, and the journals of the folders they write to."""

    jobs: tuple[StackJob, ...]
    journals: Mapping[Path, Journal]


@dataclass(frozen=True)
class EarlierStacks:
    """The stacks that earlier runs wrote below one root, as its journal tells.

    Folders are relative to the root, and `.` is the root itself.
    """

    # The folders a picture was ever given, the newest last, by the picture's name.
    folders: Mapping[str, tuple[PurePosixPath, ...]]
    # What was written into a folder, by the folder as names are compared, and by the picture.
    written: Mapping[str, Mapping[str, tuple[str, ...]]]

    def written_to(self, folder: PurePosixPath) -> Mapping[str, tuple[str, ...]]:
        """Give what was ever written into a folder, by picture."""
        return self.written.get(fold(folder.as_posix()), {})

    def is_anothers(self, folder: PurePosixPath, name: str) -> bool:
        """Tell whether a folder was given to another picture."""
        return any(owner != name for owner in self.written_to(folder))


def earlier_stacks(journal: Journal) -> EarlierStacks:
    """Read what a journal says about stacks."""
    folders: dict[str, tuple[PurePosixPath, ...]] = {}
    written: dict[str, dict[str, tuple[str, ...]]] = defaultdict(dict)
    for name, targets in journal.known.targets.items():
        paths = [PurePosixPath(target) for target in targets]
        folders[name] = tuple(path.parent for path in paths if path.name == FILE)
        for folder in folders[name]:
            inside = (path.as_posix() for path in paths if path.is_relative_to(folder))
            written[fold(folder.as_posix())][name] = tuple(inside)
    return EarlierStacks(folders, written)


@dataclass(frozen=True)
class _StackPlace:
    """Where a stack belongs before its name is settled; without a root, beside its picture."""

    source: InputFile
    root: Path | None
    parent: PurePosixPath = _HERE

    @property
    def path(self) -> Path:
        """Where the picture lies."""
        assert self.source.path is not None
        return self.source.path

    def called(self, number: int) -> Path:
        """Give the folder by its plain name (0), with the suffix in it (1), or numbered from 2."""
        stem = self.path.stem if number == 0 else self.path.name
        name = f"{stem}{f'~{number}' if number > 1 else ''}{ENDING}"
        if self.root is None:
            return self.path.with_name(name)
        return self.root / self.parent / name


def plan_stacks(inputs: Inputs, settings: PeelCommand) -> StackPlan:
    """Give every picture its stack's folder: no two share one, and a known one keeps its own.

    Raise UsageError for standard input without -o, and where -o does not fit the inputs.
    """
    _check_out(settings)
    single = inputs.single
    if single is not None and (settings.out is not None or single.path is None):
        if settings.out is None:
            raise UsageError("say with -o DIR where the stack of standard input shall go")
        root = Path(settings.out)
        name = STDIN if single.path is None else seen_from(root, single.path)
        jobs = [StackJob(single, name, root)]
        journals = {root: Journal(root)}
    else:
        places = [_place(source, inputs, settings) for source in inputs.sources]
        journals = {place.root: Journal(place.root) for place in places if place.root is not None}
        jobs = _named(places, journals)
        for job in jobs:
            if job.root not in journals:
                journals[job.root] = Journal(job.root)
    _check_inputs_stay(jobs, inputs, settings)
    _check_report(jobs, journals, settings)
    return StackPlan(tuple(jobs), journals)


def _check_out(settings: PeelCommand) -> None:
    """Refuse an output that cannot be a folder."""
    out = settings.out
    if out is None:
        return
    if not out:
        raise UsageError("-o is an empty text; is a variable of your script unset?")
    if out == STDOUT:
        raise UsageError("a stack is a folder and cannot go to standard output; give -o DIR")
    is_folder = os.path.isdir(out)  # noqa: PTH112 (which fails in a folder that may not be entered)
    if not is_folder and Path(out).suffix.lower() in _FILES:
        raise UsageError(f"-o {out} looks like a file, and a stack is a folder; give -o DIR")


def _place(source: InputFile, inputs: Inputs, settings: PeelCommand) -> _StackPlace:
    """Decide the output folder of a picture, and where below it its stack lies."""
    assert source.path is not None
    if source.folder is None:
        return _StackPlace(source, Path(settings.out) if settings.out else None)
    inside = source.path.relative_to(source.folder).parent.as_posix()
    if settings.out is None:
        return _StackPlace(source, folder_beside(source.folder, "_peel"), PurePosixPath(inside))
    prefix = folder_prefix(source.folder, inputs.folders)
    return _StackPlace(source, Path(settings.out), prefix / inside)


def _named(places: Sequence[_StackPlace], journals: Mapping[Path, Journal]) -> list[StackJob]:
    """Settle all names: NAME.peel, with the suffix in it where two would meet, then numbered."""
    earlier = {root: earlier_stacks(journal) for root, journal in journals.items()}
    kept = [_kept(place, earlier) for place in places]
    wanted = [old or place.called(0) for place, old in zip(places, kept, strict=True)]
    for i in _meeting(wanted, kept, places, earlier):
        wanted[i] = places[i].called(1)
    meeting = _meeting(wanted, kept, places, earlier)
    taken = {_key(folder) for i, folder in enumerate(wanted) if i not in meeting}
    for i in sorted(meeting):
        number = 1
        while _key(wanted[i]) in taken or _is_anothers(wanted[i], places[i], earlier):
            number += 1
            wanted[i] = places[i].called(number)
        taken.add(_key(wanted[i]))
    return [_job(place, folder) for place, folder in zip(places, wanted, strict=True)]


def _meeting(
    wanted: Sequence[Path],
    kept: Sequence[Path | None],
    places: Sequence[_StackPlace],
    earlier: Mapping[Path, EarlierStacks],
) -> set[int]:
    """Pick out those whose folder somebody else wants or has; a folder that is kept stays."""
    counts = Counter(map(_key, wanted))
    return {
        i
        for i, folder in enumerate(wanted)
        if kept[i] is None
        and (counts[_key(folder)] > 1 or _is_anothers(folder, places[i], earlier))
    }


def _job(place: _StackPlace, folder: Path) -> StackJob:
    root = place.root or folder
    inside = PurePosixPath(folder.relative_to(root).as_posix())
    return StackJob(place.source, seen_from(root, place.path), root, inside)


def _kept(place: _StackPlace, earlier: Mapping[Path, EarlierStacks]) -> Path | None:
    """Find the folder that a journal has for this picture, where it is still meant to be."""
    if place.root is None:
        for folder in (place.called(0), place.called(1)):
            if seen_from(folder, place.path) in Journal(folder).known.targets:
                return folder
        return None
    name = seen_from(place.root, place.path)
    for inside in reversed(earlier[place.root].folders.get(name, ())):
        if inside.parent == place.parent:
            return place.root / inside
    return None


def _is_anothers(folder: Path, place: _StackPlace, earlier: Mapping[Path, EarlierStacks]) -> bool:
    """Tell whether a journal has given this folder to another picture."""
    job = _job(place, folder)
    found = earlier_stacks(Journal(folder)) if place.root is None else earlier[place.root]
    return found.is_anothers(job.folder, job.name)


def _key(path: Path) -> str:
    """Give what two folders are compared by."""
    return fold(os.path.abspath(path))  # noqa: PTH100 (a link keeps its own name)


def _check_inputs_stay(jobs: Sequence[StackJob], inputs: Inputs, settings: PeelCommand) -> None:
    """Refuse a plan that would write among the pictures it reads, or over them."""
    sources = {real(source.path) for source in inputs.sources if source.path is not None}
    for folder in inputs.folders:
        if any(real(folder) == real(job.root) for job in jobs):
            raise UsageError(f"{folder} is an input folder; choose another one with -o")
    for job in jobs:
        if real(job.path) in sources:
            raise UsageError(f"{job.path} is an input; choose another folder with -o")
    if settings.report is not None and real(settings.report) in sources:
        raise UsageError(f"--report {settings.report} would overwrite a picture")


def _check_report(
    jobs: Sequence[StackJob], journals: Mapping[Path, Journal], settings: PeelCommand
) -> None:
    """Refuse a report that would be written over a file of a stack."""
    files = [job.path / FILE for job in jobs]
    for root, journal in journals.items():
        targets = journal.known.targets.values()
        files += [root / target for written in targets for target in written]
    if settings.report is not None and real(settings.report) in set(map(real, files)):
        raise UsageError(f"--report {settings.report} is a part of a stack; choose another file")
