"""Options that several commands share, and how their words are read."""

from enum import StrEnum
from typing import Annotated, TypeVar

import typer

from birefcli.settings.model import Precision, TileOrder

E = TypeVar("E", bound=StrEnum)

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


def choices(words: list[str], kind: type[E], option: str) -> tuple[E, ...]:
    """Read words given one by one or separated by commas, each once, in their order."""
    found: dict[E, None] = {}
    for word in ",".join(words).split(","):
        try:
            found[kind(word.strip())] = None
        except ValueError:
            known = ", ".join(kind)
            raise typer.BadParameter(
                f"{word.strip()!r} is not one of {known}", param_hint=option
            ) from None
    return tuple(found)


def two_numbers(text: str, option: str) -> tuple[float, float]:
    """Read LOW,HIGH."""
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not LOW,HIGH", param_hint=option) from None
    return low, high
