"""From what was typed to the pictures meant: files, folders, globs, lists and standard input."""

import glob
import os
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from birefcli.batch.journal import Journal
from birefcli.errors import InputError, UsageError
from birefcli.image import find_pictures, is_ours
from birefcli.settings import Product

STDIN = "-"
_OF_OURS = "of our own results"
# How a result beside its source is called: the source, with or without its suffix, and what it is.
_RESULT = re.compile(rf"(.+)_(?:cut|{'|'.join(Product)})(?:~\d+)?")


class InputOptions(Protocol):
    """What the settings of a command say about its inputs."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """What was typed."""

    @property
    def recursive(self) -> bool:
        """Whether folders are searched to the bottom."""

    @property
    def files_from(self) -> str | None:
        """A list of paths."""

    @property
    def null_separated(self) -> bool:
        """Whether NUL stands between them."""

    @property
    def out(self) -> str | None:
        """The output folder, if one was named."""


@dataclass(frozen=True)
class InputFile:
    """One picture to read: a file, found in a folder or named by itself, or standard input."""

    path: Path | None
    folder: Path | None = None

    @property
    def name(self) -> str:
        """What the report calls it."""
        return STDIN if self.path is None else self.path.as_posix()


@dataclass(frozen=True)
class Inputs:
    """All pictures in the order they will be worked on, and what was left out."""

    sources: tuple[InputFile, ...]
    folders: tuple[Path, ...] = ()
    missing: tuple[str, ...] = ()
    closed: tuple[Path, ...] = ()
    left_out: str = ""

    @property
    def single(self) -> InputFile | None:
        """The one picture that was named, if there is nothing else."""
        others = len(self.sources) - 1 + len(self.folders) + len(self.missing)
        return None if others else self.sources[0]


@dataclass
class _Gathering:
    """The inputs while they are being gathered; each picture is kept the first time it is met."""

    sources: dict[str, InputFile] = field(default_factory=dict)
    folders: dict[str, Path] = field(default_factory=dict)
    missing: dict[str, None] = field(default_factory=dict)
    closed: list[Path] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)

    def add(self, path: Path, folder: Path | None = None) -> None:
        self.sources.setdefault(_place(path), InputFile(path, folder))


def gather(settings: InputOptions) -> Inputs:
    """List every picture once; nothing found at all is an InputError."""
    if STDIN in settings.inputs:
        if len(settings.inputs) > 1 or settings.files_from is not None:
            raise UsageError("- (standard input) must be the only input")
        return Inputs((InputFile(None),))
    if "" in settings.inputs:
        raise UsageError("an input is an empty text; is a variable of your script unset?")
    gathering = _Gathering()
    for text in settings.inputs:
        for path in _matches(text):
            _add(gathering, path, text, settings)
    for line in _listed(settings):
        _add(gathering, Path(line), line, settings)
    if settings.out is None:
        _leave_out_results(gathering)
    inputs = Inputs(
        tuple(gathering.sources.values()),
        tuple(gathering.folders.values()),
        tuple(gathering.missing),
        tuple(gathering.closed),
        ", ".join(f"{n} {what}" for what, n in gathering.left_out.items() if n),
    )
    if not inputs.sources:
        raise InputError(_nothing(inputs))
    return inputs


def _listed(settings: InputOptions) -> list[str]:
    """Read --files-from: one path a line, or separated by NUL; each is meant literally."""
    if settings.files_from is None:
        return []
    if settings.files_from == STDIN:
        data = sys.stdin.buffer.read()
    else:
        try:
            data = Path(settings.files_from).read_bytes()
        except OSError as error:
            raise InputError(
                f"cannot read --files-from {settings.files_from}: {error.strerror}"
            ) from error
    separator = b"\0" if settings.null_separated else b"\n"
    lines = data.removeprefix(b"\xef\xbb\xbf").split(separator)
    if not settings.null_separated:
        lines = [line.removesuffix(b"\r") for line in lines]
    return [os.fsdecode(line) for line in lines if line]


def _matches(text: str) -> Iterator[Path]:
    """Give the path that was typed, or, where there is none, what it matches as a pattern."""
    if not _is_there(Path(text)):
        text = os.path.expanduser(text)  # noqa: PTH111 (which fails where there is no such user)
        if glob.has_magic(text):
            matches = sorted(glob.glob(text, recursive=True))  # noqa: PTH207 (may be absolute)
            if matches:
                yield from map(Path, matches)
                return
    yield Path(text)


def _add(gathering: _Gathering, path: Path, text: str, settings: InputOptions) -> None:
    if os.path.isdir(path):  # noqa: PTH112 (which fails in a folder that may not be entered)
        _add_folder(gathering, path, settings)
    elif _is_there(path):
        gathering.add(path)
    else:
        gathering.missing[text] = None


def _add_folder(gathering: _Gathering, folder: Path, settings: InputOptions) -> None:
    if _place(folder) in gathering.folders:
        return
    gathering.folders[_place(folder)] = folder
    found = find_pictures(folder, recursive=settings.recursive)
    own = list(found.own)
    inside: list[Path] = []  # pictures in output folders of ours
    for root in own:
        further = find_pictures(root, recursive=settings.recursive)
        inside += further.pictures
        own += further.own
    pictures = [*found.pictures, *inside]
    if settings.out is not None:
        own.append(Path(settings.out))
    results = _beside_their_source(pictures) | _noted(pictures, own, folder)
    results |= {path for path in inside if path not in results and is_ours(path)}
    for path in pictures:
        if path not in results:
            gathering.add(path, folder)
    gathering.closed += found.closed
    gathering.left_out["of other kinds"] += found.ignored
    gathering.left_out["hidden"] += found.hidden
    gathering.left_out[_OF_OURS] += len(results)
    gathering.left_out["linked folders"] += found.linked


def _leave_out_results(gathering: _Gathering) -> None:
    """Drop files that were named together with the source they were cut from, as *.png does."""
    named = [source.path for source in gathering.sources.values() if source.folder is None]
    for path in _beside_their_source([path for path in named if path is not None]):
        del gathering.sources[_place(path)]
        gathering.left_out[_OF_OURS] += 1


def _beside_their_source(pictures: Iterable[Path]) -> set[Path]:
    """Pick out what we wrote beside the source it is named after."""
    pictures = list(pictures)
    sources = {*pictures, *(path.with_suffix("") for path in pictures)}
    return {
        path
        for path in pictures
        if (name := _RESULT.fullmatch(path.stem))
        and path.with_name(name[1]) in sources
        and is_ours(path)
    }


def _noted(pictures: Iterable[Path], roots: Iterable[Path], folder: Path) -> set[Path]:
    """Pick out what a journal lists as a result.

    Where the folder itself is an output folder its results are what is asked for, except those
    whose source lies there too.
    """
    noted: set[str] = set()
    for root in {_place(root): root for root in (*roots, folder)}.values():
        for source, targets in Journal(root).known.targets.items():
            is_inside = not os.path.isabs(source) and not source.startswith("../")  # noqa: PTH117
            if is_inside or _place(root) != _place(folder):
                noted.update(_place(root / target) for target in targets)
    return {path for path in pictures if _place(path) in noted}


def _place(path: Path) -> str:
    """Give the full path, without .. and unnecessary parts; links keep their own names."""
    return os.path.abspath(path)  # noqa: PTH100 (which keeps ..)


def _is_there(path: Path) -> bool:
    """Tell whether a path names anything, as far as may be seen; a broken link is something."""
    try:
        path.lstat()
    except PermissionError:
        return True
    except (OSError, ValueError):
        return False
    return True


def _nothing(inputs: Inputs) -> str:
    if inputs.missing:
        first, *others = inputs.missing
        more = f" (nor {len(others)} more)" if others else ""
        return f"there is no {first}{more}; check the path"
    if inputs.closed:
        return f"cannot list {inputs.closed[0]}: no permission"
    where = ", ".join(str(folder) for folder in inputs.folders) or "the list"
    left_out = f" (left out: {inputs.left_out})" if inputs.left_out else ""
    return f"no picture found in {where}{left_out}"
