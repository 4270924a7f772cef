"""birefcli doctor: whether this installation works, and what to do where it does not."""

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from birefcli.cli.command import command
from birefcli.settings import JsonSettings

if TYPE_CHECKING:
    from birefcli.workflows import DoctorFinding


@command(JsonSettings, examples=("birefcli doctor", "birefcli doctor --json"))
def doctor(settings: JsonSettings) -> int:
    """Check this installation: versions, devices, models, and one real cut."""
    from birefcli.workflows import examine, worst

    findings: list[DoctorFinding] = []
    for finding in examine():
        if not settings.as_json:
            typer.echo(_lines(finding, findings[-1] if findings else None))
        findings.append(finding)
    code = worst(findings)
    if settings.as_json:
        rows = [{**asdict(finding), "is_well": finding.is_well} for finding in findings]
        typer.echo(json.dumps({"is_well": not code, "exit_code": code, "findings": rows}, indent=2))
    return code


def _lines(finding: "DoctorFinding", previous: "DoctorFinding | None") -> str:
    """Write a finding, under its heading where a section begins, with the next step below it."""
    well, ill, arrow = _signs()
    is_first = previous is None or previous.section != finding.section
    lines = [finding.section.value] if is_first else []
    lines.append(f"  {well if finding.is_well else ill} {finding.name:<16}  {finding.words}")
    if finding.advice:
        lines.append(f"{arrow:>21} {finding.advice}")
    return "\n".join(lines)


def _signs() -> tuple[str, str, str]:
    """Give well, ill and next step, in letters where the terminal knows no more."""
    try:
        "✓✗→".encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return "+", "x", ">"
    return "✓", "✗", "→"
