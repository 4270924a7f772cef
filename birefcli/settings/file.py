"""A file of settings: its tables, and what they say in place of the defaults.

`birefcli.toml` in the current folder, or the file that --config names, has the tables [cut], [peel]
and [model], the last one for both commands. Their keys are the names of the options without dashes
in front. What is about one run (inputs, -o, --redo, --dry-run, consent) is not taken from a file.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from birefcli.errors import UsageError
from birefcli.settings.cut import CutSettings
from birefcli.settings.options import Setting, offered
from birefcli.settings.peel import PeelCommand
from birefcli.settings.toml_values import MisfitError, fit, nearest, read_toml

NAME = "birefcli.toml"
MODEL = "model"
RECORDS: dict[str, type] = {"cut": CutSettings, "peel": PeelCommand}


@dataclass(frozen=True)
class SettingsFile:
    """What a file of settings says: values by the names of fields, for each of its tables."""

    path: Path
    tables: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def values_for(self, record: type) -> dict[str, Any]:
        """Give what it says for the settings of one command."""
        name = next(name for name, one in RECORDS.items() if one is record)
        return {**self.tables.get(MODEL, {}), **self.tables.get(name, {})}


def find_file(named: Path | None) -> SettingsFile | None:
    """Read the file that was named, or else the one in the current folder, if there is one."""
    path = named or Path(NAME)
    if named is None and not path.is_file():
        return None
    found = read_toml(path, "settings in")
    return SettingsFile(path, {name: _read_table(path, name, found[name]) for name in found})


def tables() -> dict[str, dict[str, Setting]]:
    """Give every table of a file, and its settings by their keys."""
    known: dict[str, dict[str, Setting]] = {name: {} for name in (*RECORDS, MODEL)}
    for name, record in RECORDS.items():
        for one in offered(record):
            if not one.option.is_of_run:
                known[table_of(one, name)][key_of(one)] = one
    return known


def table_of(one: Setting, command: str) -> str:
    """Give the table in which a command's setting stands."""
    return MODEL if MODEL in one.path else command


def key_of(one: Setting) -> str:
    """Give a setting's key: the option's name."""
    return one.flag.lstrip("-")


def _read_table(path: Path, name: str, table: Any) -> dict[str, Any]:
    known = tables()
    if name not in known:
        places = ", ".join(f"[{one}]" for one in known)
        key = name.replace("_", "-")
        for place, settings in known.items():
            if key in settings:
                raise UsageError(f"{path}: {name} stands in no table; write [{place}] above it")
        raise UsageError(f"{path} has {name!r}, which is none of the tables {places}")
    if not isinstance(table, dict):
        raise UsageError(f"{path}: {name} is a table; write [{name}] above its settings")
    values = {}
    for key, value in table.items():
        one = known[name].get(key.replace("_", "-"))
        if one is None:
            raise UsageError(f"{path}: {_unknown(name, key, known)}")
        values[one.name] = _read_value(path, f"[{name}] {key}", one, value)
    model = values.get(MODEL)
    if model and (path.parent / model).exists():
        # As in a recipe, a path is relative to the file that names it.
        values[MODEL] = str(path.parent / model)
    return values


def _unknown(table: str, key: str, known: Mapping[str, Mapping[str, Setting]]) -> str:
    """Say why there is no such key, and which one may be meant."""
    for other in known:
        if key in known[other]:
            return f"{key} stands in [{other}], not in [{table}]"
    of_run = {key_of(one) for record in RECORDS.values() for one in offered(record)}
    if key in of_run:
        return f"[{table}] {key} is for one run; give --{key} on the command line"
    return f"[{table}] has no setting {key!r}{nearest(key, known[table])}"


def _read_value(path: Path, place: str, one: Setting, value: Any) -> Any:
    words, about = one.option.words, one.option
    try:
        if words is not None:
            return words.read(",".join(map(str, value)) if isinstance(value, list) else str(value))
        found = fit(one.kind, value, path.parent)
    except MisfitError as error:
        raise UsageError(f"{path}: {place} takes {error}, not {value!r}") from error
    except ValueError as error:
        raise UsageError(f"{path}: {place}: {error}") from error
    low = -math.inf if about.min is None else about.min
    high = math.inf if about.max is None else about.max
    if isinstance(found, (int, float)) and not low <= found <= high:
        limits = f"at least {low:g}" if math.isinf(high) else f"{low:g} to {high:g}"
        raise UsageError(f"{path}: {place} takes {limits}, not {value!r}")
    return found
