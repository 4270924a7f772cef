"""What `birefcli eval` was asked: what is scored, by which metrics, with which bars."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from birefcli.errors import UsageError
from birefcli.settings.cut import CutSettings
from birefcli.settings.model import ModelSettings


class Metric(StrEnum):
    """A score of `birefcli eval`, in the order of the table."""

    S = "S"
    MAX_F = "maxF"
    MEAN_F = "meanF"
    ADP_F = "adpF"
    WF = "wF"
    MAX_E = "maxE"
    MEAN_E = "meanE"
    ADP_E = "adpE"
    MAE = "MAE"
    MSE = "MSE"
    HCE = "HCE"
    MBA = "mBA"
    MAX_BIOU = "maxBIoU"
    MEAN_BIOU = "meanBIoU"
    IOU = "IoU"
    ACC = "Acc"
    # Against the soft truth; the others cut it into object and ground.
    SAD = "SAD"
    AMSE = "aMSE"
    GRAD = "Grad"
    CONN = "Conn"

    @property
    def is_error(self) -> bool:
        """Whether lower is better."""
        errors = (Metric.MAE, Metric.MSE, Metric.HCE)
        return self in errors or self in MATTING


MATTING = (Metric.SAD, Metric.AMSE, Metric.GRAD, Metric.CONN)


SEGMENTATION = tuple(metric for metric in Metric if metric not in MATTING)


class EvalProtocol(StrEnum):
    """How predictions are prepared: as they are, or as the benchmark's own code does it."""

    DEFAULT = "default"
    OFFICIAL = "official"


@dataclass(frozen=True)
class Bar:
    """What a score must reach, or an error must not exceed."""

    metric: Metric
    value: float


@dataclass(frozen=True, kw_only=True)
class EvalSettings:
    """Everything `birefcli eval` needs to know."""

    # Predictions and truths, or one folder of pictures with their truths that models are run on.
    folders: tuple[Path, ...]
    models: tuple[ModelSettings, ...] = ()
    protocol: EvalProtocol = EvalProtocol.DEFAULT
    metrics: tuple[Metric, ...] = SEGMENTATION
    fail_below: tuple[Bar, ...] = ()
    csv: Path | None = None
    gallery: Path | None = None
    max_pixels: int = CutSettings.max_pixels

    def __post_init__(self) -> None:
        if len(self.folders) not in (1, 2):
            raise UsageError("give PRED_DIR GT_DIR, or one folder of pictures with their truths")
        if len(self.folders) == 2 and self.models:
            raise UsageError("--model wants one folder of pictures with their truths, not two")
        if self.gallery is not None and self.gallery.suffix.lower() != ".webp":
            raise UsageError(f"--gallery writes webp; call it {self.gallery.with_suffix('.webp')}")
