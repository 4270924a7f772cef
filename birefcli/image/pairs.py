"""What is scored: predictions beside their truths, or pictures with theirs, paired by name."""

import re
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path

from birefcli.errors import InputError
from birefcli.image.files import find_pictures
from birefcli.settings import EvalSettings

# Where benchmarks keep pictures and truths.
LAYOUTS = (("im", "gt"), ("images", "masks"))
_LABEL = re.compile(r"(.+)_(?:mask|alpha)")


@dataclass(frozen=True)
class Case:
    """One truth, and what is scored against it: a prediction's file, or a picture to predict."""

    name: str
    truth: Path
    picture: Path | None = None
    prediction: Path | None = None


@dataclass(frozen=True)
class Unpaired:
    """What should be scored and cannot be: its name or path, why in a word, and in a sentence."""

    source: str
    reason: str
    message: str


@dataclass(frozen=True)
class Cases:
    """Everything that can be scored, what should be and cannot, and what has no truth."""

    cases: tuple[Case, ...]
    failures: tuple[Unpaired, ...] = ()
    left_out: tuple[Path, ...] = ()


@dataclass
class _Files:
    """The files of one name: mattes are called NAME_mask or NAME_alpha if a plain NAME is there."""

    plain: list[Path] = field(default_factory=list)
    labels: list[Path] = field(default_factory=list)

    @property
    def mattes(self) -> list[Path]:
        """What of them is a matte."""
        return self.labels or self.plain


@dataclass
class _Folder:
    """A folder's files by relative name without suffix."""

    root: Path
    files: dict[str, _Files]
    failures: list[Unpaired]

    def matte(self, name: str) -> Path | None:
        """Give the matte of a name, or note why there is no single one."""
        return self.single(self.files[name].mattes) if name in self.files else None

    def single(self, paths: list[Path]) -> Path | None:
        """Give the only one of the files, or note that there are several."""
        if len(paths) > 1:
            names = ", ".join(path.name for path in paths)
            message = f"{paths[0].parent} has several files of one name: {names}; keep one"
            self.failures.append(Unpaired(paths[0].as_posix(), "ambiguous", message))
        return paths[0] if len(paths) == 1 else None


def find_cases(settings: EvalSettings) -> Cases:
    """Pair what is to be scored with its truth; nothing to score at all is an InputError."""
    if len(settings.folders) == 2:
        found = pair_predictions(*settings.folders)
    else:
        found = pair_pictures(settings.folders[0])
    if not (found.cases or found.failures):
        *_, folder = settings.folders
        if _layout(folder.parent):
            raise InputError(f"no truth found in {folder}; give the folder above, {folder.parent}")
        raise InputError(
            f"no truth found in {folder}; truths lie in gt/ beside im/, in masks/ beside images/,"
            " or are called NAME_mask.png beside NAME.png"
        )
    if not found.cases and all(failure.reason == "missing" for failure in found.failures):
        first, *others = found.failures
        rest = f", nor has any of the other {len(others)} truths" if others else ""
        raise InputError(f"nothing to score: {first.message}{rest}; a pair has one name")
    return found


def pair_predictions(predictions: Path, truths: Path) -> Cases:
    """Pair every truth with the prediction of the same relative name, whatever the suffix.

    Of a data folder with pictures and truths, the truths are meant.
    The pictures themselves, for a gallery, are those beside the truths or in their im/ folder.
    """
    layout = _layout(truths)
    truths = layout[1] if layout else truths
    found, wanted = _listed(predictions), _listed(truths)
    siblings = {gt: im for im, gt in LAYOUTS}
    beside = truths.parent / siblings.get(truths.name, "")
    pictures = _listed(beside) if truths.name in siblings and beside.is_dir() else None
    cases, missing = [], []
    for name in wanted.files:
        truth = wanted.matte(name)
        if truth is None:
            continue
        if name not in found.files:
            message = f"{truth} has no prediction {predictions / name}.*"
            missing.append(Unpaired(name, "missing", message))
        elif (prediction := found.matte(name)) is not None:
            if pictures is not None:
                picture = next(iter(pictures.files.get(name, _Files()).plain), None)
            else:
                picture = next(iter(wanted.files[name].plain), None)
            picture = None if picture == truth else picture
            cases.append(Case(name, truth, picture, prediction))
    left_out = [
        path
        for name, files in found.files.items()
        if name not in wanted.files
        for path in files.mattes
    ]
    failures = (*wanted.failures, *found.failures, *missing)
    return Cases(tuple(cases), failures, tuple(left_out))


def pair_pictures(folder: Path) -> Cases:
    """Pair every truth with its picture: im/ and gt/, images/ and masks/, or NAME_mask files."""
    if layout := _layout(folder):
        pictures, truths = (_listed(part) for part in layout)
        wanted = {name: truths.matte(name) for name in truths.files}
        # There, a picture may be called NAME_mask too.
        sources = {name: files.plain or files.labels for name, files in pictures.files.items()}
    else:
        pictures = truths = _listed(folder)
        wanted = {name: truths.matte(name) for name, f in truths.files.items() if f.labels}
        sources = {name: files.plain for name, files in pictures.files.items()}
    cases, missing = [], []
    for name, truth in wanted.items():
        if truth is None:
            continue
        if not sources.get(name):
            message = f"{truth} has no picture {pictures.root / name}.*"
            missing.append(Unpaired(name, "missing", message))
        elif (picture := pictures.single(sources[name])) is not None:
            cases.append(Case(name, truth, picture))
    left_out = [
        path
        for name, files in pictures.files.items()
        if name not in wanted
        for path in (*files.plain, *files.labels)
    ]
    own = pictures.failures if pictures is not truths else []
    return Cases(tuple(cases), (*truths.failures, *own, *missing), tuple(left_out))


def _layout(folder: Path) -> tuple[Path, Path] | None:
    """Give a data folder's pictures and truths, where it keeps them apart."""
    for im, gt in LAYOUTS:
        if (folder / im).is_dir() and (folder / gt).is_dir():
            return folder / im, folder / gt
    return None


def _listed(folder: Path) -> _Folder:
    """List a folder's pictures and the folders in it, in one order on every machine."""
    if folder.is_file():
        raise InputError(f"{folder} is a file; give the folder it lies in")
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder}; check the path")
    found = find_pictures(folder, recursive=True)
    files: dict[str, _Files] = {}
    for path in found.pictures:
        label = _LABEL.fullmatch(path.stem)
        name = path.relative_to(folder).with_name(label[1] if label else path.stem).as_posix()
        entry = files.setdefault(unicodedata.normalize("NFC", name), _Files())
        (entry.labels if label else entry.plain).append(path)
    closed = [
        Unpaired(path.as_posix(), "permission", f"cannot list {path}: no permission")
        for path in found.closed
    ]
    return _Folder(folder, files, closed)
