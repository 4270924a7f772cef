"""How the scores of birefcli eval-peel are shown: a table, Markdown, JSON."""

import csv
import io
import json
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import typer

from birefcli.cli.tables import finite, markdown, print_line, print_table
from birefcli.image import write_atomic
from birefcli.metrics import STACK_METRICS, StackMetric, StackTally, find_stack_metric
from birefcli.models import ModelInfo
from birefcli.settings import EvalPeelSettings, Suite

SCHEMA = "birefcli.eval-peel/1"


@dataclass(frozen=True)
class Scores:
    """The scores of every method, ours first, with the settings, the model and what failed."""

    results: Sequence[StackTally]
    settings: EvalPeelSettings
    model: ModelInfo | None
    failures: Sequence[str]
    memory: float | None  # MiB


def show(scores: Scores) -> None:
    """Print the scores: JSON, a table of every suite on a terminal, else lines with tabs."""
    results, settings = scores.results, scores.settings
    if settings.as_json:
        typer.echo(json.dumps(_as_json(scores), indent=1))
        return
    if sys.stdout.isatty():
        print_line(header(settings))
        for suite in settings.suites:
            print_table(_titles(results), _marked(results, suite), suite)
        return
    typer.echo(f"# {header(settings)}")
    typer.echo("\t".join(["suite", *_titles(results)]))
    for suite in settings.suites:
        for line in _lines(results, suite):
            typer.echo("\t".join([suite, *line]))


def save(target: Path, scores: Scores) -> None:
    """Write the scores as the file's name ends: JSON, Markdown, or a CSV line for every scene."""
    match target.suffix.lower():
        case ".json":
            text = json.dumps(_as_json(scores), indent=1) + "\n"
        case ".md":
            text = _markdown(scores.results, scores.settings)
        case _:
            text = _csv(scores.results)
    write_atomic(target, text.encode(), root=target.parent)


def header(settings: EvalPeelSettings) -> str:
    """Say what was measured."""
    seeds = f"{settings.number or 'all'} scenes a suite from seed {settings.seed}"
    side = "" if settings.side is None else f", {settings.side} px"
    return f"--mode {settings.mode}: {seeds}{side}; fills by {settings.inpaint}"


def missed(ours: StackTally, settings: EvalPeelSettings) -> list[str]:
    """Say which means are not good enough; one that no suite has is not."""
    sentences = []
    for bar in settings.fail_below:
        metric = find_stack_metric(bar.metric)
        means = {suite: ours.mean(suite, metric) for suite in settings.suites}
        known = {suite: mean for suite, mean in means.items() if not math.isnan(mean)}
        if not known:
            sentences.append(f"{metric.name} has no value in any suite")
        for suite, mean in known.items():
            if words := bar.shortfall(mean, is_error=metric.is_error):
                sentences.append(f"{suite}: {metric.name} {words}")
    return sentences


def _markdown(results: Sequence[StackTally], settings: EvalPeelSettings) -> str:
    """Give a table for every suite."""
    text = [f"# birefcli eval-peel\n\n{header(settings)}."]
    text += [
        f"## {suite}\n\n{markdown([_titles(results), *_marked(results, suite)])}"
        for suite in settings.suites
    ]
    return "\n\n".join(text) + "\n"


def _csv(results: Sequence[StackTally]) -> str:
    """Give a line for every scene of every method."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["name", "suite", "seed", *(metric.name for metric in STACK_METRICS)])
    for result in results:
        for (suite, seed), values in result.rows.items():
            row = (values.get(metric.name, "") for metric in STACK_METRICS)
            writer.writerow([result.name, suite, seed, *row])
    return stream.getvalue()


def _as_json(scores: Scores) -> dict[str, Any]:
    """Give every scene's scores and what they amount to; what has no value is null."""
    results, settings = scores.results, scores.settings
    return {
        "schema": SCHEMA,
        "mode": settings.mode.value,
        "first_seed": settings.seed,
        "side": settings.side,
        "inpaint": settings.inpaint,
        "model": None if scores.model is None else asdict(scores.model),
        "peak_memory_mib": scores.memory,
        "failures": list(scores.failures),
        "suites": {
            suite.value: [_result(result, results[0], suite) for result in results]
            for suite in settings.suites
        },
    }


def _result(result: StackTally, first: StackTally, suite: Suite) -> dict[str, Any]:
    """Give one method's scores of a suite."""
    found: dict[str, Any] = {
        "name": result.name,
        "mean": {m.name: finite(result.mean(suite, m)) for m in STACK_METRICS},
        "worst_5_percent": {m.name: finite(result.worst(suite, m)) for m in STACK_METRICS},
        "scenes": {
            str(seed): {name: finite(value) for name, value in values.items()}
            for (own, seed), values in result.rows.items()
            if own == suite
        },
    }
    if result is not first:
        found["difference_to_first"] = {
            metric.name: {
                end: finite(value)
                for end, value in asdict(result.minus(first, suite, metric)).items()
            }
            for metric in STACK_METRICS
        }
    return found


def _titles(results: Sequence[StackTally]) -> list[str]:
    first, *others = results
    titles = ["metric", first.name, "worst 5 %"]
    for other in others:
        titles += [other.name, f"{other.name} - {first.name} (95 %)"]
    return titles


def _lines(results: Sequence[StackTally], suite: Suite) -> Iterator[list[str]]:
    """Give a suite's table line by line: a metric, our scores, and those of the others."""
    first, *others = results
    for metric in STACK_METRICS:
        means = [result.mean(suite, metric) for result in results]
        if not metric.is_shown or all(math.isnan(mean) for mean in means):
            continue
        line = [metric.name, _number(metric, means[0]), _number(metric, first.worst(suite, metric))]
        for other, mean in zip(others, means[1:], strict=True):
            found = other.minus(first, suite, metric)
            low, middle, high = (
                _number(metric, value, sign="+") for value in (found.low, found.mean, found.high)
            )
            has_both = not math.isnan(found.mean)
            line += [_number(metric, mean), f"{middle} [{low}, {high}]" if has_both else "-"]
        yield line


def _marked(results: Sequence[StackTally], suite: Suite) -> Iterator[list[str]]:
    """Give the table for people, who want to be told which way is better."""
    errors = {metric.name for metric in STACK_METRICS if metric.is_error}
    for name, *cells in _lines(results, suite):
        yield [f"{name} (lower is better)" if name in errors else name, *cells]


def _number(metric: StackMetric, value: float, sign: str = "") -> str:
    return "-" if math.isnan(value) else f"{value:{sign}.{metric.digits}f}"
