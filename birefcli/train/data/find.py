"""From a DATA argument to its pictures: every shape that a set of one's own may have."""

import csv
import json
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from birefcli.errors import InputError, UsageError
from birefcli.image import LAYOUTS, find_pictures, pair_pictures
from birefcli.train.data.examples import Example, Split
from birefcli.train.data.pack import COLUMNS

LISTS = (".csv", ".jsonl")
_ARCHIVES = {".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst", ".7z", ".rar"}
# Of a.jpg beside a.png, the lossy one is the picture.
_LOSSY = {".jpg", ".jpeg", ".jpe", ".jfif", ".avif"}


@dataclass(frozen=True)
class FoundExamples:
    """The pictures of one set with their masks, and what lies there without a partner."""

    examples: tuple[Example, ...]
    unpaired: tuple[str, ...] = ()
    # Folders of our own results, which are not entered.
    own: tuple[Path, ...] = ()


def is_pack(path: Path) -> bool:
    """Whether a folder is a data pack, by the columns of its index.csv."""
    index = path / "index.csv"
    if not index.is_file():
        return False
    with index.open(newline="", encoding="utf-8", errors="replace") as file:
        columns = next(csv.reader(file), [])
    # An index that lacks some columns is a pack to mend; one with an image column is a list.
    return bool(set(columns) & set(COLUMNS)) and "image" not in columns


def find_set(path: Path) -> FoundExamples:
    """List the pictures of a set; a path that is none ends in a sentence that says what would be.

    Raises InputError where nothing is there and UsageError where it is something else.
    """
    if not path.exists():
        raise InputError(f"there is no {path}; check the path")
    if path.is_dir():
        return _find_in_folder(path)
    if path.suffix.lower() in LISTS:
        return FoundExamples(tuple(_read_list(path)))
    if path.suffix.lower() in _ARCHIVES:
        raise UsageError(f"{path} is an archive; unpack it and give the folder")
    raise UsageError(
        f"{path} is a single file; give the folder of the pictures, or a .csv or .jsonl list"
    )


def find_grounds(path: Path) -> tuple[Path, ...]:
    """List the pictures of a folder of grounds."""
    if not path.exists():
        raise InputError(f"there is no {path} to take grounds from; check --grounds")
    if not path.is_dir():
        raise UsageError(f"--grounds wants a folder of pictures, and {path} is a file")
    pictures = find_pictures(path, recursive=True).pictures
    if not pictures:
        raise InputError(
            f"no picture found in {path}; give another --grounds, or none for drawn grounds"
        )
    return pictures


# ---- folders ---------------------------------------------------------------------------------


def _find_in_folder(folder: Path) -> FoundExamples:
    if (folder / "index.csv").is_file():
        return FoundExamples(tuple(_read_list(folder / "index.csv")))
    _check_layout(folder)
    found = find_pictures(folder, recursive=True)
    if not found.pictures:
        closed = f" ({found.closed[0]} may not be listed)" if found.closed else ""
        raise InputError(f"no picture found in {folder}{closed}; check the path")
    paired = pair_pictures(folder)
    pairs = [(case.picture, case.truth) for case in paired.cases if case.picture is not None]
    unpaired = [failure.message for failure in paired.failures]
    layout = next((pair for pair in LAYOUTS if _has(folder, pair)), None)
    singles: list[Path] = []
    if layout is not None:
        unpaired += [f"{path} has no mask in {layout[1]}/" for path in paired.left_out]
    else:
        more, singles, doubtful = _pair_suffixes(paired.left_out)
        pairs += more
        unpaired += doubtful
    root = folder if layout is None else folder / layout[0]
    classes = _folder_names(found.pictures, root)
    source = _source_of(folder)
    examples = [
        Example(picture, label, class_name=_class_of(picture, label, classes, root), source=source)
        for picture, label in [*pairs, *((path, None) for path in singles)]
    ]
    return FoundExamples(tuple(examples), tuple(unpaired), found.own)


def _has(folder: Path, layout: tuple[str, str]) -> bool:
    """Whether a folder has both sides of a layout."""
    return all((folder / name).is_dir() for name in layout)


def _check_layout(folder: Path) -> None:
    """Point from half a set to the whole, and from several sets to one."""
    for im, gt in LAYOUTS:
        if folder.name == gt and (folder.parent / im).is_dir():
            raise UsageError(
                f"{folder} holds the masks of {folder.parent / im}; give {folder.parent}"
            )
        if (folder / gt).is_dir() and not (folder / im).is_dir():
            raise UsageError(
                f"{folder} has masks in {gt}/ but no {im}/; put their pictures there, "
                "under the same names"
            )
    if not any(_has(folder, layout) for layout in LAYOUTS):
        for sub in sorted(folder.glob("*/")):
            if any(_has(sub, layout) for layout in LAYOUTS):
                raise UsageError(f"{folder} holds several sets; give them one by one, as {sub}")


def _pair_suffixes(
    pictures: tuple[Path, ...],
) -> tuple[list[tuple[Path, Path]], list[Path], list[str]]:
    """Pair a.jpg with a.png; give the pairs, the pictures alone, and what is ambiguous."""
    by_name: dict[str, list[Path]] = {}
    for path in pictures:
        name = unicodedata.normalize("NFC", path.with_suffix("").as_posix())
        by_name.setdefault(name, []).append(path)
    pairs, singles, doubtful = [], [], []
    for paths in by_name.values():
        lossy = [path for path in paths if path.suffix.lower() in _LOSSY]
        exact = [path for path in paths if path not in lossy]
        if len(paths) == 1:
            singles += paths
        elif len(lossy) == len(exact) == 1:
            pairs.append((lossy[0], exact[0]))
        else:
            names = ", ".join(path.name for path in paths)
            doubtful.append(f"{paths[0].parent}: which of {names} is the mask?")
    return pairs, singles, doubtful


def _folder_names(pictures: tuple[Path, ...], root: Path) -> frozenset[str]:
    """Give the sub-folders that sort the pictures into classes: at least two of them."""
    names = {
        path.relative_to(root).parts[0]
        for path in pictures
        if path.is_relative_to(root) and path.parent != root
    }
    return frozenset(names if len(names) >= 2 else ())


def _class_of(picture: Path, label: Path | None, folders: frozenset[str], root: Path) -> str | None:
    """Name the class: the fourth part of a DIS name (2#Aircraft#7#Airplane#…), or the folder."""
    parts = (label or picture).stem.split("#")
    if len(parts) >= 5 and parts[0].isdigit() and parts[2].isdigit():
        return parts[3]
    first = picture.relative_to(root).parts[0] if picture.is_relative_to(root) else ""
    return first if first in folders else None


def _source_of(path: Path) -> str:
    """Name a set by its folder or list."""
    if path.name == "index.csv":
        path = path.parent
    return (path if path.is_dir() else path.with_suffix("")).absolute().name


# ---- lists -----------------------------------------------------------------------------------


def _read_list(path: Path) -> Iterator[Example]:
    """Read a CSV or JSONL list with image, and where wanted mask, class and split."""
    source = _source_of(path)
    count = 0
    for line, row in _rows(path):
        image = _text(row, "image")
        if not image:
            raise UsageError(f"{path} line {line} names no image; give each row a picture's path")
        mask = _text(row, "mask")
        split = _text(row, "split").lower() or None
        if split not in (None, *Split):
            raise UsageError(f"{path} line {line}: split is {split!r}; write train or val")
        for name in filter(None, (image, mask)):
            if not (path.parent / name).is_file():
                raise UsageError(
                    f"{path} line {line} names {name}, which is not there; "
                    "paths are relative to the list"
                )
        yield Example(
            path.parent / image,
            path.parent / mask if mask else None,
            class_name=_text(row, "class") or None,
            split=None if split is None else Split(split),
            source=source,
        )
        count += 1
    if count == 0:
        raise InputError(f"{path} lists no picture")


def _rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read as a list: {error}; save it as UTF-8") from error
    if path.suffix.lower() == ".csv":
        reader = csv.DictReader(text.splitlines(keepends=True), strict=False)
        columns = reader.fieldnames or []
        if "image" not in columns:
            raise UsageError(
                f"{path} has no column image, but {', '.join(columns) or 'none at all'}; its first "
                "line names the columns: image and, where wanted, mask, class, split"
            )
        for row in reader:
            yield reader.line_num, row
        return
    for line, words in enumerate(text.splitlines(), 1):
        if not words.strip():
            continue
        try:
            entry = json.loads(words)
        except ValueError as error:
            raise UsageError(f"{path} line {line} is not JSON: {error}") from error
        if not isinstance(entry, dict) or "image" not in entry:
            raise UsageError(f'{path} line {line} has no key image; write {{"image": "a.png"}}')
        yield line, entry


def _text(row: dict[str, Any], name: str) -> str:
    value = row.get(name)
    return "" if value is None else str(value).strip()
