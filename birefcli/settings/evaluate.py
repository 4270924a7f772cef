"""What `birefcli eval` was asked: what is scored, by which metrics, with which bars."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from birefcli.errors import UsageError
from birefcli.settings.model import ANY_NETWORK, ModelSettings, NetworkSettings
from birefcli.settings.options import REQUIRED, Panel, option
from birefcli.settings.run import JsonSettings, PixelLimit, QuietSettings
from birefcli.settings.words import Bar, Words, bars, chosen, shown


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


SCORE_FILES = (".json", ".csv", ".md")


class EvalProtocol(StrEnum):
    """How predictions are prepared: as they are, or as the benchmark's own code does it."""

    DEFAULT = "default"
    OFFICIAL = "official"


# Words that stand for several metrics, and each metric by its own.
GROUPS: dict[str, tuple[Metric, ...]] = {
    "all": tuple(Metric),
    "segmentation": SEGMENTATION,
    "matting": MATTING,
    "F": (Metric.MAX_F, Metric.MEAN_F, Metric.ADP_F),
    "E": (Metric.MAX_E, Metric.MEAN_E, Metric.ADP_E),
    "BIoU": (Metric.MAX_BIOU, Metric.MEAN_BIOU),
}
_NAMES = {**{metric.value: (metric,) for metric in Metric}, **GROUPS}


def _shown(metrics: tuple[Metric, ...]) -> str:
    """Write metrics as their names, or as the group they are."""
    return next((name for name, group in GROUPS.items() if group == metrics), shown(metrics))


METRICS = Words(lambda text: chosen(text, _NAMES), _shown, is_repeated=True)


@dataclass(frozen=True, kw_only=True)
class SaveSettings:
    """Where scores are kept."""

    save: tuple[Path, ...] = option(
        (),
        "Write the scores to a file, as its name ends: {choices}; repeat it for several.",
        panel=Panel.SCORES,
        metavar="FILE",
        choices=lambda: SCORE_FILES,
    )

    def check_files(self) -> None:
        """Refuse what nobody can write after hours of scoring."""
        for file in self.save:
            if file.suffix.lower() not in SCORE_FILES:
                raise UsageError(f"--save {file}: call it {' or '.join(SCORE_FILES)}")
            if file.is_dir():
                raise UsageError(f"{file} is a folder; name a file")


@dataclass(frozen=True, kw_only=True)
class EvalSettings(JsonSettings, QuietSettings, PixelLimit, SaveSettings):
    """Everything `birefcli eval` needs to know."""

    # Predictions and truths, or one folder of pictures with their truths that models are run on.
    folders: tuple[Path, ...] = option(
        REQUIRED,
        "Predictions and truths; or a folder with im/ and gt/, images/ and masks/, or"
        " NAME.jpg and NAME_mask.png.",
        is_argument=True,
        metavar="PRED_DIR GT_DIR | DATA",
    )
    named: tuple[str, ...] = option(
        (),
        "A model to run on DATA; repeat it to compare with the first.",
        panel=Panel.MODEL,
        names=("--model", "-m"),
    )
    network: NetworkSettings = ANY_NETWORK
    protocol: EvalProtocol = option(
        EvalProtocol.DEFAULT,
        "Official: models run and predictions are prepared as in the benchmark.",
        panel=Panel.SCORES,
    )
    metrics: tuple[Metric, ...] = option(
        SEGMENTATION,
        "{choices}; several with commas.",
        panel=Panel.SCORES,
        words=METRICS,
        choices=lambda: _NAMES,
    )
    fail_below: tuple[Bar[Metric], ...] = option(
        (),
        "Exit 1 where a score is below it; for errors above it.",
        panel=Panel.SCORES,
        words=bars({metric.value: metric for metric in Metric}),
    )
    gallery: Path | None = option(
        None,
        "Draw the worst 20 of the last model on one page.",
        panel=Panel.SCORES,
        metavar="FILE.webp",
    )

    def __post_init__(self) -> None:
        if len(self.folders) not in (1, 2):
            raise UsageError("give PRED_DIR GT_DIR, or one folder of pictures with their truths")
        if len(self.folders) == 2 and self.named:
            raise UsageError("--model wants one folder of pictures with their truths, not two")
        if self.gallery is not None and self.gallery.suffix.lower() != ".webp":
            raise UsageError(f"--gallery writes webp; call it {self.gallery.with_suffix('.webp')}")
        self.check_files()

    @property
    def models(self) -> tuple[ModelSettings, ...]:
        """The models that run: those that were named, or for one folder alone the default."""
        names = self.named or ((None,) if len(self.folders) == 1 else ())
        return tuple(ModelSettings(model=name, **vars(self.network)) for name in names)
