"""How the scores of birefcli eval are shown: a table, JSON, a CSV file, a page of the worst."""

import csv
import io
import json
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer

from birefcli.batch.report import Outcome
from birefcli.cli.console import let_any_name_through, on_one_line, plural
from birefcli.image.files import encode, write_atomic
from birefcli.image.gallery import page
from birefcli.image.pairs import Cases, Unpaired
from birefcli.metrics.table import digits, is_error
from birefcli.settings.evaluate import Bar, EvalProtocol, EvalSettings
from birefcli.workflows.evaluate import Result

# What each protocol does with predictions, and the pipeline in which it runs models.
HEADERS = {
    EvalProtocol.DEFAULT: "default protocol: predictions as they are, without the official"
    " min-max stretch",
    EvalProtocol.OFFICIAL: "official protocol: predictions stretched to 0...1 each",
}
PIPELINES = {EvalProtocol.DEFAULT: "cut", EvalProtocol.OFFICIAL: "benchmark"}


def show(results: Sequence[Result], cases: Cases, settings: EvalSettings, *, as_json: bool) -> None:
    """Print the scores: JSON, a table on a terminal, else lines with tabs."""
    let_any_name_through(sys.stdout)
    pipeline = f"; models in the {PIPELINES[settings.protocol]} pipeline"
    header = (
        f"{HEADERS[settings.protocol]}{pipeline if settings.models else ''}"
        f"; {plural(len(cases.cases), 'pair')}"
    )
    if as_json:
        typer.echo(json.dumps(_as_json(results, cases, settings), indent=2))
    elif sys.stdout.isatty():
        _print_table(header, results)
    else:
        typer.echo(f"# {header}")
        for line in _lines(results):
            typer.echo("\t".join(line))


def remarks(results: Sequence[Result], settings: EvalSettings) -> Iterator[str]:
    """Say which pairs have no value, and which files were hardly meant as mattes."""
    is_official = settings.protocol == EvalProtocol.OFFICIAL
    mean = (
        "officially the mean has none either" if is_official else "its mean is that of the others"
    )
    for result in results:
        for metric in result.tally.metrics:
            if number := result.tally.left_out(metric):
                words = f"{metric} has no value for {plural(number, 'pair')} of {result.name}"
                yield f"{words}; {mean}"
    if colourful := list(dict.fromkeys(path for result in results for path in result.colourful)):
        number = len(colourful)
        words = f"read as grey: {plural(number, 'file')} in colour, the first {colourful[0]}"
        yield f"{words}; mattes are grey or lie in alpha, and --model makes them from pictures"


def missed(results: Sequence[Result], bars: Sequence[Bar]) -> list[str]:
    """Say which scores are not good enough; a score without a value is not."""
    sentences = []
    for result in results:
        for bar in bars:
            score = result.tally.score(bar.metric)
            if not (score <= bar.value if is_error(bar.metric) else score >= bar.value):
                side = "above" if is_error(bar.metric) else "below"
                words = f"is {score:.6g}, {side} {bar.value:g}"
                words = "has no value" if math.isnan(score) else words
                sentences.append(f"{result.name}: {bar.metric} {words}")
    return sentences


def write_csv(target: Path, results: Sequence[Result]) -> None:
    """Write a line for every scored picture of every model."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    metrics = results[0].tally.metrics
    writer.writerow(["model", "name", *metrics])
    for result in results:
        for name in result.tally.rows:
            writer.writerow([result.name, name, *(result.tally.of(name, m) for m in metrics)])
    data = stream.getvalue().encode("utf-8", "surrogateescape")
    write_atomic(target, data, root=target.parent)


def write_gallery(target: Path, result: Result) -> bool:
    """Draw the worst pictures of a result, the worst first; tell whether there were any."""
    if result.worst:
        data = encode(page([row for _, row in result.worst]), "webp", quality=90)
        write_atomic(target, data, root=target.parent)
    return bool(result.worst)


def _lines(results: Sequence[Result]) -> Iterator[list[str]]:
    """Give the table line by line: a metric, its scores, and differences to the first model."""
    first, *others = results
    names = [on_one_line(result.name) for result in results]
    yield ["metric", *names, *(f"{name} - {names[0]} (95 %)" for name in names[1:])]
    for metric in first.tally.metrics:
        line = [str(metric), *(_number(metric, result.tally.score(metric)) for result in results)]
        for other in others:
            found = other.tally.minus(first.tally, metric)
            low, mean, high = (
                _number(metric, value, sign="+") for value in (found.low, found.mean, found.high)
            )
            line.append(f"{mean} [{low}, {high}]")
        yield line


def _number(metric: str, value: float, sign: str = "") -> str:
    if math.isnan(value):
        return "-"
    return f"{value:{sign}.{digits(metric)}f}"


def _print_table(header: str, results: Sequence[Result]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    titles, *lines = _lines(results)
    table = Table()
    for i, title in enumerate(titles):
        table.add_column(Text(title), justify="right" if i else "left")
    for line in lines:
        arrow = " (lower is better)" if is_error(line[0]) else ""
        table.add_row(*(Text(cell) for cell in (line[0] + arrow, *line[1:])))
    console = Console()
    console.print(header, highlight=False, soft_wrap=True)
    console.print(table)


def _as_json(results: Sequence[Result], cases: Cases, settings: EvalSettings) -> dict[str, Any]:
    """Give everything with all digits; what has no value is null."""
    first = results[0]
    failures: list[Unpaired | Outcome] = [*cases.failures]
    failures += [failure for result in results for failure in result.failures]
    return {
        "protocol": settings.protocol.value,
        "is_stretched": settings.protocol == EvalProtocol.OFFICIAL,
        "pipeline": PIPELINES[settings.protocol] if settings.models else None,
        "pairs": len(cases.cases),
        "failures": [
            {"source": failure.source, "reason": failure.reason, "message": failure.message}
            for failure in failures
        ],
        "left_out": [path.as_posix() for path in cases.left_out],
        "results": [
            {
                "name": result.name,
                "model": asdict(result.model) if result.model else None,
                "scored": len(result.tally.rows),
                "resized": len(result.resized),
                "scores": {m: _finite(result.tally.score(m)) for m in result.tally.metrics},
                "without_value": {
                    m: n for m in result.tally.metrics if (n := result.tally.left_out(m))
                },
                "difference_to_first": None
                if result is first
                else {
                    metric: {
                        end: _finite(value)
                        for end, value in asdict(result.tally.minus(first.tally, metric)).items()
                    }
                    for metric in result.tally.metrics
                },
            }
            for result in results
        ],
    }


def _finite(value: float) -> float | None:
    return None if math.isnan(value) else value
