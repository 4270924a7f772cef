"""birefcli bench: how long a picture takes on this machine, stage by stage."""

import json
import warnings
from typing import TYPE_CHECKING, Annotated, Any

import typer

from birefcli.cli.console import Console, plural
from birefcli.cli.options import (
    DeviceOption,
    LicenceOption,
    ModelOption,
    OfflineOption,
    PrecisionOption,
    QuietOption,
    TileOrderOption,
)
from birefcli.settings.bench import BenchSettings
from birefcli.settings.model import ModelSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from birefcli.models.peel_models import PeelModels
    from birefcli.models.segmenter import LoadedSegmenter
    from birefcli.workflows.bench import Clock


def bench(
    peel: Annotated[
        bool, typer.Option("--peel", help="Peel the pictures instead of cutting them.")
    ] = BenchSettings.is_peel,
    number: Annotated[
        int, typer.Option("--number", "-n", min=1, help="How many pictures.")
    ] = BenchSettings.number,
    side: Annotated[
        int, typer.Option(min=64, help="Their shorter side; they are drawn 4 to 3.")
    ] = BenchSettings.side,
    inpaint: Annotated[
        str, typer.Option(help="What fills holes, as in `birefcli peel`.")
    ] = BenchSettings.inpaint,
    model: ModelOption = None,
    tile_order: TileOrderOption = ModelSettings.tile_order,
    device: DeviceOption = ModelSettings.device,
    precision: PrecisionOption = ModelSettings.precision,
    offline: OfflineOption = ModelSettings.offline,
    accept_licence: LicenceOption = ModelSettings.accept_licence,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    quiet: QuietOption = False,
) -> None:
    """Time the stages of a cut or a peel on drawn pictures."""
    from birefcli.workflows.bench import bench as walk
    from birefcli.workflows.inpainter import load_inpainter

    settings = BenchSettings(
        is_peel=peel,
        number=number,
        side=side,
        inpaint=inpaint,
        model=ModelSettings(
            model=model,
            tile_order=tile_order,
            device=device,
            precision=precision,
            offline=offline,
            accept_licence=accept_licence,
        ),
    )
    warnings.simplefilter("ignore")  # libraries' asides are no words for users
    inpainter = load_inpainter(settings.inpaint, device=settings.model.device)
    with Console(number, as_json=as_json, quiet=quiet) as console:
        models = _loaded(settings, console)
        clocks = list(walk(settings, models.whole, inpainter, models.topmost))
    found = _summary(settings, models.named, clocks)
    typer.echo(json.dumps(found, indent=2) if as_json else "\n".join(_lines(found)))


def _loaded(settings: BenchSettings, console: Console) -> "PeelModels":
    """Load the model that `cut` or `peel` would take."""
    from birefcli.models.peel_models import PeelModels, load_peel_models
    from birefcli.models.segmenter import asked_model, load_segmenter, require_device
    from birefcli.models.store import Purpose

    require_device(settings.model)
    purpose = Purpose.PEEL if settings.is_peel else Purpose.CUT
    model = asked_model(settings.model, purpose, console.warn)
    if settings.is_peel:
        return load_peel_models(settings.model, model, console.say)
    loaded = load_segmenter(settings.model, model, console.say)
    return PeelModels(loaded, loaded.segment)


def _summary(
    settings: BenchSettings, loaded: "LoadedSegmenter", clocks: "Sequence[Clock]"
) -> dict[str, Any]:
    """Give the mean of every stage in ms, and what the whole amounts to."""
    from birefcli.workflows.bench import Stage, peak_memory

    count, total = len(clocks), sum(clock.total for clock in clocks)
    found: dict[str, Any] = {
        "command": "peel" if settings.is_peel else "cut",
        "model": loaded.model.name,
        "device": loaded.device,
        "pictures": count,
        "side": settings.side,
        "ms": {
            stage.value: 1000 * sum(clock.seconds.get(stage, 0) for clock in clocks) / count
            for stage in Stage
            if any(stage in clock.seconds for clock in clocks)
        },
        "ms_a_picture": 1000 * total / count,
        "pictures_a_second": count / total,
        "peak_memory_mib": peak_memory(),
    }
    if settings.is_peel:
        found["layers"] = sum(clock.layers for clock in clocks) / count
        found["ms_a_pass"] = 1000 * sum(clock.a_pass for clock in clocks) / count
    return found


def _lines(found: dict[str, Any]) -> list[str]:
    """Write the summary for people and for programs that split at tabs."""
    size = f"{round(found['side'] * 4 / 3)}x{found['side']}"
    pictures = plural(found["pictures"], "picture")
    who = f"{found['model']} on {found['device']}"
    lines = [f"# {found['command']}: {pictures} of {size}, {who}, one at a time"]
    whole = found["ms_a_picture"]
    for stage, ms in found["ms"].items():
        lines.append(f"{stage}\t{ms:.1f} ms\t{ms / whole:.0%}")
    lines.append(f"picture\t{whole:.1f} ms\t{found['pictures_a_second']:.2f} a second")
    if "ms_a_pass" in found:
        lines.append(f"pass\t{found['ms_a_pass']:.1f} ms\t{found['layers']:.1f} layers a picture")
    if found["peak_memory_mib"] is not None:
        lines.append(f"memory\t{found['peak_memory_mib']:.0f} MiB\tat most, all told")
    return lines
