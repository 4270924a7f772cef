"""What `birefcli peel` was asked: how many layers, of what, when to end, and what to write."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from birefcli.errors import UsageError
from birefcli.settings.cut import CutSettings
from birefcli.settings.model import ANY_MODEL, ModelSettings


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

    max_layers: int = 8
    by: PeelBy = PeelBy.OBJECT
    kind: PeelKind = PeelKind.AUTO
    min_area: float = 0.001  # of the canvas, that a thing must cover
    max_seconds: float | None = None
    seed: int = 0
    is_jpeg: bool = False  # the picture was stored with loss, so equal colours no longer are
    # Where a thing is not believed, or not worth a layer.
    unsure: float = 0.6  # mean matte on its support
    too_soft: float = 0.5  # share of it between 0.1 and 0.9
    hallucinated: float = 0.5  # share of it that a fill invented
    ghost: float = 0.6  # overlap with something that was taken off already
    scrap: float = 0.05  # of the largest thing taken off, that what is found later must cover
    leftover: float = 0.7  # share of it that lines what was taken off, as bad edges do
    ghost_change: float = 2.0  # levels that taking it off must change
    backdrop: float = 0.85  # share of the canvas it covers
    backdrop_border: float = 0.7  # share of three borders it touches
    invented: float = 0.8  # share of the canvas that fills invented, where the peel ends
    # Where regions of colour are asked because the segmenter does not know.
    fallback: float = 0.75  # mean matte below which flat art is cut by its colours
    # Who is in front.
    front: float = -0.1  # exposure from which a thing counts as uncovered

    def __post_init__(self) -> None:
        if not 0 <= self.max_layers <= 255:
            raise UsageError(f"--max-layers is between 0 and 255, not {self.max_layers}")
        if not 0 <= self.min_area < 1:
            raise UsageError(f"--min-area is a share of the picture, not {self.min_area}")
        if self.max_seconds is not None and not self.max_seconds > 0:
            raise UsageError(f"--max-seconds is above 0, not {self.max_seconds}")


PEEL = PeelSettings()


@dataclass(frozen=True, kw_only=True)
class PeelCommand:
    """Everything `birefcli peel` needs to know."""

    # What to read.
    inputs: tuple[str, ...] = ()
    recursive: bool = True
    files_from: str | None = None
    null_separated: bool = False
    max_pixels: int = CutSettings.max_pixels
    # What to write, and where.
    out: str | None = None
    # Names of the table in stack/formats; the command checks them.
    formats: tuple[str, ...] = ("png", "ora", "psd", "preview")
    explain: bool = False
    verify: bool = True
    # How to peel.
    peel: PeelSettings = PEEL
    inpaint: str = "auto"
    depth: str = "off"
    trust_model_file: bool = False
    model: ModelSettings = ANY_MODEL
    # By hand: a stack's folder, and the layer to peel again or the new order.
    resume: Path | None = None
    redo_layer: int | None = None
    mask: Path | None = None
    order: tuple[int, ...] = ()
    # The run.
    redo: bool = False
    dry_run: bool = False
    fail_fast: bool = False
    report: Path | None = None

    def __post_init__(self) -> None:
        if self.null_separated and self.files_from is None:
            raise UsageError("-0 needs --files-from")
        if self.resume is None:
            self._check_run()
        else:
            self._check_by_hand()

    def _check_run(self) -> None:
        if self.redo_layer is not None or self.mask is not None or self.order:
            raise UsageError("--redo N, --mask and --order change a stack; name it: --resume DIR")
        if not self.inputs and self.files_from is None:
            raise UsageError("give a picture, a folder, - for standard input, or --files-from FILE")

    def _check_by_hand(self) -> None:
        if self.inputs or self.files_from is not None or self.out is not None:
            raise UsageError("--resume DIR takes no inputs and no -o: the stack itself is changed")
        if self.redo or self.dry_run:
            raise UsageError("--resume DIR goes with --redo N or with --order, nothing else")
        if (self.redo_layer is None) == (not self.order):
            raise UsageError("--resume DIR needs either --redo N or --order 2,1,3")
        if self.mask is not None and self.redo_layer is None:
            raise UsageError("--mask needs --redo N")
        if self.redo_layer is not None and self.redo_layer < 1:
            raise UsageError("--redo takes the number of a layer, from 1; 0 is the background")
