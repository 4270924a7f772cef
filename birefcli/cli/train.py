"""birefcli train: make a model better on pictures of your own, or make a new one."""

from typing import Any

import typer

from birefcli.cli.choices import metrics
from birefcli.cli.command import command
from birefcli.cli.recipes import Asked, combine, read_sets, recipe_names
from birefcli.errors import ExitCode
from birefcli.settings import NONE, TrainCommand, TrainSettings


@command(
    TrainCommand,
    overrides=TrainSettings,
    examples=(
        "birefcli train pictures -o run --time-budget 25m",
        "birefcli train sprites --grounds photos --recipe pixel-art --set ema=0.99 -o run",
    ),
    choices={"recipe": recipe_names, "metric": metrics},
)
def train(asked: TrainCommand, options: dict[str, Any]) -> int:
    """Fine-tune a model on pictures with masks or alpha; RUN then works as --model RUN."""
    if options.get("start") == NONE:
        options["start"] = None
    options |= read_sets(list(asked.sets))
    options["start_is_named"] = options.get("start") is not None
    settings = combine(
        Asked(asked.data, asked.out, asked.recipe, options, asked.resume, asked.redo)
    )
    return _show_plan(settings, asked.quiet) if asked.plan else _run(settings, asked.quiet)


def _run(settings: TrainSettings, quiet: bool) -> int:
    """Train, show how it goes, print where the best weights are, and give the exit code."""
    from birefcli.batch import StopFlag
    from birefcli.cli.signals import Signals
    from birefcli.cli.train_progress import TrainConsole
    from birefcli.train import train as fit

    stop = StopFlag()
    with (
        TrainConsole(quiet=quiet) as console,
        Signals(stop, console.warn, "saving after this step") as signals,
    ):
        watch = console.watch if console.has_bar else None
        best = fit(settings, console.say, stop, watch)
    if best is not None:
        typer.echo(str(best))
    return signals.exit_code or ExitCode.OK


def _show_plan(settings: TrainSettings, quiet: bool) -> int:
    """Print what a run would do; nothing is written."""
    from birefcli.cli.train_progress import TrainConsole
    from birefcli.train import forecast_training, recipe_lines

    with TrainConsole(quiet=quiet) as console:
        found = forecast_training(settings, console.say)
    for line in found.lines():
        typer.echo(line)
    typer.echo("recipe:")
    for line in recipe_lines(found.settings):
        typer.echo(f"  {line}")
    return ExitCode.OK
