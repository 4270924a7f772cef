"""birefcli synth: scenes with masks and true layers, from seeds or from sprites."""

import re
from pathlib import Path
from typing import Annotated

import typer

from birefcli.cli.console import Console, plural
from birefcli.cli.options import JsonOption, QuietOption, choices
from birefcli.cli.signals import Signals
from birefcli.settings.synth import Suite, SynthSettings

_ALL = "all"


def synth(
    sprites: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[SPRITES]...", help="Pictures with alpha, or folders of them."),
    ] = None,
    *,
    suite: Annotated[
        list[str] | None,
        typer.Option(help="flat, pixel, texture, scene, hard or all, instead of sprites."),
    ] = None,
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FOLDER", help="Where the scenes go.")
    ],
    number: Annotated[
        int | None,
        typer.Option("--number", "-n", min=1, help="How many scenes; of every suite, if several."),
    ] = SynthSettings.number,
    seed: Annotated[
        int, typer.Option(min=0, help="The first scene of a suite; what sprites are drawn by.")
    ] = SynthSettings.seed,
    grounds: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Pictures behind the sprites; else drawn ones."),
    ] = SynthSettings.grounds,
    size: Annotated[
        str, typer.Option(metavar="WxH|N", help="Size of scenes of sprites.")
    ] = "x".join(map(str, reversed(SynthSettings.size))),
    overlap: Annotated[
        float,
        typer.Option(
            min=0, max=1, help="Share of scenes of several sprites in which some overlap."
        ),
    ] = SynthSettings.overlap,
    layers: Annotated[
        bool, typer.Option("--layers", help="Write the true layers of sprites too.")
    ] = SynthSettings.layers,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Scenes drawn at a time; one per core.")
    ] = SynthSettings.jobs,
    redo: Annotated[
        bool, typer.Option("--redo", help="Write over scenes of the same name in FOLDER.")
    ] = SynthSettings.redo,
    max_pixels: Annotated[
        int, typer.Option(min=1, help="Refuse sprites and grounds with more pixels.")
    ] = SynthSettings.max_pixels,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Draw scenes whose masks and layers are known exactly: for training, for eval, for tests."""
    settings = SynthSettings(
        sprites=tuple(sprites or ()),
        suites=_suites(suite or []),
        grounds=grounds,
        number=number,
        seed=seed,
        size=_size(size),
        overlap=overlap,
        layers=layers,
        out=out,
        jobs=jobs,
        redo=redo,
        max_pixels=max_pixels,
    )
    raise typer.Exit(_run(settings, as_json=as_json, quiet=quiet))


def _run(settings: SynthSettings, *, as_json: bool, quiet: bool) -> int:
    """Draw everything, show how it goes, and give the exit code."""
    from birefcli.batch.executor import StopFlag
    from birefcli.batch.report import RunReport
    from birefcli.workflows.synth import plan_scenes, synthesize

    stop = StopFlag()
    plan = plan_scenes(settings)
    report = RunReport(planned=len(plan.jobs) + len(plan.failures))
    with Console(len(plan.jobs), as_json=as_json, quiet=quiet) as console:
        if plan.left_out:
            number = plural(len(plan.left_out), "picture")
            console.say(f"left out: {number} without alpha, the first {plan.left_out[0]}")
        with Signals(stop, console.warn, "finishing the scenes in flight") as signals:
            for outcome in plan.failures:
                report.outcomes.append(outcome)
                console.show(outcome)
            for outcome in synthesize(plan, settings, stop):
                report.outcomes.append(outcome)
                console.show(outcome)
        console.sum_up(report)
    return signals.exit_code or report.exit_code


def _suites(words: list[str]) -> tuple[Suite, ...]:
    """Read suites given one by one or separated by commas; all stands for every one."""
    if not words:
        return ()
    if _ALL in ",".join(words).split(","):
        return tuple(Suite)
    return choices(words, Suite, "--suite")


def _size(text: str) -> tuple[int, int]:
    """Read WxH, or one number for a square; give (height, width)."""
    match = re.fullmatch(r"(\d{1,5})(?:x(\d{1,5}))?", text)
    if match is None:
        raise typer.BadParameter(f"{text!r} is not like 640x480 or 512", param_hint="--size")
    return int(match[2] or match[1]), int(match[1])
