"""birefcli cut: masks and cutouts of pictures and whole folders."""

import json
import signal
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from birefcli.cli.console import Console, is_binary_to_terminal, plural
from birefcli.cli.options import (
    DeviceOption,
    JsonOption,
    LicenceOption,
    ModelOption,
    OfflineOption,
    PrecisionOption,
    QuietOption,
    TileOrderOption,
    choices,
    two_numbers,
)
from birefcli.errors import ExitCode, UsageError
from birefcli.settings import AlphaMode, CutSettings, Format, ModelSettings, OnEmpty, Product

if TYPE_CHECKING:
    from birefcli.cut import Prepared
    from birefcli.executor import Stop

INPUT, OUTPUT, MATTE, PIXELS, RUN = "Input", "Output", "Matte", "Colour and frame", "Run"


def cut(
    inputs: Annotated[
        list[str] | None,
        typer.Argument(help="Pictures, folders, patterns, or - for standard input."),
    ] = None,
    recursive: Annotated[
        bool, typer.Option("--recursive/--no-recursive", rich_help_panel=INPUT)
    ] = CutSettings.recursive,
    files_from: Annotated[
        str | None,
        typer.Option(help="Read paths from a file or -, one a line.", rich_help_panel=INPUT),
    ] = CutSettings.files_from,
    null_separated: Annotated[
        bool,
        typer.Option("--null", "-0", help="Paths are separated by NUL.", rich_help_panel=INPUT),
    ] = CutSettings.null_separated,
    max_pixels: Annotated[
        int,
        typer.Option(min=1, help="Refuse pictures with more pixels.", rich_help_panel=INPUT),
    ] = CutSettings.max_pixels,
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
    ] = ",".join(str(level) for level in CutSettings.levels),
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
            metavar="COLOR", help="Lay the object on a colour: white, #ff8800, 10,20,30.",
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
    from birefcli.cut import prepare

    prepared = prepare(settings)
    if settings.dry_run:
        _show_plan(prepared, as_json=as_json)
        raise typer.Exit(ExitCode.FAILED if prepared.inputs.missing else ExitCode.OK)
    if any(is_binary_to_terminal(t) for job in prepared.plan.jobs for t in job.targets.values()):
        raise UsageError("a picture would be poured onto the terminal; give -o FILE or a pipe")
    raise typer.Exit(_run(prepared, as_json=as_json, quiet=quiet))


def _run(prepared: "Prepared", *, as_json: bool, quiet: bool) -> int:
    """Cut everything, show how it goes, and give the exit code."""
    from birefcli.cut import cut as cut_all
    from birefcli.executor import Stop
    from birefcli.modelstore import default_model, resolve
    from birefcli.report import RunReport
    from birefcli.segmenter import LoadedSegmenter, load_segmenter

    settings = prepared.settings
    stop = Stop()
    report = RunReport(planned=len(prepared.plan.jobs) + len(prepared.inputs.missing))
    with Console(report.planned, as_json=as_json, quiet=quiet, report=settings.report) as console:
        name, is_named = settings.model.model, settings.model.model is not None
        if name is None:
            name, is_named = default_model("cut")
        model = resolve(
            name,
            consent=is_named,
            offline=settings.model.offline,
            accept_licence=settings.model.accept_licence,
            say=console.warn,
        )

        def load() -> LoadedSegmenter:
            console.loaded = load_segmenter(settings.model, model, console.say)
            return console.loaded

        signals = _Signals(stop, console)
        for outcome in cut_all(prepared, model, load, stop):
            report.outcomes.append(outcome)
            console.show(outcome)
        if prepared.inputs.left_out:
            console.say(f"left out: {prepared.inputs.left_out}")
        console.sum_up(report)
    return signals.exit_code or report.exit_code


class _Signals:
    """The first Ctrl-C or SIGTERM ends the run in good order, the second at once."""

    def __init__(self, stop: "Stop", console: Console) -> None:
        self.stop = stop
        self.console = console
        self.exit_code: ExitCode | None = None
        signal.signal(signal.SIGINT, self._caught)
        signal.signal(signal.SIGTERM, self._caught)

    def _caught(self, number: int, frame: Any) -> None:
        is_interrupt = number == signal.SIGINT
        self.exit_code = ExitCode.INTERRUPTED if is_interrupt else ExitCode.TERMINATED
        signal.signal(number, signal.SIG_DFL)
        self.stop.ask()
        self.console.warn("stopping: finishing the pictures in flight (again to stop at once)")


def _show_plan(prepared: "Prepared", *, as_json: bool) -> None:
    """Print every source and its targets; nothing is read or written."""
    for job in prepared.plan.jobs:
        targets = [t if t == "-" else str(job.path(p)) for p, t in job.targets.items()]
        if as_json:
            line = json.dumps({"source": job.source.name, "targets": targets}, ensure_ascii=False)
        else:
            line = f"{job.source.name} -> {', '.join(targets)}"
        sys.stdout.write(line + "\n")
    for text in prepared.inputs.missing:
        typer.echo(f"failed: there is no {text}", err=True)
    typer.echo(f"{plural(len(prepared.plan.jobs), 'picture')} planned", err=True)
    if prepared.inputs.left_out:
        typer.echo(f"left out: {prepared.inputs.left_out}", err=True)

