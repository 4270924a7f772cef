"""What every run over many pictures is told: what it reads, what it says, and when it stops."""

from dataclasses import dataclass, field
from pathlib import Path

from birefcli.errors import UsageError
from birefcli.settings.options import Panel, option


@dataclass(frozen=True, kw_only=True)
class QuietSettings:
    """What a command says beside its results."""

    # The names of the options that were given on the command line.
    given: frozenset[str] = field(default=frozenset(), compare=False, repr=False)
    quiet: bool = option(
        False,
        "Only say what went wrong.",
        panel=Panel.RUN,
        names=("--quiet", "-q"),
        is_of_run=True,
    )


@dataclass(frozen=True, kw_only=True)
class JsonSettings:
    """How a command gives its results."""

    as_json: bool = option(
        False, "Give results as JSON on stdout.", panel=Panel.RUN, names=("--json",), is_of_run=True
    )


@dataclass(frozen=True, kw_only=True)
class PixelLimit:
    """How large a picture may be."""

    max_pixels: int = option(
        200_000_000, "Refuse pictures with more pixels.", panel=Panel.INPUT, min=1
    )


@dataclass(frozen=True, kw_only=True)
class InputSettings(PixelLimit):
    """Which pictures are read."""

    inputs: tuple[str, ...] = option(
        (),
        "Pictures, folders, patterns, or - for standard input.",
        is_argument=True,
        is_of_run=True,
    )
    recursive: bool = option(True, "Read the folders inside folders too.", panel=Panel.INPUT)
    files_from: str | None = option(
        None, "Read paths from a file or -, one a line.", panel=Panel.INPUT, is_of_run=True
    )
    null_separated: bool = option(
        False,
        "Paths are separated by NUL.",
        panel=Panel.INPUT,
        names=("--null", "-0"),
        is_of_run=True,
    )

    def check_inputs(self) -> None:
        """Refuse a run that names nothing to read."""
        if self.null_separated and self.files_from is None:
            raise UsageError("-0 needs --files-from")
        if not self.inputs and self.files_from is None:
            raise UsageError("give a picture, a folder, - for standard input, or --files-from FILE")


@dataclass(frozen=True, kw_only=True)
class RunSettings(JsonSettings, QuietSettings):
    """How a run over many pictures goes."""

    redo: bool = option(
        False,
        "Do all again, or go on with what is not done.",
        panel=Panel.RUN,
        names=("--redo/--resume",),
        is_of_run=True,
    )
    fail_fast: bool = option(False, "Stop at the first failure.", panel=Panel.RUN)
    dry_run: bool = option(False, "Show what would be written.", panel=Panel.RUN, is_of_run=True)
    report: Path | None = option(
        None,
        "Write one JSON line per picture to a file.",
        panel=Panel.RUN,
        metavar="FILE",
        is_of_run=True,
    )
    config: Path | None = option(
        None,
        "Take settings from this file, and not from birefcli.toml in the current folder.",
        panel=Panel.RUN,
        metavar="FILE",
        is_of_run=True,
    )
