"""How the scores of birefcli eval-peel are shown: a table, Markdown, JSON."""

import json
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer

from birefcli.image.files import write_atomic
from birefcli.metrics.stacks.tally import StackTally
from birefcli.models.store import ModelInfo
from birefcli.settings.evaluate_stacks import METRICS, EvalPeelSettings, StackMetric
from birefcli.settings.synth import Suite

SCHEMA = "birefcli.eval-peel/1"


def show(results: Sequence[StackTally], settings: EvalPeelSettings) -> None:
    """Print the scores: a table of every suite on a terminal, else lines with tabs."""
    if sys.stdout.isatty():
        _print_tables(results, settings)
        return
    typer.echo(f"# {header(settings)}")
    typer.echo("\t".join(["suite", *_titles(results)]))
    for suite in settings.suites:
        for line in _lines(results, suite):
            typer.echo("\t".join([suite, *line]))


def header(settings: EvalPeelSettings) -> str:
    """Say what was measured."""
    seeds = f"{settings.number or 'all'} scenes a suite from seed {settings.first_seed}"
    side = "" if settings.side is None else f", {settings.side} px"
    return f"--mode {settings.mode}: {seeds}{side}; fills by {settings.inpaint}"


def missed(ours: StackTally, settings: EvalPeelSettings) -> list[str]:
    """Say which means are not good enough; one that no suite has is not."""
    sentences = []
    for bar in settings.fail_below:
        metric = bar.metric
        means = {suite: ours.mean(suite, metric) for suite in settings.suites}
        known = {suite: mean for suite, mean in means.items() if not math.isnan(mean)}
        if not known:
            sentences.append(f"{metric.name} has no value in any suite")
        for suite, mean in known.items():
            if not (mean <= bar.value if metric.is_error else mean >= bar.value):
                side = "above" if metric.is_error else "below"
                sentences.append(f"{suite}: {metric.name} is {mean:.6g}, {side} {bar.value:g}")
    return sentences


def write_markdown(target: Path, results: Sequence[StackTally], settings: EvalPeelSettings) -> None:
    """Write a table for every suite."""
    titles = _titles(results)
    text = [f"# birefcli eval-peel\n\n{header(settings)}."]
    for suite in settings.suites:
        rows = [titles, ["---", *["---:"] * (len(titles) - 1)], *_marked(results, suite)]
        text.append(f"## {suite}\n\n" + "\n".join(f"| {' | '.join(row)} |" for row in rows))
    write_atomic(target, ("\n\n".join(text) + "\n").encode(), root=target.parent)


def write_json(
    target: Path,
    results: Sequence[StackTally],
    settings: EvalPeelSettings,
    model: ModelInfo | None,
    failures: Sequence[str],
    memory: float | None,
) -> None:
    """Write every scene's scores and what they amount to; what has no value is null."""
    values = {
        "schema": SCHEMA,
        "mode": settings.mode.value,
        "first_seed": settings.first_seed,
        "side": settings.side,
        "inpaint": settings.inpaint,
        "model": None if model is None else asdict(model),
        "peak_memory_mib": memory,
        "failures": list(failures),
        "suites": {
            suite.value: [_result(result, results[0], suite) for result in results]
            for suite in settings.suites
        },
    }
    data = json.dumps(values, indent=1) + "\n"
    write_atomic(target, data.encode(), root=target.parent)


def _result(result: StackTally, first: StackTally, suite: Suite) -> dict[str, Any]:
    """Give one way's scores of a suite."""
    found: dict[str, Any] = {
        "name": result.name,
        "mean": {m.name: _finite(result.mean(suite, m)) for m in METRICS},
        "worst_5_percent": {m.name: _finite(result.worst(suite, m)) for m in METRICS},
        "scenes": {
            str(seed): {name: _finite(value) for name, value in values.items()}
            for (own, seed), values in result.rows.items()
            if own == suite
        },
    }
    if result is not first:
        found["difference_to_first"] = {
            metric.name: {
                end: _finite(value)
                for end, value in asdict(result.minus(first, suite, metric)).items()
            }
            for metric in METRICS
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
    for metric in METRICS:
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
    errors = {metric.name for metric in METRICS if metric.is_error}
    for name, *cells in _lines(results, suite):
        yield [f"{name} (lower is better)" if name in errors else name, *cells]


def _print_tables(results: Sequence[StackTally], settings: EvalPeelSettings) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    console.print(header(settings), highlight=False, soft_wrap=True)
    for suite in settings.suites:
        table = Table(title=suite)
        for i, title in enumerate(_titles(results)):
            table.add_column(Text(title), justify="right" if i else "left")
        for line in _marked(results, suite):
            table.add_row(*(Text(cell) for cell in line))
        console.print(table)


def _number(metric: StackMetric, value: float, sign: str = "") -> str:
    return "-" if math.isnan(value) else f"{value:{sign}.{metric.digits}f}"


def _finite(value: float) -> float | None:
    return None if math.isnan(value) else value
