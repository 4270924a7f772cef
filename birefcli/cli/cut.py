"""birefcli cut: masks and cutouts of pictures and whole folders."""

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from birefcli.cli import run
from birefcli.cli.command import command
from birefcli.cli.signals import Signals
from birefcli.errors import UsageError
from birefcli.settings import CutSettings

if TYPE_CHECKING:
    from birefcli.workflows import PreparedCut


@command(
    CutSettings,
    examples=(
        "birefcli cut photo.jpg",
        "birefcli cut photos -o cutouts --emit cutout,mask --crop --margin 8",
        "birefcli cut sheet.png --split",
        "birefcli cut walk.gif --pack aseprite-hash -o walk.png",
    ),
)
def cut(settings: CutSettings) -> int:
    """Cut the object out of pictures and whole folders."""
    from birefcli.workflows import prepare_cut

    prepared = prepare_cut(settings)
    if settings.dry_run:
        return run.show_plan(_planned(prepared), prepared.inputs, as_json=settings.as_json)
    _check_streams(prepared)
    return _run(prepared)


def _check_streams(prepared: "PreparedCut") -> None:
    """Refuse what would pour a picture onto a terminal, wait for one from it, or mix two things."""
    run.require_piped(prepared.inputs)
    if any("-" in job.targets.values() for job in prepared.plan.jobs):
        if prepared.settings.as_json:
            raise UsageError("--json and a picture cannot share standard output; use --report FILE")
        if sys.stdout.isatty():
            raise UsageError("a picture would be poured onto the terminal; give -o FILE or a pipe")


def _run(prepared: "PreparedCut") -> int:
    """Cut everything, show how it goes, and give the exit code."""
    from birefcli.batch import RunReport, StopFlag
    from birefcli.models import LoadedSegmenter, Purpose, load_segmenter, require_device
    from birefcli.workflows import cut_all

    settings = prepared.settings
    inputs = prepared.inputs
    require_device(settings.model)
    stop = StopFlag()
    report = RunReport(planned=len(prepared.plan.jobs) + len(inputs.missing) + len(inputs.closed))
    with run.open_console(report.planned, settings) as console:
        model = run.find_model(settings.model, Purpose.CUT, console)

        def load() -> LoadedSegmenter:
            loaded = load_segmenter(settings.model, model, console.say)
            console.model, console.device = loaded.model, loaded.device
            return loaded

        with Signals(stop, console.warn, "finishing the pictures in flight") as signals:
            for outcome in cut_all(prepared, model, load, stop):
                report.outcomes.append(outcome)
                console.show(outcome)
                run.stop_unread(console, stop)
        if inputs.left_out:
            console.say(f"left out: {inputs.left_out}")
        console.sum_up(report)
    return signals.exit_code or report.exit_code


def _planned(prepared: "PreparedCut") -> Iterator[run.Planned]:
    """Give every source and its targets."""
    for job in prepared.plan.jobs:
        name = job.source.name
        targets = [t if t == "-" else str(job.path(p)) for p, t in job.targets.items()]
        yield run.Planned(f"{name} -> {', '.join(targets)}", {"source": name, "targets": targets})
