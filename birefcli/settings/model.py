"""What is asked of a model: which one, where it computes, and how precisely."""

from dataclasses import dataclass
from enum import StrEnum

from birefcli.errors import UsageError
from birefcli.settings.options import Panel, option


class Precision(StrEnum):
    """The arithmetic of the network."""

    AUTO = "auto"
    FP32 = "fp32"
    BF16 = "bf16"
    FP16 = "fp16"


class TileOrder(StrEnum):
    """How a checkpoint stacks the picture's tiles; it changed in November 2024."""

    AUTO = "auto"
    NEW = "new"
    OLD = "old"


@dataclass(frozen=True, kw_only=True)
class NetworkSettings:
    """How a network runs, whichever it is."""

    tile_order: TileOrder = option(
        TileOrder.AUTO,
        "How an unknown checkpoint stacks tiles.",
        panel=Panel.MODEL,
        changes_bytes=True,
    )
    device: str = option("auto", "auto, cpu, cuda, cuda:N or mps.", panel=Panel.MODEL)
    precision: Precision = option(
        Precision.AUTO, "Arithmetic of the network.", panel=Panel.MODEL, changes_bytes=True
    )
    offline: bool = option(False, "Never download anything.", panel=Panel.MODEL)
    accept_licence: bool = option(
        False, "Accept a non-commercial licence.", panel=Panel.MODEL, is_of_run=True
    )


@dataclass(frozen=True, kw_only=True)
class NamedModel:
    """Which network runs."""

    # Its file's hash, and not its name, decides a result's bytes.
    model: str | None = option(
        None,
        "A run folder, a weights file, a name of `birefcli models list`, or hf:owner/name.",
        panel=Panel.MODEL,
        names=("--model", "-m"),
    )


@dataclass(frozen=True, kw_only=True)
class ModelSettings(NetworkSettings, NamedModel):
    """Which network runs, and how."""

    # Whether it is named on the command line, and not in a file: only then may it be downloaded.
    model_is_named: bool = True

    def __post_init__(self) -> None:
        if self.model == "":
            raise UsageError("--model is an empty text; is a variable of your script unset?")


ANY_NETWORK = NetworkSettings()
ANY_MODEL = ModelSettings()
