"""birefcli config: which settings hold, and what said so."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from birefcli.cli import cut, peel
from birefcli.cli.command import Command, checked, command, is_given, read
from birefcli.errors import UsageError
from birefcli.settings import (
    MODEL,
    RECORDS,
    ConfigSettings,
    Setting,
    find_file,
    key_of,
    offered,
    table_of,
)

COMMANDS: dict[str, Command] = {"cut": cut.cut, "peel": peel.peel}


@dataclass(frozen=True)
class Held:
    """A setting's value, and what decided on it."""

    setting: Setting
    value: Any
    by: str

    @property
    def plain(self) -> Any:
        """The value as JSON and TOML hold it; None where there is none."""
        words = self.setting.option.words
        return self.value if words is None or not self.value else words.show(self.value)

    @property
    def line(self) -> str:
        """A line of TOML; a comment, where there is no value."""
        key, plain = key_of(self.setting), self.plain
        text = f"# {key} =" if plain is None else f"{key} = {json.dumps(plain)}"
        return f"{text:<40} # {self.by}"


@command(
    ConfigSettings,
    examples=("birefcli config --json", "birefcli config cut --crop --margin 8 photos"),
    takes_line=True,
)
def config(settings: ConfigSettings) -> None:
    """Show the settings of cut and peel that hold, and what said so: default, file, command line.

    What is printed is itself a file of settings.
    """
    name, *words = settings.line or ("",)
    if name and name not in COMMANDS:
        raise UsageError(f"{name!r} takes no file of settings; {' and '.join(COMMANDS)} do")
    names = [name] if name else list(COMMANDS)
    tables: dict[str, dict[str, Held]] = {one: {} for one in (*names, MODEL)}
    for one in names:
        for held in _held(one, words, settings.config):
            tables[table_of(held.setting, one)][key_of(held.setting)] = held
    if settings.as_json:
        found = {
            table: {key: {"value": held.plain, "by": held.by} for key, held in rows.items()}
            for table, rows in tables.items()
        }
        typer.echo(json.dumps(found | {"default_models": _default_models(names)}, indent=2))
        return
    for table, rows in tables.items():
        typer.echo(f"[{table}]")
        for held in rows.values():
            typer.echo(held.line)
        if table == MODEL:
            for one, (model, by) in _default_models(names).items():
                typer.echo(f"# without a model, birefcli {one} takes {model} ({by})")


def _held(name: str, words: list[str], file: Path | None) -> Iterator[Held]:
    """Give every setting of a command that a file may hold, as it holds for these words."""
    with COMMANDS[name].parser().make_context(name, words) as ctx:
        parsed = ctx.params
        given = {one for one in parsed if is_given(ctx, one)}
    found = find_file(parsed["config"] or file)
    told = found.values_for(RECORDS[name]) if found else {}
    if found:
        COMMANDS[name].check_file(found, told, given)
    for one in offered(RECORDS[name]):
        if one.option.is_of_run:
            continue
        if one.name in given:
            value = read(one, parsed[one.name])
            if one.name in COMMANDS[name].choices:
                value = checked(one, value, COMMANDS[name].choices[one.name])
            yield Held(one, value, "command line")
        elif one.name in told and found:
            yield Held(one, told[one.name], str(found.path))
        else:
            yield Held(one, one.default, "default")


def _default_models(names: list[str]) -> dict[str, tuple[str, str]]:
    """Give the model of each command where none is named, and what decided on it."""
    from birefcli.models import Purpose, default_choice

    choices = {name: default_choice(Purpose(name)) for name in names}
    return {name: (choice.name, choice.by) for name, choice in choices.items()}
