"""What is asked of a model: which one, where it computes, and how precisely."""

from dataclasses import dataclass
from enum import StrEnum

from birefcli.errors import UsageError


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
class ModelSettings:
    """Which network runs, and where."""

    model: str | None = None
    tile_order: TileOrder = TileOrder.AUTO
    device: str = "auto"
    precision: Precision = Precision.AUTO
    offline: bool = False
    accept_licence: bool = False

    def __post_init__(self) -> None:
        if self.model == "":
            raise UsageError("--model is an empty text; is a variable of your script unset?")


ANY_MODEL = ModelSettings()
