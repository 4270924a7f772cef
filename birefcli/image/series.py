"""Files that are the frames of one series, told by the numbers in their names."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TypeAlias

FEWEST_FRAMES = 3
_LARGEST_STEP = 10  # between frames that are numbered 0, 10, 20
_DIGITS = re.compile(r"[0-9]+")
_Key: TypeAlias = tuple[Path, str, str, str]  # folder, before and after the number, suffix


@dataclass(frozen=True)
class Series:
    """Numbered pictures in their order."""

    name: str  # what their names share, or the folder's name
    frames: tuple[Path, ...]
    numbers: tuple[int, ...]

    @property
    def missing(self) -> tuple[int, ...]:
        """The numbers that are left out between the first and the last, by the usual step."""
        step = _step(self.numbers)
        present = set(self.numbers)
        return tuple(n for n in range(self.numbers[0], self.numbers[-1], step) if n not in present)


def find_series(paths: Sequence[Path]) -> list[Series]:
    """Return the series among files: walk_00.png to walk_23.png, frame (1).png and so on.

    Frames lie in one folder and differ in one number of their name, the last one that makes a
    series; there are at least three, and no more numbers are missing than there. The order is
    by number, that of the series by their first file. Whether the pictures are of one size is
    for the caller to see.
    """
    found: list[Series] = []
    left = list(dict.fromkeys(paths))
    most = max((len(_DIGITS.findall(path.stem)) for path in left), default=0)
    for place in range(1, most + 1):  # counted from the end of the name
        for series in _by_number(left, place):
            found.append(series)
            taken = set(series.frames)
            left = [path for path in left if path not in taken]
    order = {path: i for i, path in enumerate(paths)}
    return sorted(found, key=lambda series: min(order[path] for path in series.frames))


def _by_number(paths: Sequence[Path], place: int) -> Iterator[Series]:
    """Give the series whose frames differ in the number at that place from the end."""
    groups: dict[_Key, list[tuple[int, int, Path]]] = {}
    for path in paths:
        numbers = list(_DIGITS.finditer(path.stem))
        if len(numbers) >= place:
            digits = numbers[-place]
            before, after = path.stem[: digits.start()], path.stem[digits.end() :]
            key = (path.parent, before, after, path.suffix.lower())
            groups.setdefault(key, []).append((int(digits[0]), len(digits[0]), path))
    for (folder, before, after, _), members in groups.items():
        for frames in _once_each(members):
            numbers_ = tuple(number for number, _, _ in frames)
            if _is_series(numbers_):
                name = (before.rstrip(" _-.([{") + after.lstrip(" )]}")) or folder.name
                yield Series(name, tuple(path for _, _, path in frames), numbers_)


def _once_each(members: list[tuple[int, int, Path]]) -> list[list[tuple[int, int, Path]]]:
    """Sort by number; where walk_1 stands beside walk_01, take the widths of numbers apart."""
    members = sorted(members)
    if len({number for number, _, _ in members}) == len(members):
        return [members]
    widths = sorted({width for _, width, _ in members})
    return [[member for member in members if member[1] == width] for width in widths]


def _is_series(numbers: Sequence[int]) -> bool:
    if len(numbers) < FEWEST_FRAMES or len(set(numbers)) < len(numbers):
        return False
    step = _step(numbers)
    return step <= _LARGEST_STEP and (numbers[-1] - numbers[0]) // step + 1 <= 2 * len(numbers)


def _step(numbers: Sequence[int]) -> int:
    """Return the distance of all neighbours if it is one, else 1."""
    steps = {b - a for a, b in pairwise(numbers)}
    return steps.pop() if len(steps) == 1 else 1
