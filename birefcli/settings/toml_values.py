"""Values of TOML files and of NAME=VALUE, made into what settings hold."""

import difflib
import tomllib
from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from enum import StrEnum
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin

from birefcli.errors import UsageError

NONE = "none"  # how TOML and options write that there is none

_WORDS = {int: "a whole number", float: "a number", bool: "true or false"}


def read_toml(path: Path, what: str) -> dict[str, Any]:
    """Give what a TOML file holds; `what` says in an error which file cannot be read."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"cannot read the {what} {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not a TOML file: {error}") from error


class MisfitError(Exception):
    """Says what a setting takes."""


def fit(kind: Any, value: Any, folder: Path) -> Any:
    """Turn a value of a TOML file into one of a type; paths are relative to `folder`.

    A MisfitError says what the type takes instead.
    """
    if isinstance(kind, UnionType):
        if value is None or value == NONE:
            return None
        (kind,) = (part for part in get_args(kind) if part is not type(None))
    if get_origin(kind) is tuple:
        if not isinstance(value, list):
            raise MisfitError("a list")
        return tuple(fit(get_args(kind)[0], part, folder) for part in value)
    if is_dataclass(kind) and isinstance(kind, type):
        try:
            return kind(**value)
        except TypeError as error:
            *names, last = (one.name for one in fields(kind))
            raise MisfitError(f"tables of {', '.join(names)} and {last}") from error
    if issubclass(kind, StrEnum):
        if value not in list(kind):
            raise MisfitError(f"one of {', '.join(kind)}")
        return kind(value)
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not (str if kind is Path else kind):
        raise MisfitError(_WORDS.get(kind, "text"))
    return folder / value if kind is Path else value


def nearest(name: str, known: Iterable[str]) -> str:
    """Give "; did you mean X?" for the known name most like this one; "" where none is."""
    near = difflib.get_close_matches(name, list(known), 1)
    return f"; did you mean {near[0]}?" if near else ""
