"""Every command of the program, as its own parser knows it, and a way to run one."""

import signal
from collections.abc import Iterator
from typing import Any

import typer.main
from typer.testing import CliRunner, Result

from birefcli.cli import app


def invoke(*arguments: str, stdin: bytes | None = None) -> Result:
    """Run the program in this process; it ends in words, and leaves the signals as they were."""
    before = signal.getsignal(signal.SIGINT)
    result = CliRunner().invoke(app, arguments, input=stdin)
    assert signal.getsignal(signal.SIGINT) == before
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert "Traceback" not in result.output
    return result


def commands() -> dict[str, frozenset[str]]:
    """The long options of every command by its words: "", "cut", "models", "models list", …"""
    return dict(_walk(typer.main.get_command(app), ()))


def _walk(command: Any, words: tuple[str, ...]) -> Iterator[tuple[str, frozenset[str]]]:
    options = (
        option
        for parameter in command.params
        if parameter.param_type_name == "option" and not parameter.hidden
        for option in (*parameter.opts, *parameter.secondary_opts)
    )
    yield " ".join(words), frozenset(o for o in options if o.startswith("--")) | {"--help"}
    for name, inner in getattr(command, "commands", {}).items():
        if not inner.hidden:
            yield from _walk(inner, (*words, name))
