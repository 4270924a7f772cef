"""The results of a peel: the record of its engine, its proven files, and its outcome."""

from pathlib import Path

from birefcli.batch import Outcome, Status
from birefcli.image import Rgba
from birefcli.inpaint import Inpainter, provenance_of
from birefcli.models import ModelFile
from birefcli.settings import PeelCommand, deciding
from birefcli.stack import (
    EngineRecord,
    SourceRecord,
    Stack,
    measure_recomposition,
    require_exact,
    stack_files,
)
from birefcli.version import __version__


def engine_of(
    settings: PeelCommand,
    model: ModelFile,
    partner: ModelFile,
    inpainter: Inpainter,
    depth: str | None,
) -> EngineRecord:
    """Say what peels, as the manifest tells it; `depth` is the name of a depth model."""
    return EngineRecord(
        version=__version__,
        segmenter=model.name,
        segmenter_sha256=model.sha256,
        segmenter_size=(model.size[1], model.size[0]) if model.size else None,
        inpaint=inpainter.name,
        inpaint_weights=provenance_of(inpainter),
        depth=depth,
        seed=settings.peel.seed,
        options={
            **deciding(settings, leaving=["model"]),
            "beside": {"id": partner.name, "sha256": partner.sha256},
        },
    )


def proven_files(
    stack: Stack,
    picture: Rgba,
    source: SourceRecord,
    engine: EngineRecord,
    settings: PeelCommand,
    *,
    name: str,
) -> dict[str, bytes]:
    """Encode a stack of `picture` (H, W, 4), and give its files by name.

    Unless it is not wanted, every file is read again and compared: one that does not give the
    picture back bit for bit is a PictureError that calls it `name`.
    """
    verdict = measure_recomposition(stack, picture)
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
