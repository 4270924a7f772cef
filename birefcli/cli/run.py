"""What cut and peel share: finding the model, showing the plan, and how a run ends."""

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

import typer

from birefcli.cli.console import Console, let_any_name_through, plural
from birefcli.errors import ExitCode, UsageError
from birefcli.settings import RunSettings

if TYPE_CHECKING:
    from birefcli.batch import Inputs, StopFlag
    from birefcli.models import ModelFile, Purpose
    from birefcli.settings import ModelSettings


class Planned(NamedTuple):
    """A line of what a run would do: for people, and as JSON."""

    text: str
    row: dict[str, Any]


def show_plan(planned: Iterable[Planned], inputs: "Inputs", *, as_json: bool) -> ExitCode:
    """Print every picture and where its results would go; nothing is written."""
    from birefcli.batch import to_line

    let_any_name_through(sys.stdout)
    count = 0
    for line in planned:
        sys.stdout.write((to_line(line.row) if as_json else line.text) + "\n")
        count += 1
    for text in inputs.missing:
        typer.echo(f"failed: there is no {text}; check the path", err=True)
    for folder in inputs.closed:
        typer.echo(f"failed: cannot list {folder}: no permission", err=True)
    typer.echo(f"{plural(count, 'picture')} planned", err=True)
    if inputs.left_out:
        typer.echo(f"left out: {inputs.left_out}", err=True)
    return ExitCode.FAILED if inputs.missing or inputs.closed else ExitCode.OK


def open_console(total: int, settings: RunSettings) -> Console:
    """Give the streams of a run over `total` pictures, as its settings ask."""
    return Console(total, as_json=settings.as_json, quiet=settings.quiet, report=settings.report)


def require_piped(inputs: "Inputs") -> None:
    """Refuse to wait for a picture from a terminal."""
    if any(source.path is None for source in inputs.sources) and sys.stdin.isatty():
        raise UsageError("standard input is a terminal; pipe a picture in, or name a file")


def find_model(settings: "ModelSettings", purpose: "Purpose", console: Console) -> "ModelFile":
    """Find the file of the model that was asked for, and let the report name it."""
    from birefcli.models import ModelInfo, asked_model

    model = asked_model(settings, purpose, console.warn)
    console.model = ModelInfo(
        model.name, model.sha256, model.licence, model.tile_order or "unknown"
    )
    return model


def stop_unread(console: Console, stop: "StopFlag") -> None:
    """Stop when nobody reads the results any more."""
    if not (console.is_read or stop.asked):
        console.say("nobody reads standard output any more: stopping")
        stop.ask()
