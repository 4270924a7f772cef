"""What each command was asked to do: one frozen record per command, every default written once."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from birefcli.errors import UsageError
from birefcli.peelsettings import PeelSettings


class Product(StrEnum):
    """What can be written for a picture."""

    CUTOUT = "cutout"
    MASK = "mask"
    PREVIEW = "preview"


class Format(StrEnum):
    """How a result is stored."""

    PNG = "png"
    WEBP = "webp"
    JPG = "jpg"


class AlphaMode(StrEnum):
    """Whether edges are soft or every pixel is decided; auto is hard for small few-coloured art."""

    AUTO = "auto"
    SOFT = "soft"
    HARD = "hard"


class OnEmpty(StrEnum):
    """What becomes of a picture in which nothing was found."""

    WRITE = "write"
    SKIP = "skip"
    COPY = "copy"
    FAIL = "fail"


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


@dataclass(frozen=True, kw_only=True)
class CutSettings:
    """Everything `birefcli cut` needs to know."""

    # What to read.
    inputs: tuple[str, ...] = ()
    recursive: bool = True
    files_from: str | None = None
    null_separated: bool = False
    max_pixels: int = 200_000_000
    # What to write, and where.
    out: str | None = None
    name: str | None = None
    emit: tuple[Product, ...] = (Product.CUTOUT,)
    format: Format | None = None
    mask_bits: int = 8
    quality: int | None = None
    png_level: int = 3
    # The matte.
    alpha: AlphaMode = AlphaMode.AUTO
    threshold: float = 0.5
    levels: tuple[float, float] = (0.02, 0.98)
    min_area: int = 0
    fill_holes: bool = False
    grow: int = 0
    shrink: int = 0
    invert: bool = False
    # Colour and framing.
    keep_colors: bool = False
    bleed: bool = False
    background: str | None = None
    crop: bool = False
    margin: int = 0
    # The run.
    model: ModelSettings = ModelSettings()
    batch: int | None = None
    on_empty: OnEmpty = OnEmpty.WRITE
    dry_run: bool = False
    redo: bool = False
    fail_fast: bool = False
    report: Path | None = None

    def __post_init__(self) -> None:
        low, high = self.levels
        if not 0 <= low < high <= 1:
            raise UsageError(f"--levels takes LOW,HIGH with 0 <= LOW < HIGH <= 1, not {low},{high}")
        if self.mask_bits not in (8, 16):
            raise UsageError(f"--mask-bits is 8 or 16, not {self.mask_bits}")
        if self.mask_bits == 16 and Product.MASK not in self.emit:
            raise UsageError("--mask-bits 16 needs --emit mask")
        if self.mask_bits == 16 and self.format not in (None, Format.PNG):
            raise UsageError("only png holds a 16-bit mask; leave --format out or give png")
        if self.margin and not self.crop:
            raise UsageError("--margin needs --crop")
        if self.null_separated and self.files_from is None:
            raise UsageError("-0 needs --files-from")
        if not self.inputs and self.files_from is None:
            raise UsageError("give a picture, a folder, - for standard input, or --files-from FILE")


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


class Suite(StrEnum):
    """The seeded suites of layered scenes."""

    FLAT = "flat"
    PIXEL = "pixel"
    TEXTURE = "texture"
    SCENE = "scene"
    HARD = "hard"

    @property
    def number(self) -> int:
        """Its place in the list, which is part of every seed."""
        return list(Suite).index(self)

    @property
    def scenes(self) -> int:
        """How many scenes it has when nobody says."""
        return {"flat": 100, "pixel": 60, "texture": 100, "scene": 60, "hard": 40}[self]


@dataclass(frozen=True, kw_only=True)
class SynthSettings:
    """Everything `birefcli synth` needs to know."""

    # What to draw: suites, or sprites over grounds.
    sprites: tuple[Path, ...] = ()
    suites: tuple[Suite, ...] = ()
    grounds: Path | None = None
    # Without a number, a suite has its own and sprites give a hundred.
    number: int | None = None
    seed: int = 0
    # (height, width) of scenes of sprites.
    size: tuple[int, int] = (512, 512)
    # Of the scenes with several sprites: how many have some that overlap.
    overlap: float = 0.6
    layers: bool = False
    # Where to write, and how.
    out: Path
    # Without a number, one process per core.
    jobs: int | None = None
    redo: bool = False
    max_pixels: int = CutSettings.max_pixels

    def __post_init__(self) -> None:
        if bool(self.sprites) == bool(self.suites):
            raise UsageError("give sprites (pictures or folders with alpha), or a --suite")
        if self.suites and self.grounds is not None:
            raise UsageError("--grounds lie behind sprites; a --suite draws its own")
        if self.suites and self.layers:
            raise UsageError("--layers is for sprites; a --suite always writes its layers")
        if not 0 <= self.overlap <= 1:
            raise UsageError(f"--overlap is a share from 0 to 1, not {self.overlap}")
        if min(self.size) < 16:
            raise UsageError("--size needs at least 16 pixels a side")


PEEL = PeelSettings()


class StackFormat(StrEnum):
    """How a stack is written; its layers as png and its manifest always are."""

    PNG = "png"
    ORA = "ora"
    PSD = "psd"
    PREVIEW = "preview"
    ASE = "ase"
    SHEET = "sheet"
    SVG = "svg"
    FULL = "full"
    BOTTOMS = "bottoms"


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
    formats: tuple[StackFormat, ...] = (
        StackFormat.PNG,
        StackFormat.ORA,
        StackFormat.PSD,
        StackFormat.PREVIEW,
    )
    explain: bool = False
    verify: bool = True
    # How to peel.
    peel: PeelSettings = PEEL
    inpaint: str = "auto"
    depth: str = "off"
    trust_model_file: bool = False
    model: ModelSettings = ModelSettings()
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
