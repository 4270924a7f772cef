"""birefcli bench: how long a picture takes on this machine, stage by stage."""

import json
from typing import TYPE_CHECKING, Any

import typer

from birefcli.cli.choices import inpainters
from birefcli.cli.command import command
from birefcli.cli.console import Console, plural
from birefcli.settings import BenchSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from birefcli.models import LoadedSegmenter, PeelModels
    from birefcli.workflows import Clock


@command(
    BenchSettings,
    examples=("birefcli bench -n 5 --side 512", "birefcli bench --peel --inpaint membrane --json"),
    choices={"inpaint": inpainters},
)
def bench(settings: BenchSettings) -> None:
    """Time the stages of a cut or a peel on drawn pictures."""
    from birefcli.workflows import load_inpainter, time_stages

    inpainter = load_inpainter(settings.inpaint, device=settings.model.device)
    with Console(settings.number, as_json=settings.as_json, quiet=settings.quiet) as console:
        models = _loaded(settings, console)
        clocks = list(time_stages(settings, models.whole, inpainter, models.topmost))
    found = _summary(settings, models.named, clocks)
    typer.echo(json.dumps(found, indent=2) if settings.as_json else "\n".join(_lines(found)))


def _loaded(settings: BenchSettings, console: Console) -> "PeelModels":
    """Load the model that `cut` or `peel` would take."""
    from birefcli.models import (
        PeelModels,
        Purpose,
        asked_model,
        load_peel_models,
        load_segmenter,
        require_device,
    )

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
    from birefcli.workflows import BenchStage, peak_memory

    count, total = len(clocks), sum(clock.total for clock in clocks)
    found: dict[str, Any] = {
        "command": "peel" if settings.is_peel else "cut",
        "model": loaded.model.name,
        "device": loaded.device,
        "pictures": count,
        "side": settings.side,
        "ms": {
            stage.value: 1000 * sum(clock.seconds.get(stage, 0) for clock in clocks) / count
            for stage in BenchStage
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
