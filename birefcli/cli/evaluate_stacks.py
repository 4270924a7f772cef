"""birefcli eval-peel: how good stacks are, on scenes whose true layers are known."""

import math
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from birefcli.cli.console import Console, plural
from birefcli.cli.options import (
    DeviceOption,
    LicenceOption,
    ModelOption,
    OfflineOption,
    PrecisionOption,
    QuietOption,
    TileOrderOption,
    choices,
)
from birefcli.cli.signals import Signals
from birefcli.errors import ExitCode, UsageError
from birefcli.settings.evaluate_stacks import (
    METRICS,
    Baseline,
    EvalPeelSettings,
    PeelMode,
    StackBar,
    StackMetric,
)
from birefcli.settings.model import ModelSettings
from birefcli.settings.synth import Suite

if TYPE_CHECKING:
    from birefcli.models.peel_models import PeelModels


def eval_peel(
    suite: Annotated[
        str, typer.Option(help="flat, pixel, texture, scene, hard or all; several with commas.")
    ] = "all",
    mode: Annotated[
        PeelMode,
        typer.Option(
            help="What a peel is told: each visible object, all objects together, or nothing."
        ),
    ] = EvalPeelSettings.mode,
    against: Annotated[
        list[str] | None,
        typer.Option(
            help="Set against one cut (B0), rounds as LayerD does them (B1), our peel in a random"
            " order (B2) or with copied patches alone (B3)."
        ),
    ] = None,
    number: Annotated[
        int | None, typer.Option("--number", "-n", min=1, help="How many scenes of every suite.")
    ] = EvalPeelSettings.number,
    first_seed: Annotated[
        int, typer.Option(min=0, help="The first scene; reports begin at 0, tuning at 10000.")
    ] = EvalPeelSettings.first_seed,
    side: Annotated[
        int | None,
        typer.Option(min=64, help="The shorter side of scenes in pixels; else the suite's own."),
    ] = EvalPeelSettings.side,
    inpaint: Annotated[
        str, typer.Option(help="What fills holes, as in `birefcli peel`.")
    ] = EvalPeelSettings.inpaint,
    fail_below: Annotated[
        list[str] | None,
        typer.Option(
            metavar="METRIC=VALUE",
            help="Exit 1 where a suite's mean is below it; for errors above it.",
        ),
    ] = None,
    json: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write every scene's scores with all digits."),
    ] = EvalPeelSettings.json,
    markdown: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a table for every suite.")
    ] = EvalPeelSettings.markdown,
    model: ModelOption = None,
    tile_order: TileOrderOption = ModelSettings.tile_order,
    device: DeviceOption = ModelSettings.device,
    precision: PrecisionOption = ModelSettings.precision,
    offline: OfflineOption = ModelSettings.offline,
    accept_licence: LicenceOption = ModelSettings.accept_licence,
    quiet: QuietOption = False,
) -> None:
    """Peel seeded scenes and score the stacks beside the true layers."""
    settings = EvalPeelSettings(
        suites=_suites(suite),
        mode=mode,
        against=choices(against, Baseline, "--against") if against else (),
        number=number,
        first_seed=first_seed,
        side=side,
        inpaint=inpaint,
        model=ModelSettings(
            model=model,
            tile_order=tile_order,
            device=device,
            precision=precision,
            offline=offline,
            accept_licence=accept_licence,
        ),
        fail_below=_read_bars(fail_below or []),
        json=json,
        markdown=markdown,
    )
    for target in (json, markdown):
        # Hours of scoring must not end in a table that nobody can write.
        if target is not None and target.is_dir():
            raise UsageError(f"{target} is a folder; name a file")
    warnings.simplefilter("ignore")  # libraries' asides are no words for users
    raise typer.Exit(_run(settings, quiet=quiet))


def _run(settings: EvalPeelSettings, *, quiet: bool) -> int:
    """Score everything, show how it goes, print the scores, and give the exit code."""
    from birefcli.batch.executor import StopFlag
    from birefcli.batch.report import Outcome, Status
    from birefcli.cli.stack_tables import missed, show, write_json, write_markdown
    from birefcli.metrics.stacks.tally import StackTally
    from birefcli.workflows.baselines import compared_methods
    from birefcli.workflows.bench import peak_memory
    from birefcli.workflows.evaluate_stacks import score_all
    from birefcli.workflows.inpainter import load_inpainter

    inpainter = load_inpainter(settings.inpaint, device=settings.model.device)
    stop = StopFlag()
    failures: list[str] = []
    stacks = len(settings.scenes) * (1 + len(settings.against))
    with Console(stacks, quiet=quiet) as console:
        loaded = _loaded(settings, console)
        contestants = compared_methods(
            settings,
            inpainter,
            loaded.whole if loaded else None,
            loaded.topmost if loaded else None,
        )
        tallies = {one.name: StackTally(one.name) for one in contestants}
        with Signals(stop, console.warn, "finishing the scene in flight") as signals:
            for scored in score_all(settings, contestants, stop):
                if scored.failure is None:
                    tallies[scored.method].rows[scored.suite, scored.seed] = scored.values
                    console.show(Outcome(scored.name, Status.DONE))
                else:
                    failures.append(scored.failure)
                    console.show(Outcome(scored.name, Status.FAILED, message=scored.failure))
        if signals.exit_code or stop.asked:
            console.warn("stopped before the end: no scores")
            return signals.exit_code or ExitCode.FAILED
        memory = peak_memory()
        held = "" if memory is None else f", with at most {memory:.0f} MiB of memory"
        console.say(f"{plural(stacks, 'stack')}, {plural(len(failures), 'failure')}{held}")
    results = list(tallies.values())
    show(results, settings)
    model = None if loaded is None else loaded.named.model
    if settings.json is not None:
        write_json(settings.json, results, settings, model, failures, memory)
    if settings.markdown is not None:
        write_markdown(settings.markdown, results, settings)
    sentences = missed(results[0], settings)
    for sentence in sentences:
        console.warn(sentence)
    return ExitCode.FAILED if failures or sentences else ExitCode.OK


def _loaded(settings: EvalPeelSettings, console: Console) -> "PeelModels | None":
    """Load the model that looks, where one does."""
    if settings.mode != PeelMode.NET:
        return None
    from birefcli.models.peel_models import load_peel_models
    from birefcli.models.segmenter import asked_model, require_device
    from birefcli.models.store import Purpose

    require_device(settings.model)
    model = asked_model(settings.model, Purpose.PEEL, console.warn)
    return load_peel_models(settings.model, model, console.say).checked()


def _suites(words: str) -> tuple[Suite, ...]:
    """Read suites separated by commas; all stands for every one."""
    named = [word for word in words.split(",") if word.strip() != "all"]
    found = choices([",".join(named)], Suite, "--suite") if named else ()
    return tuple(Suite) if "all" in map(str.strip, words.split(",")) else found


def _read_bars(words: list[str]) -> tuple[StackBar, ...]:
    """Read METRIC=VALUE, one by one or separated by commas."""
    bars = []
    for word in ",".join(words).split(",") if words else ():
        name, _, number = word.partition("=")
        try:
            value = float(number)
            if math.isnan(value):
                raise ValueError("no mean is below it or above it")
            bars.append(StackBar(_read_metric(name.strip()), value))
        except ValueError:
            raise typer.BadParameter(
                f"{word!r} is not like order=0.9", param_hint="--fail-below"
            ) from None
    return tuple(bars)


def _read_metric(word: str) -> StackMetric:
    by_name = {metric.name: metric for metric in METRICS}
    if word not in by_name:
        known = ", ".join(by_name)
        raise typer.BadParameter(f"{word!r} is not one of {known}", param_hint="--fail-below")
    return by_name[word]
