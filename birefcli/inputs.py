"""From what was typed to the pictures meant: files, folders, globs, lists and standard input."""

import glob
import os
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from birefcli.errors import InputError, UsageError
from birefcli.imagefile import find_pictures, is_ours
from birefcli.settings import CutSettings, Product

STDIN = "-"


@dataclass(frozen=True)
class Source:
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

    sources: tuple[Source, ...]
    folders: tuple[Path, ...] = ()
    missing: tuple[str, ...] = ()
    closed: tuple[Path, ...] = ()
    left_out: str = ""


@dataclass
class _Gathering:
    """The inputs while they are being gathered; each picture is kept the first time it is met."""

    sources: dict[str, Source] = field(default_factory=dict)
    folders: dict[Path, None] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    closed: list[Path] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)

    def add(self, path: Path, folder: Path | None = None) -> None:
        self.sources.setdefault(os.path.abspath(path), Source(path, folder))  # noqa: PTH100


def gather(settings: CutSettings) -> Inputs:
    """List every picture once; nothing found at all is an InputError."""
    typed = [*settings.inputs, *_listed(settings)]
    if STDIN in typed:
        if len(typed) > 1:
            raise UsageError("- (standard input) must be the only input")
        return Inputs((Source(None),))
    gathering = _Gathering()
    for text in typed:
        for path in _matches(text):
            if path.is_dir():
                _add_folder(gathering, path, settings)
            elif os.path.lexists(path):
                gathering.add(path)
            else:
                gathering.missing.append(text)
    inputs = Inputs(
        tuple(gathering.sources.values()),
        tuple(gathering.folders),
        tuple(gathering.missing),
        tuple(gathering.closed),
        ", ".join(f"{n} {what}" for what, n in gathering.left_out.items() if n),
    )
    if not inputs.sources:
        raise InputError(_nothing(inputs))
    return inputs


def _listed(settings: CutSettings) -> list[str]:
    """Read --files-from: one path a line, or separated by NUL."""
    if settings.files_from is None:
        return []
    if settings.files_from == STDIN:
        data = sys.stdin.buffer.read()
    else:
        try:
            data = Path(settings.files_from).read_bytes()
        except OSError as error:
            raise InputError(f"cannot read --files-from {settings.files_from}: {error.strerror}")
    text = os.fsdecode(data)
    lines = text.split("\0") if settings.null_separated else text.splitlines()
    return [line for line in lines if line]


def _matches(text: str) -> Iterator[Path]:
    """Give the path that was typed, or, where there is none, what it matches as a pattern."""
    path = Path(text).expanduser()
    if not os.path.lexists(path) and glob.has_magic(text):
        matches = sorted(glob.glob(str(path), recursive=True))
        if matches:
            yield from map(Path, matches)
            return
    yield path


def _add_folder(gathering: _Gathering, folder: Path, settings: CutSettings) -> None:
    if folder in gathering.folders:
        return
    gathering.folders[folder] = None
    found = find_pictures(folder, recursive=settings.recursive)
    bases = {path.with_suffix("") for path in found.pictures}
    results = {path for path in found.pictures if _is_result_beside_source(path, bases)}
    for path in found.pictures:
        if path not in results:
            gathering.add(path, folder)
    gathering.closed += found.closed
    gathering.left_out["of other kinds"] += found.ignored
    gathering.left_out["hidden"] += found.hidden
    gathering.left_out["of our own results"] += found.own + len(results)
    gathering.left_out["linked folders"] += found.linked


def _is_result_beside_source(path: Path, bases: set[Path]) -> bool:
    """Tell whether a picture is what we wrote beside the source it is named after."""
    base, mark, ending = path.stem.rpartition("_")
    endings = {"cut", *(product.value for product in Product)}
    return bool(mark) and ending in endings and path.with_name(base) in bases and is_ours(path)


def _nothing(inputs: Inputs) -> str:
    if inputs.missing:
        first, *others = inputs.missing
        more = f" (nor {len(others)} more)" if others else ""
        return f"there is no {first}{more}"
    if inputs.closed:
        return f"cannot list {inputs.closed[0]}: no permission"
    where = ", ".join(str(folder) for folder in inputs.folders) or "the list"
    return f"no picture found in {where}" + (f" ({inputs.left_out})" if inputs.left_out else "")
