"""birefcli cut: masks and cutouts of pictures and whole folders."""

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
    two_numbers,
)
from birefcli.cli.signals import Signals
from birefcli.errors import ExitCode, UsageError
from birefcli.settings.cut import CutSettings, OnEmpty
from birefcli.settings.cutout import AlphaMode, Format, Product
from birefcli.settings.model import ModelSettings

if TYPE_CHECKING:
    from birefcli.workflows.cut import PreparedCut

OUTPUT, MATTE, PIXELS, RUN = "Output", "Matte", "Colour and frame", "Run"
LEVELS = ",".join(str(level) for level in CutSettings.levels)


def cut(
    inputs: InputsArgument = None,
    recursive: RecursiveOption = CutSettings.recursive,
    files_from: FilesFromOption = CutSettings.files_from,
    null_separated: NullOption = CutSettings.null_separated,
    max_pixels: MaxPixelsOption = CutSettings.max_pixels,
    out: Annotated[
        str | None,
        typer.Option(
            "--out",
            "-o",
            help="A folder; for one picture also a file or -. Default: FOLDER_cut, NAME_cut.png.",
            rich_help_panel=OUTPUT,
        ),
    ] = CutSettings.out,
    name: Annotated[
        str | None,
        typer.Option(
            help="File names from {stem}, {suffix}, {product}, {n}.", rich_help_panel=OUTPUT
        ),
    ] = CutSettings.name,
    emit: Annotated[
        list[str],
        typer.Option(help="cutout, mask, preview; several with commas.", rich_help_panel=OUTPUT),
    ] = list(CutSettings.emit),  # noqa: B006 (Typer copies it)
    format: Annotated[
        Format | None, typer.Option(help="How results are stored.", rich_help_panel=OUTPUT)
    ] = CutSettings.format,
    mask_bits: Annotated[
        int, typer.Option(help="8 or 16 bits a mask pixel.", rich_help_panel=OUTPUT)
    ] = CutSettings.mask_bits,
    quality: Annotated[
        int | None,
        typer.Option(
            min=1, max=100, help="Of jpg (95) and webp (lossless).", rich_help_panel=OUTPUT
        ),
    ] = CutSettings.quality,
    png_level: Annotated[
        int, typer.Option(min=0, max=9, help="Compression effort.", rich_help_panel=OUTPUT)
    ] = CutSettings.png_level,
    alpha: Annotated[
        AlphaMode,
        typer.Option(
            help="Soft edges, or every pixel decided; auto is hard for small sprites.",
            rich_help_panel=MATTE,
        ),
    ] = CutSettings.alpha,
    threshold: Annotated[
        float, typer.Option(min=0, max=1, help="Where hard alpha cuts.", rich_help_panel=MATTE)
    ] = CutSettings.threshold,
    levels: Annotated[
        str,
        typer.Option(
            metavar="LOW,HIGH", help="Snap to 0 below LOW, to 1 above HIGH.", rich_help_panel=MATTE
        ),
    ] = LEVELS,
    min_area: Annotated[
        int,
        typer.Option(min=0, help="Drop specks of fewer pixels.", rich_help_panel=MATTE),
    ] = CutSettings.min_area,
    fill_holes: Annotated[
        bool, typer.Option("--fill-holes", help="Close enclosed holes.", rich_help_panel=MATTE)
    ] = CutSettings.fill_holes,
    grow: Annotated[
        int, typer.Option(min=0, help="Widen by so many pixels.", rich_help_panel=MATTE)
    ] = CutSettings.grow,
    shrink: Annotated[
        int, typer.Option(min=0, help="Narrow by so many pixels.", rich_help_panel=MATTE)
    ] = CutSettings.shrink,
    invert: Annotated[
        bool,
        typer.Option("--invert", help="Keep the background instead.", rich_help_panel=MATTE),
    ] = CutSettings.invert,
    keep_colors: Annotated[
        bool,
        typer.Option(
            "--keep-colors",
            help="Leave the background's tint in soft edges.",
            rich_help_panel=PIXELS,
        ),
    ] = CutSettings.keep_colors,
    bleed: Annotated[
        bool,
        typer.Option("--bleed", help="Keep colour under alpha 0.", rich_help_panel=PIXELS),
    ] = CutSettings.bleed,
    background: Annotated[
        str | None,
        typer.Option(
            metavar="COLOR",
            help="Lay the object on a colour: white, #ff8800, 10,20,30.",
            rich_help_panel=PIXELS,
        ),
    ] = CutSettings.background,
    crop: Annotated[
        bool, typer.Option("--crop", help="Crop to the object.", rich_help_panel=PIXELS)
    ] = CutSettings.crop,
    margin: Annotated[
        int,
        typer.Option(min=0, help="Pixels left around it by --crop.", rich_help_panel=PIXELS),
    ] = CutSettings.margin,
    model: ModelOption = None,
    tile_order: TileOrderOption = ModelSettings.tile_order,
    device: DeviceOption = ModelSettings.device,
    precision: PrecisionOption = ModelSettings.precision,
    batch: Annotated[
        int | None, typer.Option(min=1, help="Pictures a pass; 1 on the CPU.", rich_help_panel=RUN)
    ] = CutSettings.batch,
    offline: OfflineOption = ModelSettings.offline,
    accept_licence: LicenceOption = ModelSettings.accept_licence,
    on_empty: Annotated[
        OnEmpty,
        typer.Option(
            help="When nothing is found: write it empty, skip, copy, or fail.", rich_help_panel=RUN
        ),
    ] = CutSettings.on_empty,
    redo: Annotated[
        bool,
        typer.Option(
            "--redo/--resume", help="Do all again, or only what is not done.", rich_help_panel=RUN
        ),
    ] = CutSettings.redo,
    fail_fast: Annotated[
        bool,
        typer.Option("--fail-fast", help="Stop at the first failure.", rich_help_panel=RUN),
    ] = CutSettings.fail_fast,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Show what would be written.", rich_help_panel=RUN),
    ] = CutSettings.dry_run,
    report: Annotated[
        Path | None,
        typer.Option(help="Write one JSON line per picture to a file.", rich_help_panel=RUN),
    ] = CutSettings.report,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Cut the object out of pictures and whole folders."""
    settings = CutSettings(
        inputs=tuple(inputs or ()),
        recursive=recursive,
        files_from=files_from,
        null_separated=null_separated,
        max_pixels=max_pixels,
        out=out,
        name=name,
        emit=choices(emit, Product, "--emit"),
        format=format,
        mask_bits=mask_bits,
        quality=quality,
        png_level=png_level,
        alpha=alpha,
        threshold=threshold,
        levels=two_numbers(levels, "--levels"),
        min_area=min_area,
        fill_holes=fill_holes,
        grow=grow,
        shrink=shrink,
        invert=invert,
        keep_colors=keep_colors,
        bleed=bleed,
        background=background,
        crop=crop,
        margin=margin,
        model=ModelSettings(
            model=model,
            tile_order=tile_order,
            device=device,
            precision=precision,
            offline=offline,
            accept_licence=accept_licence,
        ),
        batch=batch,
        on_empty=on_empty,
        dry_run=dry_run,
        redo=redo,
        fail_fast=fail_fast,
        report=report,
    )
    warnings.simplefilter("ignore")  # libraries' asides are no words for users
    from birefcli.workflows.cut import prepare

    prepared = prepare(settings)
    if settings.dry_run:
        _show_plan(prepared, as_json=as_json)
        is_whole = not (prepared.inputs.missing or prepared.inputs.closed)
        raise typer.Exit(ExitCode.OK if is_whole else ExitCode.FAILED)
    _check_streams(prepared, as_json=as_json)
    raise typer.Exit(_run(prepared, as_json=as_json, quiet=quiet))


def _check_streams(prepared: "PreparedCut", *, as_json: bool) -> None:
    """Refuse what would pour a picture onto a terminal, wait for one from it, or mix two things."""
    if any(source.path is None for source in prepared.inputs.sources) and sys.stdin.isatty():
        raise UsageError("standard input is a terminal; pipe a picture in, or name a file")
    if any("-" in job.targets.values() for job in prepared.plan.jobs):
        if as_json:
            raise UsageError("--json and a picture cannot share standard output; use --report FILE")
        if sys.stdout.isatty():
            raise UsageError("a picture would be poured onto the terminal; give -o FILE or a pipe")


def _run(prepared: "PreparedCut", *, as_json: bool, quiet: bool) -> int:
    """Cut everything, show how it goes, and give the exit code."""
    from birefcli.batch.executor import StopFlag
    from birefcli.batch.report import RunReport
    from birefcli.models.segmenter import (
        LoadedSegmenter,
        asked_model,
        load_segmenter,
        require_device,
    )
    from birefcli.models.store import ModelInfo, Purpose
    from birefcli.workflows.cut import cut as cut_all

    settings = prepared.settings
    inputs = prepared.inputs
    require_device(settings.model)
    stop = StopFlag()
    report = RunReport(planned=len(prepared.plan.jobs) + len(inputs.missing) + len(inputs.closed))
    with Console(report.planned, as_json=as_json, quiet=quiet, report=settings.report) as console:
        model = asked_model(settings.model, Purpose.CUT, console.warn)
        console.model = ModelInfo(
            model.name, model.sha256, model.licence, model.tile_order or "unknown"
        )

        def load() -> LoadedSegmenter:
            loaded = load_segmenter(settings.model, model, console.say)
            console.model, console.device = loaded.model, loaded.device
            return loaded

        with Signals(stop, console.warn, "finishing the pictures in flight") as signals:
            for outcome in cut_all(prepared, model, load, stop):
                report.outcomes.append(outcome)
                console.show(outcome)
                if not (console.is_read or stop.asked):
                    console.say("nobody reads standard output any more: stopping")
                    stop.ask()
        if inputs.left_out:
            console.say(f"left out: {inputs.left_out}")
        console.sum_up(report)
    return signals.exit_code or report.exit_code


def _show_plan(prepared: "PreparedCut", *, as_json: bool) -> None:
    """Print every source and its targets; nothing is written."""
    from birefcli.batch.report import to_line

    let_any_name_through(sys.stdout)
    for job in prepared.plan.jobs:
        targets = [t if t == "-" else str(job.path(p)) for p, t in job.targets.items()]
        if as_json:
            line = to_line({"source": job.source.name, "targets": targets})
        else:
            line = f"{job.source.name} -> {', '.join(targets)}"
        sys.stdout.write(line + "\n")
    for text in prepared.inputs.missing:
        typer.echo(f"failed: there is no {text}; check the path", err=True)
    for folder in prepared.inputs.closed:
        typer.echo(f"failed: cannot list {folder}: no permission", err=True)
    typer.echo(f"{plural(len(prepared.plan.jobs), 'picture')} planned", err=True)
    if prepared.inputs.left_out:
        typer.echo(f"left out: {prepared.inputs.left_out}", err=True)
