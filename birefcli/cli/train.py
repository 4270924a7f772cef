"""birefcli train: make a model better on pictures of your own, or make a new one."""

import warnings
from pathlib import Path
from typing import Annotated, Any

import typer

from birefcli.cli.options import LicenceOption, OfflineOption, QuietOption
from birefcli.cli.recipes import Asked, combine, read_sets, recipe_names
from birefcli.errors import ExitCode
from birefcli.settings.evaluate import Metric
from birefcli.settings.model import Precision
from birefcli.settings.train import OnBad, TrainSettings

DATA, RECIPE, LENGTH, NETWORK, RUN = "Data", "Recipe", "Length", "Network", "Run"


def train(
    data: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Folders of pictures with masks or alpha, lists, or data packs.",
        ),
    ] = None,
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="RUN", help="The run's folder.")
    ] = ...,  # type: ignore[assignment]
    grounds: Annotated[
        list[Path] | None,
        typer.Option(help="Pictures to lay sprites on; repeat it.", rich_help_panel=DATA),
    ] = None,
    as_is: Annotated[
        bool | None,
        typer.Option("--as-is", help="Keep sprites as they are, unlaid.", rich_help_panel=DATA),
    ] = None,
    val: Annotated[
        Path | None,
        typer.Option(help="Validate on these instead of a tenth.", rich_help_panel=DATA),
    ] = None,
    on_bad: Annotated[
        OnBad | None,
        typer.Option(help="Leave bad pictures out, or refuse the set.", rich_help_panel=DATA),
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FILE",
            help=f"{', '.join(recipe_names())}, or a TOML file. Default: what suits the data.",
            rich_help_panel=RECIPE,
        ),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="NAME=VALUE", help="Any other setting.", rich_help_panel=RECIPE
        ),
    ] = None,
    plan: Annotated[
        bool,
        typer.Option(
            "--plan", help="Show steps, time, memory and recipe, and stop.", rich_help_panel=RECIPE
        ),
    ] = False,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Optimizer steps.", rich_help_panel=LENGTH)
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Passes over the data.", rich_help_panel=LENGTH)
    ] = None,
    time_budget: Annotated[
        str | None,
        typer.Option(metavar="25m", help="So long: 90s, 25m, 2h.", rich_help_panel=LENGTH),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="MODEL",
            help="The model to start from, as for cut --model; none: new weights.",
            rich_help_panel=NETWORK,
        ),
    ] = None,
    backbone_weights: Annotated[
        Path | None,
        typer.Option(
            help="Encoder weights: folded MobileNetV2 (.npz) or plain (.safetensors).",
            rich_help_panel=NETWORK,
        ),
    ] = None,
    size: Annotated[
        int | None, typer.Option(min=32, help="Pixels a side.", rich_help_panel=NETWORK)
    ] = None,
    batch: Annotated[
        int | None, typer.Option(min=1, help="Pictures at once.", rich_help_panel=NETWORK)
    ] = None,
    accumulate: Annotated[
        int | None, typer.Option(min=1, help="Batches a step.", rich_help_panel=NETWORK)
    ] = None,
    rate: Annotated[
        float | None, typer.Option(help="The learning rate.", rich_help_panel=NETWORK)
    ] = None,
    lora: Annotated[
        int | None,
        typer.Option(min=0, help="Rank of adapters; 0: all learns.", rich_help_panel=NETWORK),
    ] = None,
    metric: Annotated[
        Metric | None,
        typer.Option(help="What makes weights the best ones.", rich_help_panel=RUN),
    ] = None,
    device: Annotated[
        str | None, typer.Option(help="auto, cpu, cuda, cuda:N or mps.", rich_help_panel=RUN)
    ] = None,
    precision: Annotated[
        Precision | None, typer.Option(help="Arithmetic of the network.", rich_help_panel=RUN)
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option(min=1, help="Threads of the network on a CPU.", rich_help_panel=RUN),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Processes that compose pictures.", rich_help_panel=RUN),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Same seed, same data.", rich_help_panel=RUN)
    ] = None,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on with a stopped run.", rich_help_panel=RUN),
    ] = False,
    redo: Annotated[
        bool,
        typer.Option("--redo", help="Start over an existing run.", rich_help_panel=RUN),
    ] = False,
    offline: OfflineOption = TrainSettings.offline,
    accept_licence: LicenceOption = TrainSettings.accept_licence,
    quiet: QuietOption = False,
) -> None:
    """Fine-tune a model on pictures with masks or alpha; RUN then works as --model RUN."""
    asked: dict[str, Any] = {
        "grounds": tuple(grounds) if grounds else None,
        "as_is": as_is,
        "validation": val,
        "on_bad": on_bad,
        "steps": steps,
        "epochs": epochs,
        "time_budget": None if time_budget is None else minutes(time_budget),
        "backbone_weights": backbone_weights,
        "size": size,
        "batch": batch,
        "accumulate": accumulate,
        "rate": rate,
        "lora": lora,
        "metric": metric,
        "device": device,
        "precision": precision,
        "threads": threads,
        "workers": workers,
        "seed": seed,
    }
    options = {name: value for name, value in asked.items() if value is not None}
    if start is not None:
        options["start"] = None if start == "none" else start
    options |= read_sets(set_ or [])
    options |= {
        "start_is_named": options.get("start") is not None,
        "offline": offline,
        "accept_licence": accept_licence,
    }
    warnings.simplefilter("ignore")  # libraries' asides are no words for users
    settings = combine(Asked(tuple(data or ()), out, recipe, options, resume, redo))
    raise typer.Exit(_show_plan(settings, quiet) if plan else _run(settings, quiet))


def _run(settings: TrainSettings, quiet: bool) -> int:
    """Train, show how it goes, print where the best weights are, and give the exit code."""
    from birefcli.batch.executor import Stop
    from birefcli.cli.signals import Signals
    from birefcli.cli.train_progress import TrainConsole
    from birefcli.train.loop import train as fit

    stop = Stop()
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
    from birefcli.train.forecast import forecast_training, recipe_lines

    with TrainConsole(quiet=quiet) as console:
        found = forecast_training(settings, console.say)
    for line in found.lines():
        typer.echo(line)
    typer.echo("recipe:")
    for line in recipe_lines(found.settings):
        typer.echo(f"  {line}")
    return ExitCode.OK


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
