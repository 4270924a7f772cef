"""birefcli peel: pictures become exact, ordered, editable stacks of layers."""

import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from birefcli.cli.console import Console, let_any_name_through, plural
from birefcli.cli.options import (
    DeviceOption,
    FilesFromOption,
    InputsArgument,
    JsonOption,
    LicenceOption,
    MaxPixelsOption,
    ModelOption,
    NullOption,
    OfflineOption,
    PrecisionOption,
    QuietOption,
    RecursiveOption,
    TileOrderOption,
    choices,
)
from birefcli.cli.signals import Signals
from birefcli.errors import ExitCode, UsageError
from birefcli.settings.model import ModelSettings
from birefcli.settings.peel import PeelBy, PeelCommand, PeelKind, PeelSettings, StackFormat

if TYPE_CHECKING:
    from birefcli.batch.executor import StopFlag
    from birefcli.batch.report import Outcome
    from birefcli.models.depth import DepthEstimator
    from birefcli.models.peel_models import PeelModels
    from birefcli.models.store import ModelFile
    from birefcli.workflows.peel import PreparedPeel

OUTPUT, PEEL, HAND, RUN = "Output", "Peel", "By hand", "Run"
FORMATS = ",".join(PeelCommand.formats)
_ALL = "all"


def peel(
    inputs: InputsArgument = None,
    recursive: RecursiveOption = PeelCommand.recursive,
    files_from: FilesFromOption = PeelCommand.files_from,
    null_separated: NullOption = PeelCommand.null_separated,
    max_pixels: MaxPixelsOption = PeelCommand.max_pixels,
    out: Annotated[
        str | None,
        typer.Option(
            "--out",
            "-o",
            help="The stack's folder, or where several go. Default: NAME.peel, FOLDER_peel.",
            rich_help_panel=OUTPUT,
        ),
    ] = PeelCommand.out,
    formats: Annotated[
        str,
        typer.Option(
            "--format",
            help="png (always), ora, psd, preview, ase, sheet, svg, full, bottoms.",
            rich_help_panel=OUTPUT,
        ),
    ] = FORMATS,
    explain: Annotated[
        bool,
        typer.Option("--explain", help="Draw every step and why.", rich_help_panel=OUTPUT),
    ] = PeelCommand.explain,
    verify: Annotated[
        bool,
        typer.Option(
            "--verify/--no-verify",
            help="Fail unless every file gives the picture back bit for bit.",
            rich_help_panel=OUTPUT,
        ),
    ] = PeelCommand.verify,
    max_layers: Annotated[
        int, typer.Option(min=0, max=255, help="At most so many layers.", rich_help_panel=PEEL)
    ] = PeelSettings.max_layers,
    by: Annotated[
        PeelBy,
        typer.Option(help="One object a layer, or all that is uncovered.", rich_help_panel=PEEL),
    ] = PeelSettings.by,
    kind: Annotated[
        PeelKind, typer.Option(help="What sort of picture it is.", rich_help_panel=PEEL)
    ] = PeelSettings.kind,
    min_area: Annotated[
        float,
        typer.Option(
            min=0, max=1, help="Of the picture, that a layer must cover.", rich_help_panel=PEEL
        ),
    ] = PeelSettings.min_area,
    inpaint: Annotated[
        str,
        typer.Option(
            help="auto, patchmatch, exemplar, membrane, palette, ns, lama, anime-lama, auto+lama.",
            rich_help_panel=PEEL,
        ),
    ] = PeelCommand.inpaint,
    trust_model_file: Annotated[
        bool,
        typer.Option(
            "--trust-model-file",
            help="Run the code in an inpainting file that is not in our table.",
            rich_help_panel=PEEL,
        ),
    ] = PeelCommand.trust_model_file,
    depth: Annotated[
        str,
        typer.Option(
            help="off, auto (needs the extra depth), or a depth model's name.", rich_help_panel=PEEL
        ),
    ] = PeelCommand.depth,
    seed: Annotated[
        int, typer.Option(min=0, help="Decides what chance decides.", rich_help_panel=PEEL)
    ] = PeelSettings.seed,
    max_seconds: Annotated[
        float | None,
        typer.Option(help="Begin no layer after so long a time.", rich_help_panel=PEEL),
    ] = PeelSettings.max_seconds,
    resume: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Change a stack, with --redo or --order.", rich_help_panel=HAND
        ),
    ] = PeelCommand.resume,
    redo: Annotated[
        str | None,
        typer.Option(
            metavar="N|all",
            help="Peel a stack again from layer N down; all: peel every picture again.",
            rich_help_panel=HAND,
        ),
    ] = None,
    mask: Annotated[
        Path | None,
        typer.Option(help="What layer N shall be: white on black.", rich_help_panel=HAND),
    ] = PeelCommand.mask,
    order: Annotated[
        str | None,
        typer.Option(
            metavar="2,1,3",
            help="Put a stack's layers in a new order, the lowest first.",
            rich_help_panel=HAND,
        ),
    ] = None,
    model: ModelOption = None,
    tile_order: TileOrderOption = ModelSettings.tile_order,
    device: DeviceOption = ModelSettings.device,
    precision: PrecisionOption = ModelSettings.precision,
    offline: OfflineOption = ModelSettings.offline,
    accept_licence: LicenceOption = ModelSettings.accept_licence,
    fail_fast: Annotated[
        bool,
        typer.Option("--fail-fast", help="Stop at the first failure.", rich_help_panel=RUN),
    ] = PeelCommand.fail_fast,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Show what would be written.", rich_help_panel=RUN),
    ] = PeelCommand.dry_run,
    report: Annotated[
        Path | None,
        typer.Option(help="Write one JSON line per picture to a file.", rich_help_panel=RUN),
    ] = PeelCommand.report,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Take pictures apart into layers that lie back to the picture exactly."""
    settings = PeelCommand(
        inputs=tuple(inputs or ()),
        recursive=recursive,
        files_from=files_from,
        null_separated=null_separated,
        max_pixels=max_pixels,
        out=out,
        formats=choices([formats], StackFormat, "--format"),
        explain=explain,
        verify=verify,
        peel=PeelSettings(
            max_layers=max_layers,
            by=by,
            kind=kind,
            min_area=min_area,
            seed=seed,
            max_seconds=max_seconds,
        ),
        inpaint=inpaint,
        depth=depth,
        trust_model_file=trust_model_file,
        model=ModelSettings(
            model=model,
            tile_order=tile_order,
            device=device,
            precision=precision,
            offline=offline,
            accept_licence=accept_licence,
        ),
        resume=resume,
        redo_layer=_layer(redo),
        mask=mask,
        order=_order(order),
        redo=redo == _ALL,
        fail_fast=fail_fast,
        dry_run=dry_run,
        report=report,
    )
    warnings.simplefilter("ignore")  # libraries' asides are no words for users
    if settings.resume is not None:
        raise typer.Exit(_by_hand(settings, as_json=as_json, quiet=quiet))
    from birefcli.workflows.peel import prepare

    prepared = prepare(settings)
    if settings.dry_run:
        _show_plan(prepared, as_json=as_json)
        is_whole = not (prepared.inputs.missing or prepared.inputs.closed)
        raise typer.Exit(ExitCode.OK if is_whole else ExitCode.FAILED)
    if any(source.path is None for source in prepared.inputs.sources) and sys.stdin.isatty():
        raise UsageError("standard input is a terminal; pipe a picture in, or name a file")
    raise typer.Exit(_run(prepared, as_json=as_json, quiet=quiet))


def _run(prepared: "PreparedPeel", *, as_json: bool, quiet: bool) -> int:
    """Peel everything, show how it goes, and give the exit code."""
    from birefcli.batch.executor import StopFlag
    from birefcli.batch.report import RunReport
    from birefcli.models.segmenter import require_device
    from birefcli.workflows.inpainter import load_inpainter
    from birefcli.workflows.peel import peel_all

    settings, inputs = prepared.settings, prepared.inputs
    require_device(settings.model)
    inpainter = load_inpainter(
        settings.inpaint, trust=settings.trust_model_file, device=settings.model.device
    )
    stop = StopFlag()
    report = RunReport(planned=len(prepared.plan.jobs) + len(inputs.missing) + len(inputs.closed))
    with Console(report.planned, as_json=as_json, quiet=quiet, report=settings.report) as console:
        model = _model(settings, console)
        with Signals(stop, console.warn, "finishing the picture in flight") as signals:
            outcomes = peel_all(
                prepared,
                model,
                inpainter,
                lambda: _load(settings, model, console),
                stop,
                console.say,
            )
            for outcome in outcomes:
                report.outcomes.append(outcome)
                console.show(outcome)
                _tell_layers(console, outcome)
                _stop_unread(console, stop)
        if inputs.left_out:
            console.say(f"left out: {inputs.left_out}")
        console.sum_up(report)
    return signals.exit_code or report.exit_code


def _by_hand(settings: PeelCommand, *, as_json: bool, quiet: bool) -> int:
    """Change one stack, and give the exit code."""
    from birefcli.batch.report import RunReport
    from birefcli.models.segmenter import require_device
    from birefcli.workflows.edit_stack import change, recall
    from birefcli.workflows.inpainter import load_inpainter

    require_device(settings.model)
    recalled = recall(settings)
    inpainter = load_inpainter(
        recalled.settings.inpaint, trust=settings.trust_model_file, device=settings.model.device
    )
    report = RunReport(planned=1)
    with Console(1, as_json=as_json, quiet=quiet, report=settings.report) as console:
        model = _model(settings, console)
        outcome = change(
            recalled, model, inpainter, lambda: _load(settings, model, console), console.say
        )
        report.outcomes.append(outcome)
        console.show(outcome)
        _tell_layers(console, outcome)
        console.sum_up(report)
    return report.exit_code


def _model(settings: PeelCommand, console: Console) -> "ModelFile":
    """Resolve the segmenter's weights."""
    from birefcli.models.segmenter import asked_model
    from birefcli.models.store import ModelInfo, Purpose

    model = asked_model(settings.model, Purpose.PEEL, console.warn)
    console.model = ModelInfo(
        model.name, model.sha256, model.licence, model.tile_order or "unknown"
    )
    return model


def _load(settings: PeelCommand, model: "ModelFile", console: Console) -> "PeelModels":
    """Load everything that takes time."""
    from birefcli.models.peel_models import load_peel_models

    depth = _depth(settings, console)
    models = load_peel_models(settings.model, model, console.say, depth)
    console.model, console.device = models.named.model, models.named.device
    return models


def _depth(settings: PeelCommand, console: Console) -> "DepthEstimator | None":
    """Load what estimates depth, where it is asked for, which is consent to its download."""
    if settings.depth == "off":
        return None
    from birefcli.models.depth import load_depth

    return load_depth(
        settings.depth,
        consent=True,
        offline=settings.model.offline,
        say=console.say,
        device=settings.model.device,
    )


def _tell_layers(console: Console, outcome: "Outcome") -> None:
    """Say how many layers a picture has, where it is the only one."""
    if outcome.layers and console.total == 1:
        console.say(f"{outcome.source}: {plural(outcome.layers, 'layer')}")


def _stop_unread(console: Console, stop: "StopFlag") -> None:
    """Stop when nobody reads the results any more."""
    if not (console.is_read or stop.asked):
        console.say("nobody reads standard output any more: stopping")
        stop.ask()


def _layer(redo: str | None) -> int | None:
    """Read --redo: a layer's number, or all."""
    if redo is None or redo == _ALL:
        return None
    try:
        return int(redo)
    except ValueError:
        raise typer.BadParameter(
            f"{redo!r} is neither the number of a layer nor all", param_hint="--redo"
        ) from None


def _order(text: str | None) -> tuple[int, ...]:
    """Read --order."""
    if text is None:
        return ()
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not like 2,1,3", param_hint="--order") from None


def _show_plan(prepared: "PreparedPeel", *, as_json: bool) -> None:
    """Print every picture and the folder of its stack; nothing is written."""
    from birefcli.batch.report import to_line

    let_any_name_through(sys.stdout)
    for job in prepared.plan.jobs:
        name, target = job.source.name, str(job.path)
        line = to_line({"source": name, "target": target}) if as_json else f"{name} -> {target}"
        sys.stdout.write(line + "\n")
    for text in prepared.inputs.missing:
        typer.echo(f"failed: there is no {text}; check the path", err=True)
    for folder in prepared.inputs.closed:
        typer.echo(f"failed: cannot list {folder}: no permission", err=True)
    typer.echo(f"{plural(len(prepared.plan.jobs), 'picture')} planned", err=True)
    if prepared.inputs.left_out:
        typer.echo(f"left out: {prepared.inputs.left_out}", err=True)
