"""What `birefcli eval` was asked: what is scored, by which metrics, with which bars."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from birefcli.errors import UsageError
from birefcli.settings.model import ANY_NETWORK, ModelSettings, NetworkSettings
from birefcli.settings.options import REQUIRED, Panel, option
from birefcli.settings.run import JsonSettings, PixelLimit, QuietSettings
from birefcli.settings.words import BARS, NAMES, Bar

SCORE_FILES = (".json", ".csv", ".md")


class EvalProtocol(StrEnum):
    """How predictions are prepared: as they are, or as the benchmark's own code does it."""

    DEFAULT = "default"
    OFFICIAL = "official"


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
        """Raise UsageError for a file that is a folder, or whose name ends as no format does."""
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
    # Metrics and groups of them; what there is stands in the table of the metrics.
    metrics: tuple[str, ...] = option(
        ("segmentation",),
        "{choices}; several with commas.",
        panel=Panel.SCORES,
        words=NAMES,
    )
    fail_below: tuple[Bar, ...] = option(
        (),
        "Exit 1 where a score is below it; for errors above it.",
        panel=Panel.SCORES,
        words=BARS,
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
