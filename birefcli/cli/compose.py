"""birefcli compose: a stack's layers, edited or not, laid back into one picture."""

import sys
from pathlib import Path

import typer

from birefcli.cli.command import command
from birefcli.errors import UsageError
from birefcli.settings import ComposeSettings


@command(
    ComposeSettings,
    examples=("birefcli compose scene.peel", "birefcli compose scene.peel -o - > scene.png"),
)
def compose(settings: ComposeSettings) -> None:
    """Lay the layers of a stack back into one picture."""
    from birefcli.stack import compose_stack, composed_bytes

    if settings.out == "-":
        if sys.stdout.isatty():
            raise UsageError("a picture would be poured onto the terminal; give -o FILE or a pipe")
        sys.stdout.buffer.write(composed_bytes(settings.folder))
        sys.stdout.buffer.flush()
        return
    target = None if settings.out is None else Path(settings.out)
    typer.echo(str(compose_stack(settings.folder, target, replaces=settings.redo)))
