"""What `birefcli cut` was asked: what to read, how to finish the matte, what to write."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from birefcli.errors import UsageError
from birefcli.settings.cutout import AlphaMode, Format, Product
from birefcli.settings.model import ANY_MODEL, ModelSettings


class OnEmpty(StrEnum):
    """What becomes of a picture in which nothing was found."""

    WRITE = "write"
    SKIP = "skip"
    COPY = "copy"
    FAIL = "fail"


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
    model: ModelSettings = ANY_MODEL
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
