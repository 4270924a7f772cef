"""birefcli eval: how good predictions are, or models side by side."""

from typing import TYPE_CHECKING

from birefcli.cli.choices import metrics, metrics_and_groups
from birefcli.cli.command import command
from birefcli.cli.console import Console, plural
from birefcli.cli.signals import Signals
from birefcli.errors import ExitCode
from birefcli.settings import EvalSettings

if TYPE_CHECKING:
    from birefcli.workflows import EvalResult


@command(
    EvalSettings,
    examples=(
        "birefcli eval predictions truths --metrics S,wF,MAE",
        "birefcli eval data --model compact --model run --save scores.csv --fail-below S=0.9",
    ),
    choices={"metrics": metrics_and_groups, "fail_below": metrics},
)
def eval(settings: EvalSettings) -> int:
    """Score predictions against truths, or compare models on pictures with truths."""
    from birefcli.batch import StopFlag
    from birefcli.cli.scores import missed, remarks, save, show, write_gallery
    from birefcli.image import find_cases
    from birefcli.workflows import choose_metrics, evaluate_all, find_models

    stop = StopFlag()
    found = find_cases(settings)
    results: list[EvalResult] = []
    total = len(found.cases) * max(1, len(settings.models))
    with Console(total, quiet=settings.quiet) as console:
        chosen = choose_metrics(settings, console.warn)
        for failure in found.failures:
            console.warn(f"failed: {failure.message}")
        if len(found.left_out) == 1:
            console.say(f"left out: {found.left_out[0]} has no truth")
        elif found.left_out:
            number = len(found.left_out)
            console.say(f"left out: {number} files have no truth, the first {found.left_out[0]}")
        models = find_models(settings.models, console.warn)
        with Signals(stop, console.warn, "finishing the pictures in flight") as signals:
            for result in evaluate_all(
                *(found.cases, chosen, settings, models, stop),
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
    show(results, found, settings)
    for sentence in remarks(results, settings):
        console.say(sentence)
    for file in settings.save:
        save(file, results, found, settings)
    if settings.gallery is not None and not write_gallery(settings.gallery, results[-1]):
        console.warn(f"no gallery: no pair of {results[-1].name} has a score by {chosen[0]}")
    sentences = missed(results, settings.fail_below)
    for sentence in sentences:
        console.warn(sentence)
    failed = len(found.failures) + sum(len(result.failures) for result in results)
    return ExitCode.FAILED if failed or sentences else ExitCode.OK
