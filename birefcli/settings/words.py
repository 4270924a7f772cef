"""How the words of an option become a value, and how the value is shown again."""

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Generic, TypeVar

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)


@dataclass(frozen=True)
class Words(Generic[T]):
    """A way to read a value from a text, and to write it as one."""

    # Raises a ValueError whose words say what is wrong.
    read: Callable[[str], T]
    show: Callable[[T], str]
    # What it looks like, for the help.
    metavar: str | None = None
    # Whether the option may be given several times; its words are then joined by commas.
    is_repeated: bool = False
    # Of names that a table of another room knows: gives the value with each name as the table
    # writes it, or raises a ValueError that lists the names. The command calls it.
    check: Callable[[T, Iterable[str]], T] | None = None


def several(kind: type[E], *, everything: str | None = None) -> Words[tuple[E, ...]]:
    """Read words one by one or separated by commas, each once; `everything` stands for all."""
    groups = {word: (word,) for word in kind} | ({everything: tuple(kind)} if everything else {})
    return Words(lambda text: chosen(text, groups), shown, is_repeated=True)


def chosen(text: str, groups: Mapping[str, Sequence[T]]) -> tuple[T, ...]:
    """Read names and names of groups separated by commas: their members, each once, in order."""
    found: dict[T, None] = {}
    for word in (word.strip() for word in text.split(",")):
        found |= dict.fromkeys(groups[named(word, groups)])
    return tuple(found)


def named(word: str, names: Iterable[str]) -> str:
    """Give the name that is meant, however its letters are written."""
    known = list(names)
    for name in known:
        if word == name:
            return name
    for name in known:
        if word.casefold() == name.casefold():
            return name
    raise ValueError(f"{word!r} is not one of {', '.join(known)}")


def shown(values: Iterable[object]) -> str:
    """Write values with commas between them."""
    return ",".join(map(str, values))


# ---- numbers ---------------------------------------------------------------------------------


def _two_numbers(text: str) -> tuple[float, float]:
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError:
        raise ValueError(f"{text!r} is not LOW,HIGH") from None
    return low, high


def _whole_numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise ValueError(f"{text!r} is not like 2,1,3") from None


def _size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{1,5})(?:x(\d{1,5}))?", text)
    if match is None:
        raise ValueError(f"{text!r} is not like 640x480 or 512")
    return int(match[2] or match[1]), int(match[1])


_REACHES: dict[str, int | str] = {"off": False, "false": False, "true": 16, "all": "all"}


def _reach(text: str) -> int | str:
    word = text.strip().lower()
    if word in _REACHES:
        return _REACHES[word]
    if not word.isdecimal() or not int(word):
        raise ValueError(f"{text!r} is neither a number of pixels nor all; write --bleed 16")
    return int(word)


_MINUTES = {"s": 1 / 60, "m": 1, "h": 60}


def _minutes(text: str) -> float:
    unit = _MINUTES.get(text[-1:])
    try:
        if unit is None:
            raise ValueError
        value = float(text[:-1]) * unit
    except ValueError:
        raise ValueError(f"{text!r} is not like 90s, 25m or 2h") from None
    if not 0 < value < math.inf:
        raise ValueError("a budget must be longer than nothing")
    return value


LOW_HIGH = Words(_two_numbers, shown, "LOW,HIGH")
ORDER = Words(_whole_numbers, shown, "2,1,3")
# Given as WxH, held as (height, width).
SIZE = Words(_size, lambda size: "x".join(map(str, reversed(size))), "WxH|N")
# How far colour is spread: False is not at all.
REACH = Words(_reach, lambda value: str(value) if value else "off", "N|all")
DURATION = Words(_minutes, lambda value: f"{value:g}m", "25m")  # in minutes


# ---- names and bars --------------------------------------------------------------------------


@dataclass(frozen=True)
class Bar:
    """What a score must reach, or an error must not exceed, by the name of its metric."""

    metric: str
    value: float

    def __str__(self) -> str:
        return f"{self.metric}={self.value:g}"

    def shortfall(self, score: float, *, is_error: bool) -> str | None:
        """Say how a score misses the bar, as in "is 0.8, below 0.9"; None where it does not.

        Of an error lower is better. A score without a value (NaN) misses every bar.
        """
        if math.isnan(score):
            return "has no value"
        if score <= self.value if is_error else score >= self.value:
            return None
        return f"is {score:.6g}, {'above' if is_error else 'below'} {self.value:g}"


def _names(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word.strip() for word in text.split(",")))


def _checked_names(words: Iterable[str], known: Iterable[str]) -> tuple[str, ...]:
    names = tuple(known)
    return tuple(dict.fromkeys(named(word, names) for word in words))


def _bars(text: str) -> tuple[Bar, ...]:
    return tuple(map(_bar, text.split(",")))


def _bar(word: str) -> Bar:
    name, _, number = word.partition("=")
    try:
        value = float(number)
    except ValueError:
        value = math.nan
    if math.isnan(value):
        raise ValueError(f"{word!r} is not like NAME=0.9")
    return Bar(name.strip(), value)


def _checked_bars(bars: Iterable[Bar], known: Iterable[str]) -> tuple[Bar, ...]:
    names = tuple(known)
    return tuple(replace(bar, metric=named(bar.metric, names)) for bar in bars)


def _checked_name_or_file(text: str, known: Iterable[str]) -> str:
    """Check the name of NAME or NAME:FILE."""
    name, colon, file = text.partition(":")
    return named(name, known) + colon + file


# Names that a table of another room knows: one, or several with commas, and bars for them.
NAME = Words[str](str.strip, str, check=named)
NAME_OR_FILE = Words[str](str.strip, str, "NAME", check=_checked_name_or_file)
NAMES = Words[tuple[str, ...]](_names, shown, is_repeated=True, check=_checked_names)
BARS = Words[tuple[Bar, ...]](_bars, shown, "METRIC=VALUE", is_repeated=True, check=_checked_bars)
