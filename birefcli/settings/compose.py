"""What `birefcli compose` was asked: which stack, and where its picture goes."""

from dataclasses import dataclass
from pathlib import Path

from birefcli.errors import UsageError
from birefcli.settings.options import REQUIRED, option


@dataclass(frozen=True, kw_only=True)
class ComposeSettings:
    """Everything `birefcli compose` needs to know."""

    folder: Path = option(
        REQUIRED,
        "A stack's folder, as `birefcli peel` writes it.",
        is_argument=True,
        metavar="DIR",
    )
    out: str | None = option(
        None, "Default: DIR/composed.png.", names=("--out", "-o"), metavar="FILE|-"
    )
    redo: bool = option(False, "Replace FILE if it is not ours.")

    def __post_init__(self) -> None:
        if self.out == "":
            raise UsageError("-o is an empty text; is a variable of your script unset?")
