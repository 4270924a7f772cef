"""The program's door: `birefcli` and `python -m birefcli` come in here."""

import os
import sys
from pathlib import Path

from birefcli.cli import app


def main() -> None:
    """Run the command line and leave with its exit code."""
    open_closed_streams()
    app(prog_name="birefcli")


def open_closed_streams() -> None:
    """Give a program that was started without one of its streams an empty one in its place."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            stream = Path(os.devnull).open(mode, encoding="utf-8")  # noqa: SIM115 (it stays open)
            setattr(sys, name, stream)


if __name__ == "__main__":
    main()
