"""How the peel of a picture ends: in files that are proven, and in an outcome."""

from pathlib import Path

from birefcli.arrays import Rgba
from birefcli.layers.facts import Engine, Source
from birefcli.layers.folder import stack_files
from birefcli.layers.verify import judge, require_exact
from birefcli.peel.stack import Stack
from birefcli.report import Outcome, Status
from birefcli.settings import PeelCommand


def proven_files(
    stack: Stack,
    picture: Rgba,
    source: Source,
    engine: Engine,
    settings: PeelCommand,
    *,
    name: str,
) -> dict[str, bytes]:
    """Encode a stack, and prove every file of it unless that is not wanted."""
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
