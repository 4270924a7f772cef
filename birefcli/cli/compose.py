"""birefcli compose: a stack's layers, edited or not, laid back into one picture."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from birefcli.errors import UsageError


def compose(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="A stack's folder, as `birefcli peel` writes it.")
    ],
    out: Annotated[
        str | None,
        typer.Option("--out", "-o", metavar="FILE|-", help="Default: DIR/composed.png."),
    ] = None,
    redo: Annotated[bool, typer.Option("--redo", help="Replace FILE if it is not ours.")] = False,
) -> None:
    """Lay the layers of a stack back into one picture."""
    from birefcli.stack.compose import compose_stack, composed_bytes

    if out == "":
        raise UsageError("-o is an empty text; is a variable of your script unset?")
    if out == "-":
        if sys.stdout.isatty():
            raise UsageError("a picture would be poured onto the terminal; give -o FILE or a pipe")
        sys.stdout.buffer.write(composed_bytes(folder))
        sys.stdout.buffer.flush()
        return
    typer.echo(str(compose_stack(folder, None if out is None else Path(out), replaces=redo)))
