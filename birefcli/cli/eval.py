"""birefcli eval: how good predictions are, or models side by side."""

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from birefcli.cli.console import Console, plural
from birefcli.cli.options import (
    DeviceOption,
    LicenceOption,
    OfflineOption,
    PrecisionOption,
    QuietOption,
    TileOrderOption,
)
from birefcli.cli.signals import Signals
from birefcli.errors import ExitCode
from birefcli.metrics.table import metric_groups, metric_names
from birefcli.settings.evaluate import (
    Bar,
    EvalProtocol,
    EvalSettings,
    Metric,
)
from birefcli.settings.model import ModelSettings

if TYPE_CHECKING:
    from birefcli.batch.executor import Stop
    from birefcli.image.pairs import Cases
    from birefcli.models.store import ModelFile
    from birefcli.workflows.evaluate import Result


def eval(
    folders: Annotated[
        list[Path],
        typer.Argument(
            metavar="PRED_DIR GT_DIR | DATA",
            help="Predictions and truths; or a folder with im/ and gt/, images/ and masks/, or"
            " NAME.jpg and NAME_mask.png.",
        ),
    ],
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model", "-m", help="A model to run on DATA; repeat it to compare with the first."
        ),
    ] = None,
    protocol: Annotated[
        EvalProtocol,
        typer.Option(help="Official: models run and predictions are prepared as in the benchmark."),
    ] = EvalSettings.protocol,
    metrics: Annotated[
        list[str],
        typer.Option(help="S, wF, …, F, E, BIoU, segmentation, matting, all; several with commas."),
    ] = ["segmentation"],  # noqa: B006 (Typer copies it)
    fail_below: Annotated[
        list[str] | None,
        typer.Option(metavar="METRIC=VALUE", help="Exit 1 below it; for errors (MAE, …) above it."),
    ] = None,
    csv: Annotated[
        Path | None, typer.Option(help="Write every picture's scores to a file.")
    ] = EvalSettings.csv,
    gallery: Annotated[
        Path | None,
        typer.Option(metavar="FILE.webp", help="Draw the worst 20 of the last model on one page."),
    ] = EvalSettings.gallery,
    max_pixels: Annotated[
        int, typer.Option(min=1, help="Refuse pictures with more pixels.")
    ] = EvalSettings.max_pixels,
    tile_order: TileOrderOption = ModelSettings.tile_order,
    device: DeviceOption = ModelSettings.device,
    precision: PrecisionOption = ModelSettings.precision,
    offline: OfflineOption = ModelSettings.offline,
    accept_licence: LicenceOption = ModelSettings.accept_licence,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    quiet: QuietOption = False,
) -> None:
    """Score predictions against truths, or compare models on pictures with truths."""
    settings = EvalSettings(
        folders=tuple(folders),
        models=tuple(
            ModelSettings(
                model=name,
                tile_order=tile_order,
                device=device,
                precision=precision,
                offline=offline,
                accept_licence=accept_licence,
            )
            for name in _contestants(model, folders)
        ),
        protocol=protocol,
        metrics=_read_metrics(metrics),
        fail_below=_read_bars(fail_below or []),
        csv=csv,
        gallery=gallery,
        max_pixels=max_pixels,
    )
    warnings.simplefilter("ignore")  # libraries' asides are no words for users
    raise typer.Exit(_run(settings, as_json=as_json, quiet=quiet))


def _contestants(model: list[str] | None, folders: list[Path]) -> tuple[str | None, ...]:
    """Give the models that were named; one folder alone is for the default model."""
    return tuple(model or ()) or ((None,) if len(folders) == 1 else ())


def _run(settings: EvalSettings, *, as_json: bool, quiet: bool) -> int:
    """Score everything, show how it goes, print the scores, and give the exit code."""
    from birefcli.batch.executor import Stop
    from birefcli.cli.scores import missed, remarks, show, write_csv, write_gallery
    from birefcli.image.pairs import find_cases
    from birefcli.workflows.evaluate import choose_metrics

    stop = Stop()
    found = find_cases(settings)
    results: list[Result] = []
    total = len(found.cases) * max(1, len(settings.models))
    with Console(total, quiet=quiet) as console:
        metrics = choose_metrics(settings, console.warn)
        for failure in found.failures:
            console.warn(f"failed: {failure.message}")
        if len(found.left_out) == 1:
            console.say(f"left out: {found.left_out[0]} has no truth")
        elif found.left_out:
            number = len(found.left_out)
            console.say(f"left out: {number} files have no truth, the first {found.left_out[0]}")
        contestants = _found(settings.models, console)
        with Signals(stop, console.warn, "finishing the pictures in flight") as signals:
            for contestant in contestants or (None,):
                if stop.asked:
                    break
                _score(found, metrics, settings, contestant, results, console, stop)
        if signals.exit_code or stop.asked:
            console.warn("stopped before the end: no scores")
            return signals.exit_code or ExitCode.FAILED
    show(results, found, settings, as_json=as_json)
    for sentence in remarks(results, settings):
        console.say(sentence)
    if settings.csv is not None:
        write_csv(settings.csv, results)
    if settings.gallery is not None and not write_gallery(settings.gallery, results[-1]):
        console.warn(f"no gallery: no pair of {results[-1].name} has a score by {metrics[0]}")
    sentences = missed(results, settings.fail_below)
    for sentence in sentences:
        console.warn(sentence)
    failed = len(found.failures) + sum(len(result.failures) for result in results)
    return ExitCode.FAILED if failed or sentences else ExitCode.OK


@dataclass(frozen=True)
class _Contestant:
    """A model's settings, and its file."""

    settings: ModelSettings
    model: "ModelFile"


def _found(models: tuple[ModelSettings, ...], console: Console) -> tuple[_Contestant, ...]:
    """Find every model before any is run, so that a wrong name is not noticed in hour three."""
    from birefcli.models.segmenter import asked_model
    from birefcli.models.store import Purpose

    return tuple(
        _Contestant(
            settings,
            asked_model(settings, Purpose.CUT, console.warn),
        )
        for settings in models
    )


def _score(
    found: "Cases",
    metrics: tuple[str, ...],
    settings: EvalSettings,
    contestant: _Contestant | None,
    results: "list[Result]",
    console: Console,
    stop: "Stop",
) -> None:
    """Score one model, or the folder of predictions; what could not be read is not tried again."""
    from birefcli.metrics.tally import Tally
    from birefcli.models.segmenter import load_segmenter
    from birefcli.workflows.evaluate import Result, evaluate

    tally = Tally(metrics, settings.protocol)
    loaded = None
    if contestant is None:
        result = Result(str(settings.folders[0]), tally)
    else:
        model = contestant.model
        loaded = load_segmenter(contestant.settings, model, console.say, settings.protocol)
        result = Result(model.name, tally, loaded.model)
    results.append(result)
    unreadable = {name for earlier in results for name in earlier.unreadable}
    cases = [case for case in found.cases if case.name not in unreadable]
    for scored in evaluate(cases, metrics, settings, loaded, stop):
        result.add(scored)
        console.show(scored.outcome)
    if result.resized:
        number = plural(len(result.resized), "prediction")
        console.say(f"resized to the truth's size: {number}, the first {result.resized[0]}")


def _read_metrics(words: list[str]) -> tuple[Metric, ...]:
    """Read names of metrics and of groups, each once, in their order."""
    groups = metric_groups()
    found: dict[str, None] = {}
    for word in (word.strip() for word in ",".join(words).split(",")):
        found |= dict.fromkeys(groups.get(word) or (_read_metric(word, "--metrics"),))
    return tuple(Metric(name) for name in found)


def _read_metric(word: str, option: str) -> Metric:
    by_name = {name.casefold(): name for name in metric_names()}
    if word.casefold() not in by_name:
        known = ", ".join(metric_names())
        groups = f", or a group: {', '.join(metric_groups())}" if option == "--metrics" else ""
        raise typer.BadParameter(f"{word!r} is not one of {known}{groups}", param_hint=option)
    return Metric(by_name[word.casefold()])


def _read_bars(words: list[str]) -> tuple[Bar, ...]:
    """Read METRIC=VALUE, one by one or separated by commas."""
    bars = []
    for word in ",".join(words).split(",") if words else ():
        name, _, number = word.partition("=")
        try:
            value = float(number)
        except ValueError:
            raise typer.BadParameter(
                f"{word!r} is not like S=0.9", param_hint="--fail-below"
            ) from None
        bars.append(Bar(_read_metric(name.strip(), "--fail-below"), value))
    return tuple(bars)
