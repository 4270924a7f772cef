"""What `birefcli config` was asked: which settings to show."""

from dataclasses import dataclass
from pathlib import Path

from birefcli.settings.options import borrowed, option
from birefcli.settings.run import JsonSettings, RunSettings


@dataclass(frozen=True, kw_only=True)
class ConfigSettings(JsonSettings):
    """Everything `birefcli config` needs to know."""

    config: Path | None = borrowed(RunSettings, "config")
    line: tuple[str, ...] = option(
        (),
        "A command line, such as: cut --crop. Without one, cut and peel are shown.",
        is_argument=True,
        metavar="[COMMAND [OPTIONS]...]",
    )
