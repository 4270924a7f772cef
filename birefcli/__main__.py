"""The entry point of `birefcli` and of `python -m birefcli`."""

import os
import sys
from collections.abc import MutableMapping
from pathlib import Path

from birefcli.errors import ExitCode


def main() -> None:
    """Run the command line and leave with its exit code."""
    open_closed_streams()
    let_waiting_threads_rest(os.environ)
    try:
        # Importing takes a moment in which Ctrl-C is as good as later.
        from birefcli.cli import app

        app(prog_name="birefcli")
    except KeyboardInterrupt:
        sys.stderr.write("birefcli: interrupted\n")
        sys.exit(ExitCode.INTERRUPTED)


def open_closed_streams() -> None:
    """Give a program that was started without one of its streams an empty one in its place."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            stream = Path(os.devnull).open(mode, encoding="utf-8")  # noqa: SIM115 (it stays open)
            setattr(sys, name, stream)


def let_waiting_threads_rest(environment: MutableMapping[str, str]) -> None:
    """Keep the network's threads from spinning long while they wait for each other.

    OpenMP reads this once, before torch loads. By default it spins so long that a busy machine
    computes more than ten times slower; whoever sets OpenMP's own variables is left alone.
    """
    if "OMP_WAIT_POLICY" not in environment:
        environment.setdefault("GOMP_SPINCOUNT", "1000")


if __name__ == "__main__":
    main()
