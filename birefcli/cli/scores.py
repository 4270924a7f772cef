"""How the scores of birefcli eval are shown: a table, JSON, a CSV file, a page of the worst."""

import csv
import io
import json
import math
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer

from birefcli.batch import Outcome
from birefcli.cli.console import let_any_name_through, on_one_line, plural
from birefcli.cli.tables import finite, markdown, print_line, print_table
from birefcli.image import Cases, Unpaired, encode, page, write_atomic
from birefcli.metrics import digits, is_error
from birefcli.settings import Bar, EvalProtocol, EvalSettings
from birefcli.workflows import EvalResult

# What each protocol does with predictions, and the pipeline in which it runs models.
HEADERS = {
    EvalProtocol.DEFAULT: "default protocol: predictions as they are, without the official"
    " min-max stretch",
    EvalProtocol.OFFICIAL: "official protocol: predictions stretched to 0...1 each",
}
PIPELINES = {EvalProtocol.DEFAULT: "cut", EvalProtocol.OFFICIAL: "benchmark"}


def show(results: Sequence[EvalResult], cases: Cases, settings: EvalSettings) -> None:
    """Print the scores: JSON, a table on a terminal, else lines with tabs."""
    let_any_name_through(sys.stdout)
    header = _header(cases, settings)
    if settings.as_json:
        typer.echo(json.dumps(_as_json(results, cases, settings), indent=2))
    elif sys.stdout.isatty():
        print_line(header)
        titles, *lines = _lines(results)
        print_table(titles, _marked(lines))
    else:
        typer.echo(f"# {header}")
        for line in _lines(results):
            typer.echo("\t".join(line))


def save(target: Path, results: Sequence[EvalResult], cases: Cases, settings: EvalSettings) -> None:
    """Write the scores as the file's name ends: JSON, Markdown, or a CSV line for every picture."""
    match target.suffix.lower():
        case ".json":
            text = json.dumps(_as_json(results, cases, settings), indent=2) + "\n"
        case ".md":
            table = markdown(list(_lines(results)))
            text = f"# birefcli eval\n\n{_header(cases, settings)}.\n\n{table}\n"
        case _:
            text = _csv(results)
    write_atomic(target, text.encode("utf-8", "surrogateescape"), root=target.parent)


def _header(cases: Cases, settings: EvalSettings) -> str:
    """Say what was scored, and how."""
    pipeline = f"; models in the {PIPELINES[settings.protocol]} pipeline"
    return (
        f"{HEADERS[settings.protocol]}{pipeline if settings.models else ''}"
        f"; {plural(len(cases.cases), 'pair')}"
    )


def remarks(results: Sequence[EvalResult], settings: EvalSettings) -> Iterator[str]:
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


def missed(results: Sequence[EvalResult], bars: Sequence[Bar]) -> list[str]:
    """Say which scores are not good enough; a score without a value is not."""
    sentences = []
    for result in results:
        for bar in bars:
            score = result.tally.score(bar.metric)
            if words := bar.shortfall(score, is_error=is_error(bar.metric)):
                sentences.append(f"{result.name}: {bar.metric} {words}")
    return sentences


def _csv(results: Sequence[EvalResult]) -> str:
    """Give a line for every scored picture of every model."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    metrics = results[0].tally.metrics
    writer.writerow(["model", "name", *metrics])
    for result in results:
        for name in result.tally.rows:
            writer.writerow([result.name, name, *(result.tally.of(name, m) for m in metrics)])
    return stream.getvalue()


def write_gallery(target: Path, result: EvalResult) -> bool:
    """Draw the worst pictures of a result, the worst first; tell whether there were any."""
    if result.worst:
        data = encode(page([row for _, row in result.worst]), "webp", quality=90)
        write_atomic(target, data, root=target.parent)
    return bool(result.worst)


def _lines(results: Sequence[EvalResult]) -> Iterator[list[str]]:
    """Give the table line by line: a metric, its scores, and differences to the first model."""
    first, *others = results
    names = [on_one_line(result.name) for result in results]
    yield ["metric", *names, *(f"{name} - {names[0]} (95 %)" for name in names[1:])]
    for metric in first.tally.metrics:
        line = [metric, *(_number(metric, result.tally.score(metric)) for result in results)]
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


def _marked(lines: Iterable[list[str]]) -> Iterator[list[str]]:
    """Tell people which way is better."""
    for name, *cells in lines:
        yield [f"{name} (lower is better)" if is_error(name) else name, *cells]


def _as_json(results: Sequence[EvalResult], cases: Cases, settings: EvalSettings) -> dict[str, Any]:
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
                "scores": {m: finite(result.tally.score(m)) for m in result.tally.metrics},
                "without_value": {
                    m: n for m in result.tally.metrics if (n := result.tally.left_out(m))
                },
                "difference_to_first": None
                if result is first
                else {
                    metric: {
                        end: finite(value)
                        for end, value in asdict(result.tally.minus(first.tally, metric)).items()
                    }
                    for metric in result.tally.metrics
                },
            }
            for result in results
        ],
    }
