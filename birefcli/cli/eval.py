"""birefcli eval: how good predictions are, or models side by side."""

import warnings
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
from birefcli.settings.evaluate import (
    MATTING,
    SEGMENTATION,
    Bar,
    EvalProtocol,
    EvalSettings,
    Metric,
)
from birefcli.settings.model import ModelSettings

if TYPE_CHECKING:
    from birefcli.workflows.evaluate import EvalResult

# Words that stand for several metrics.
GROUPS: dict[str, tuple[Metric, ...]] = {
    "all": tuple(Metric),
    "segmentation": SEGMENTATION,
    "matting": MATTING,
    "F": (Metric.MAX_F, Metric.MEAN_F, Metric.ADP_F),
    "E": (Metric.MAX_E, Metric.MEAN_E, Metric.ADP_E),
    "BIoU": (Metric.MAX_BIOU, Metric.MEAN_BIOU),
}


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
    from birefcli.batch.executor import StopFlag
    from birefcli.cli.scores import missed, remarks, show, write_csv, write_gallery
    from birefcli.image.pairs import find_cases
    from birefcli.workflows.evaluate import choose_metrics, evaluate, find_models

    stop = StopFlag()
    found = find_cases(settings)
    results: list[EvalResult] = []
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
        models = find_models(settings.models, console.warn)
        with Signals(stop, console.warn, "finishing the pictures in flight") as signals:
            for result in evaluate(
                *(found.cases, metrics, settings, models, stop),
                say=console.say,
                show=console.show,
            ):
                results.append(result)
                if result.resized:
                    words = plural(len(result.resized), "prediction")
                    first = result.resized[0]
                    console.say(f"resized to the truth's size: {words}, the first {first}")
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


def _read_metrics(words: list[str]) -> tuple[Metric, ...]:
    """Read names of metrics and of groups, each once, in their order."""
    found: dict[Metric, None] = {}
    for word in (word.strip() for word in ",".join(words).split(",")):
        found |= dict.fromkeys(GROUPS.get(word) or (_read_metric(word, "--metrics"),))
    return tuple(found)


def _read_metric(word: str, option: str) -> Metric:
    by_name = {metric.casefold(): metric for metric in Metric}
    if word.casefold() not in by_name:
        known = ", ".join(Metric)
        groups = f", or a group: {', '.join(GROUPS)}" if option == "--metrics" else ""
        raise typer.BadParameter(f"{word!r} is not one of {known}{groups}", param_hint=option)
    return by_name[word.casefold()]


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
