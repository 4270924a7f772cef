"""The command line: one short file per command, and one place where errors become exit codes."""

import os
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from birefcli.cli import (
    bench,
    compose,
    config,
    cut,
    doctor,
    eval,
    evaluate_stacks,
    models,
    peel,
    synth,
    train,
)
from birefcli.cli.command import in_help
from birefcli.errors import BirefcliError, ExitCode
from birefcli.version import __version__

COMMANDS = (
    *(cut.cut, peel.peel, compose.compose, train.train, synth.synth, eval.eval),
    *(evaluate_stacks.eval_peel, bench.bench, doctor.doctor, config.config),
)


class Commands(TyperGroup):
    """The commands; whatever goes wrong in one ends in one sentence and an honest exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except BirefcliError as error:
            _say(str(error))
            raise typer.Exit(error.exit_code) from error
        except KeyboardInterrupt as error:
            _say("interrupted")
            raise typer.Exit(ExitCode.INTERRUPTED) from error
        except BrokenPipeError as error:
            # The reader went away; what is left in the buffer has nowhere to go.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(ExitCode.FAILED) from error
        except (typer.Exit, typer.Abort, typer.BadParameter):
            raise
        except Exception as error:
            if os.environ.get("BIREFCLI_DEBUG") or _is_usage(error):
                raise
            _say(f"internal error, please report it: {type(error).__name__}: {error}")
            _say("run again with BIREFCLI_DEBUG=1 to see where")
            raise typer.Exit(ExitCode.INTERNAL) from error


app = typer.Typer(
    cls=Commands,
    name="birefcli",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    epilog=in_help(one.examples[0] for one in COMMANDS[:4]),
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"birefcli {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version and stop."
        ),
    ] = False,
) -> None:
    """Cut the object out of pictures with BiRefNet, in bulk."""


for command in COMMANDS:
    command.add_to(app)
app.add_typer(models.app)


def _is_usage(error: Exception) -> bool:
    """Tell whether Typer's own parser is complaining; it prints and exits by itself."""
    return hasattr(error, "exit_code") and hasattr(error, "show")


def _say(text: str) -> None:
    typer.echo(f"birefcli: {text}", err=True)
