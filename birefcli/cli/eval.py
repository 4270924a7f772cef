"""birefcli eval: how good predictions are, or models side by side."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from birefcli.cli.command import command
from birefcli.cli.console import Console, plural
from birefcli.cli.signals import Signals
from birefcli.errors import ExitCode
from birefcli.settings.evaluate import EvalSettings
from birefcli.settings.model import ModelSettings

if TYPE_CHECKING:
    from birefcli.batch.executor import Stop
    from birefcli.image.pairs import Cases
    from birefcli.models.store import ModelFile
    from birefcli.workflows.evaluate import Result


@command(
    EvalSettings,
    examples=(
        "birefcli eval predictions truths --metrics S,wF,MAE",
        "birefcli eval data --model compact --model run --save scores.csv --fail-below S=0.9",
    ),
)
def eval(settings: EvalSettings) -> int:
    """Score predictions against truths, or compare models on pictures with truths."""
    from birefcli.batch.executor import Stop
    from birefcli.cli.scores import missed, remarks, save, show, write_gallery
    from birefcli.image.pairs import find_cases
    from birefcli.workflows.evaluate import choose_metrics

    stop = Stop()
    found = find_cases(settings)
    results: list[Result] = []
    total = len(found.cases) * max(1, len(settings.models))
    with Console(total, quiet=settings.quiet) as console:
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
    show(results, found, settings)
    for sentence in remarks(results, settings):
        console.say(sentence)
    for file in settings.save:
        save(file, results, found, settings)
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
