"""Options that several commands share, and how their words are read."""

from collections.abc import Iterable
from typing import Annotated, TypeVar

import typer

from birefcli.settings.model import Precision, TileOrder

E = TypeVar("E", bound=str)

INPUT = "Input"  # the panel of the options that say what is read

InputsArgument = Annotated[
    list[str] | None, typer.Argument(help="Pictures, folders, patterns, or - for standard input.")
]
RecursiveOption = Annotated[bool, typer.Option("--recursive/--no-recursive", rich_help_panel=INPUT)]
FilesFromOption = Annotated[
    str | None,
    typer.Option(
        "--files-from", help="Read paths from a file or -, one a line.", rich_help_panel=INPUT
    ),
]
NullOption = Annotated[
    bool, typer.Option("--null", "-0", help="Paths are separated by NUL.", rich_help_panel=INPUT)
]
MaxPixelsOption = Annotated[
    int,
    typer.Option(
        "--max-pixels", min=1, help="Refuse pictures with more pixels.", rich_help_panel=INPUT
    ),
]
ModelOption = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        help="A run folder, a weights file, a name of `birefcli models list`, or hf:owner/name.",
    ),
]
TileOrderOption = Annotated[
    TileOrder, typer.Option("--tile-order", help="How an unknown checkpoint stacks tiles.")
]
DeviceOption = Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:N or mps.")]
PrecisionOption = Annotated[
    Precision, typer.Option("--precision", help="Arithmetic of the network.")
]
OfflineOption = Annotated[bool, typer.Option("--offline", help="Never download anything.")]
LicenceOption = Annotated[
    bool, typer.Option("--accept-licence", help="Accept a non-commercial licence.")
]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Only say what went wrong.")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON line per picture on stdout.")]


def choices(words: list[str], known: Iterable[E], option: str) -> tuple[E, ...]:
    """Read words given one by one or separated by commas, each once, in their order.

    `known` are the words that may be given, such as an enum's.
    """
    by_word = {str(one): one for one in known}
    found: dict[E, None] = {}
    for word in ",".join(words).split(","):
        try:
            found[by_word[word.strip()]] = None
        except KeyError:
            raise typer.BadParameter(
                f"{word.strip()!r} is not one of {', '.join(by_word)}", param_hint=option
            ) from None
    return tuple(found)


def two_numbers(text: str, option: str) -> tuple[float, float]:
    """Read LOW,HIGH."""
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not LOW,HIGH", param_hint=option) from None
    return low, high
