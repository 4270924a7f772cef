"""What `birefcli peel` was asked: how many layers, of what, when to end, and what to write."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from birefcli.errors import UsageError
from birefcli.settings.model import ANY_MODEL, ModelSettings
from birefcli.settings.options import Panel, option, tuning
from birefcli.settings.run import InputSettings, RunSettings
from birefcli.settings.words import NAME_OR_FILE, NAMES, ORDER


class PeelBy(StrEnum):
    """What becomes one layer: a single object, or everything that nothing covers."""

    OBJECT = "object"
    GROUP = "group"


class PeelKind(StrEnum):
    """What sort of picture it is taken for; auto looks."""

    AUTO = "auto"
    PHOTO = "photo"
    FLAT = "flat"
    PIXEL = "pixel"


@dataclass(frozen=True, kw_only=True)
class PeelSettings:
    """Everything the peel of one picture needs to know."""

    max_layers: int = option(
        8, "At most so many layers.", panel=Panel.PEEL, min=0, max=255, changes_bytes=True
    )
    by: PeelBy = option(
        PeelBy.OBJECT,
        "One object a layer, or all that is uncovered.",
        panel=Panel.PEEL,
        changes_bytes=True,
    )
    kind: PeelKind = option(
        PeelKind.AUTO, "What sort of picture it is.", panel=Panel.PEEL, changes_bytes=True
    )
    min_share: float = option(
        0.001,
        "Share of the picture that a layer must cover.",
        panel=Panel.PEEL,
        min=0,
        max=1,
        changes_bytes=True,
        key="min_area",
    )
    max_seconds: float | None = option(
        None, "Begin no layer after so long a time.", panel=Panel.PEEL, changes_bytes=True
    )
    seed: int = option(
        0, "The same number gives the same result.", panel=Panel.PEEL, min=0, changes_bytes=True
    )
    is_jpeg: bool = tuning(
        False, "Whether it was stored with loss, so that equal colours no longer are."
    )
    # Where a thing is not believed, or not worth a layer.
    unsure: float = tuning(0.6, "Mean matte on its support.")
    too_soft: float = tuning(0.5, "Share of it between 0.1 and 0.9.")
    hallucinated: float = tuning(0.5, "Share of it that a fill invented.")
    ghost: float = tuning(0.6, "Overlap with something that was taken off already.")
    scrap: float = tuning(
        0.05, "Of the largest thing taken off, that what is found later must cover."
    )
    leftover: float = tuning(0.7, "Share of it that lines what was taken off, as bad edges do.")
    ghost_change: float = tuning(2.0, "Levels that taking it off must change.")
    backdrop: float = tuning(0.85, "Share of the canvas it covers.")
    backdrop_border: float = tuning(0.7, "Share of three borders it touches.")
    invented: float = tuning(0.8, "Share of the canvas that fills invented, where the peel ends.")
    # Where regions of colour are asked because the segmenter does not know.
    fallback: float = tuning(0.75, "Mean matte below which flat art is cut by its colours.")
    # Who is in front.
    front: float = tuning(-0.1, "Exposure from which a thing counts as uncovered.")

    def __post_init__(self) -> None:
        if not 0 <= self.max_layers <= 255:
            raise UsageError(f"--max-layers is between 0 and 255, not {self.max_layers}")
        if not 0 <= self.min_share < 1:
            raise UsageError(f"--min-share is a share of the picture, not {self.min_share}")
        if self.max_seconds is not None and not self.max_seconds > 0:
            raise UsageError(f"--max-seconds is above 0, not {self.max_seconds}")


PEEL = PeelSettings()


@dataclass(frozen=True, kw_only=True)
class PeelCommand(RunSettings, InputSettings):
    """Everything `birefcli peel` needs to know."""

    # How to peel. The order of the fields is that of a manifest's options.
    peel: PeelSettings = PEEL
    inpaint: str = option(
        "auto",
        "What fills holes: {choices}.",
        panel=Panel.PEEL,
        changes_bytes=True,
        words=NAME_OR_FILE,
    )
    trust_model_file: bool = option(
        False,
        "Run the code in an inpainting file that is not in our table.",
        panel=Panel.PEEL,
        is_of_run=True,
    )
    depth: str = option(
        "off",
        "off, auto (needs the extra depth), or a depth model's name.",
        panel=Panel.PEEL,
        changes_bytes=True,
    )
    # What to write, and where.
    out: str | None = option(
        None,
        "The stack's folder, or where several go. Default: NAME.peel, FOLDER_peel.",
        panel=Panel.OUTPUT,
        names=("--out", "-o"),
        is_of_run=True,
    )
    formats: tuple[str, ...] = option(
        ("png", "ora", "psd", "preview"),
        "{choices}; png always; several with commas.",
        panel=Panel.OUTPUT,
        names=("--format",),
        words=NAMES,
        changes_bytes=True,
        key="format",
        is_set=True,
    )
    explain: bool = option(
        False, "Draw every step and why.", panel=Panel.OUTPUT, changes_bytes=True
    )
    verify: bool = option(
        True, "Fail unless every file gives the picture back bit for bit.", panel=Panel.OUTPUT
    )
    model: ModelSettings = ANY_MODEL
    # By hand: a stack's folder, and the layer to peel again or the new order.
    edit: Path | None = option(
        None,
        "Change a stack, with --layer or --order.",
        panel=Panel.HAND,
        metavar="DIR",
        is_of_run=True,
    )
    layer: int | None = option(
        None,
        "Peel the stack again from layer N down; 0 is the background.",
        panel=Panel.HAND,
        metavar="N",
        min=1,
        is_of_run=True,
    )
    mask: Path | None = option(
        None,
        "What layer N shall be: white on black.",
        panel=Panel.HAND,
        metavar="FILE",
        is_of_run=True,
    )
    order: tuple[int, ...] = option(
        (),
        "Put the stack's layers in a new order, the lowest first.",
        panel=Panel.HAND,
        words=ORDER,
        is_of_run=True,
    )

    def __post_init__(self) -> None:
        if self.edit is None:
            if self.layer is not None or self.mask is not None or self.order:
                raise UsageError("--layer, --mask and --order change a stack; name it: --edit DIR")
            self.check_inputs()
        else:
            self._check_edit()

    def _check_edit(self) -> None:
        asks_inputs = self.inputs or self.files_from is not None or self.null_separated
        if asks_inputs or self.out is not None:
            raise UsageError("--edit DIR takes no inputs and no -o: the stack itself is changed")
        if self.redo or self.dry_run:
            raise UsageError("--edit DIR goes with --layer N or with --order, nothing else")
        if (self.layer is None) == (not self.order):
            raise UsageError("--edit DIR needs either --layer N or --order 2,1,3")
        if self.mask is not None and self.layer is None:
            raise UsageError("--mask needs --layer N")
