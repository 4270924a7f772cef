"""What is left of a peel: who made it, files that are proven, and an outcome."""

from dataclasses import fields
from pathlib import Path
from typing import Any

from birefcli import __version__
from birefcli.batch.report import Outcome, Status
from birefcli.image.types import Rgba
from birefcli.inpaint.protocol import Inpainter
from birefcli.models.store import ModelFile
from birefcli.settings.peel import PeelCommand
from birefcli.stack.formats.write_all import stack_files
from birefcli.stack.provenance import Engine, Source
from birefcli.stack.types import Stack
from birefcli.stack.verify import judge, require_exact


def engine_of(
    settings: PeelCommand,
    model: ModelFile,
    partner: ModelFile,
    inpainter: Inpainter,
    depth: str | None,
) -> Engine:
    """Say what peels, as the manifest tells it; `depth` is the name of a depth model."""
    return Engine(
        version=__version__,
        segmenter=model.name,
        segmenter_sha256=model.sha256,
        segmenter_size=(model.size[1], model.size[0]) if model.size else None,
        inpaint=inpainter.name,
        lama_sha256=lama_sha256(inpainter),
        depth=depth,
        seed=settings.peel.seed,
        options={
            **plain_settings(settings),
            "beside": {"id": partner.name, "sha256": partner.sha256},
        },
    )


def lama_sha256(inpainter: Inpainter) -> str | None:
    """Give the hash of the network that fills, if one does or may."""
    network = getattr(inpainter, "slow", None) or inpainter
    sha256: str | None = getattr(network, "sha256", None)
    return sha256


def plain_settings(settings: PeelCommand) -> dict[str, Any]:
    """Give the settings that decide a stack as plain values, in a fixed order."""
    peel = {one.name: _plain(getattr(settings.peel, one.name)) for one in fields(settings.peel)}
    return {
        **peel,
        "inpaint": settings.inpaint,
        "depth": settings.depth,
        "format": sorted(format.value for format in settings.formats),
        "explain": settings.explain,
    }


def _plain(value: object) -> Any:
    """Write an enum as its word."""
    return getattr(value, "value", value)


def proven_files(
    stack: Stack,
    picture: Rgba,
    source: Source,
    engine: Engine,
    settings: PeelCommand,
    *,
    name: str,
) -> dict[str, bytes]:
    """Encode a stack of `picture` (H, W, 4), and give its files by name.

    Unless it is not wanted, every file is read again and compared: one that does not give the
    picture back bit for bit is a PictureError that calls it `name`.
    """
    verdict = judge(stack, picture)
    files = stack_files(
        stack, picture, source, engine, verdict, settings.formats, explains=settings.explain
    )
    if settings.verify:
        require_exact(name, stack, picture, files)
    return files


def stack_outcome(name: str, folder: Path, stack: Stack) -> Outcome:
    """Say how the peel of a picture ended."""
    if stack.layers:
        status, reason, message = Status.DONE, "", ""
    else:
        status, reason = Status.EMPTY, "nothing-found"
        message = f"nothing to lift off in {name}: {stack.stop.detail}"
    return Outcome(
        name,
        status,
        reason,
        message,
        outputs=(folder,),
        size=stack.size,
        layers=len(stack.layers),
    )
