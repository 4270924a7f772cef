"""birefcli train: make or improve a model from a data pack."""

import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any

import typer

from birefcli.cli.options import DeviceOption, PrecisionOption, QuietOption
from birefcli.errors import ExitCode, UsageError
from birefcli.trainsettings import Stage, TrainSettings


def train(
    data: Annotated[Path, typer.Argument(help="A data pack: a folder with an index.csv.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The run's folder.")],
    recipe: Annotated[
        Path | None, typer.Option(help="A TOML file of settings; options win over it.")
    ] = None,
    backbone_weights: Annotated[
        Path | None, typer.Option(help="Folded MobileNetV2 weights (.npz) to start from.")
    ] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Optimizer steps.")] = None,
    time_budget: Annotated[
        str | None, typer.Option(metavar="25m", help="Train for so long instead: 90s, 25m, 2h.")
    ] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads of the network on a CPU.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes that compose pictures.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Same seed, same data.")] = None,
    device: DeviceOption = TrainSettings.device,
    precision: PrecisionOption = TrainSettings.precision,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a stopped run.")] = False,
    redo: Annotated[bool, typer.Option("--redo", help="Start over an existing run.")] = False,
    quiet: QuietOption = False,
) -> None:
    """Train the compact network; RUN/best.safetensors then works as --model RUN."""
    asked: dict[str, Any] = {
        "backbone_weights": backbone_weights,
        "steps": steps,
        "time_budget": None if time_budget is None else minutes(time_budget),
        "threads": threads,
        "workers": workers,
        "seed": seed,
    }
    values = read_recipe(recipe) if recipe else {}
    values |= {name: value for name, value in asked.items() if value is not None}
    settings = TrainSettings(
        data=(data,),
        out=out,
        device=device,
        precision=precision,
        resume=resume,
        redo=redo,
        **values,
    )
    from birefcli.cli.signals import Signals
    from birefcli.executor import Stop
    from birefcli.train.loop import train as fit

    stop = Stop()
    with Signals(stop, _say, "saving after this step") as signals:
        best = fit(settings, (lambda _: None) if quiet else _say, stop)
    if best is not None:
        typer.echo(str(best))
    raise typer.Exit(signals.exit_code or ExitCode.OK)


def read_recipe(path: Path) -> dict[str, Any]:
    """Read a recipe; a name no setting has is a UsageError."""
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"cannot read the recipe {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not a TOML file: {error}") from error
    known = {field.name for field in fields(TrainSettings)} - _NOT_IN_RECIPES
    for name in values:
        if name not in known:
            import difflib

            near = difflib.get_close_matches(name, known, 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise UsageError(f"{path} sets {name!r}, which no recipe knows{hint}")
    return {name: _as_setting(name, value, path) for name, value in values.items()}


def _as_setting(name: str, value: Any, path: Path) -> Any:
    """Turn a TOML value into what the setting holds; paths are relative to the recipe."""
    if name == "stages":
        try:
            return tuple(Stage(**stage) for stage in value)
        except TypeError as error:
            raise UsageError(f"{path}: every stage has until, size and batch ({error})") from error
    if name == "backbone_weights":
        return path.parent / value
    return tuple(value) if isinstance(value, list) else value


_NOT_IN_RECIPES = {"data", "out", "device", "precision", "resume", "redo"}
_UNITS = {"s": 1 / 60, "m": 1, "h": 60}


def minutes(text: str) -> float:
    """Read a duration: 90s, 25m, 2h."""
    unit = _UNITS.get(text[-1:])
    try:
        if unit is None:
            raise ValueError
        value = float(text[:-1]) * unit
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not like 90s, 25m or 2h") from None
    if value <= 0:
        raise typer.BadParameter("a budget must be longer than nothing")
    return value


def _say(text: str) -> None:
    typer.echo(text, err=True)
