"""How the peel of a picture ends: in files that are proven, and in an outcome."""

from pathlib import Path

from birefcli.batch.report import Outcome, Status
from birefcli.image.types import Rgba
from birefcli.settings.peel import PeelCommand
from birefcli.stack.formats.write_all import stack_files
from birefcli.stack.types import EngineRecord, SourceRecord, Stack
from birefcli.stack.verify import measure_recomposition, require_exact


def proven_files(
    stack: Stack,
    picture: Rgba,
    source: SourceRecord,
    engine: EngineRecord,
    settings: PeelCommand,
    *,
    name: str,
) -> dict[str, bytes]:
    """Encode a stack, and prove every file of it unless that is not wanted."""
    difference = measure_recomposition(stack, picture)
    files = stack_files(
        stack, picture, source, engine, difference, settings.formats, explains=settings.explain
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
