"""What `birefcli cut` was asked: what to read, how to finish the matte, what to write."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePath

from birefcli.errors import UsageError
from birefcli.settings.cutout import SUFFIXES, AlphaMode, Format, PackForm, Product
from birefcli.settings.model import ANY_MODEL, ModelSettings
from birefcli.settings.options import Panel, option
from birefcli.settings.run import InputSettings, RunSettings
from birefcli.settings.words import LOW_HIGH, several


class OnEmpty(StrEnum):
    """What becomes of a picture in which nothing was found."""

    WRITE = "write"
    SKIP = "skip"
    COPY = "copy"
    FAIL = "fail"


@dataclass(frozen=True, kw_only=True)
class CutSettings(RunSettings, InputSettings):
    """Everything `birefcli cut` needs to know."""

    # What to write, and where.
    out: str | None = option(
        None,
        "A folder; for one picture also a file or -. Default: FOLDER_cut, NAME_cut.png.",
        panel=Panel.OUTPUT,
        names=("--out", "-o"),
        is_of_run=True,
    )
    name: str | None = option(
        None, "File names from {stem}, {suffix}, {product}, {n}.", panel=Panel.OUTPUT
    )
    emit: tuple[Product, ...] = option(
        (Product.CUTOUT,),
        "{choices}; several with commas.",
        panel=Panel.OUTPUT,
        words=several(Product),
        choices=lambda: Product,
        changes_bytes=True,
    )
    format: Format | None = option(
        None,
        "How results are stored. Default: png; animations stay gif, png (APNG) or webp, but masks"
        " and previews of a gif are APNG.",
        panel=Panel.OUTPUT,
        changes_bytes=True,
    )
    mask_bits: int = option(8, "8 or 16 bits a mask pixel.", panel=Panel.OUTPUT, changes_bytes=True)
    quality: int | None = option(
        None,
        "Of jpg (95) and webp (lossless).",
        panel=Panel.OUTPUT,
        min=1,
        max=100,
        changes_bytes=True,
    )
    png_level: int = option(
        3, "Compression effort.", panel=Panel.OUTPUT, min=0, max=9, changes_bytes=True
    )
    split: bool = option(
        False,
        "Write each thing or frame as NAME/NAME_01.png and on, and NAME/NAME.json about them.",
        panel=Panel.OUTPUT,
        changes_bytes=True,
        is_new=True,
    )
    sheet: str | None = option(
        None,
        "Split by cells: COLUMNSxROWS (8x4), the pixels of a cell (32x32, 8x8px) or auto.",
        panel=Panel.OUTPUT,
        metavar="AxB|auto",
        changes_bytes=True,
        is_new=True,
    )
    pack: PackForm | None = option(
        None,
        "Lay all frames, or all things of --split, on one sheet, NAME.png with NAME.json.",
        panel=Panel.OUTPUT,
        changes_bytes=True,
        is_new=True,
    )
    padding: int = option(
        2,
        "Clear pixels between what is packed.",
        panel=Panel.OUTPUT,
        min=0,
        changes_bytes=True,
        is_new=True,
    )
    extrude: int = option(
        0,
        "Repeat the edge of what is packed by so many pixels.",
        panel=Panel.OUTPUT,
        min=0,
        changes_bytes=True,
        is_new=True,
    )
    pot: bool = option(
        False,
        "A packed sheet has sides of powers of two.",
        panel=Panel.OUTPUT,
        changes_bytes=True,
        is_new=True,
    )
    # The matte.
    alpha: AlphaMode = option(
        AlphaMode.AUTO,
        "Soft edges, or every pixel decided; auto is hard for small sprites.",
        panel=Panel.MATTE,
        changes_bytes=True,
    )
    threshold: float = option(
        0.5, "Where hard alpha cuts.", panel=Panel.MATTE, min=0, max=1, changes_bytes=True
    )
    levels: tuple[float, float] = option(
        (0.02, 0.98),
        "Snap to 0 below LOW, to 1 above HIGH.",
        panel=Panel.MATTE,
        words=LOW_HIGH,
        changes_bytes=True,
    )
    min_area: int = option(
        0, "Drop specks of fewer pixels.", panel=Panel.MATTE, min=0, changes_bytes=True
    )
    fill_holes: bool = option(False, "Close enclosed holes.", panel=Panel.MATTE, changes_bytes=True)
    grow: int = option(0, "Widen by so many pixels.", panel=Panel.MATTE, min=0, changes_bytes=True)
    shrink: int = option(
        0, "Narrow by so many pixels.", panel=Panel.MATTE, min=0, changes_bytes=True
    )
    invert: bool = option(
        False, "Keep the background instead.", panel=Panel.MATTE, changes_bytes=True
    )
    # Colour and framing.
    keep_colors: bool = option(
        False, "Leave the background's tint in soft edges.", panel=Panel.PIXELS, changes_bytes=True
    )
    bleed: bool = option(
        False, "Keep colour under alpha 0.", panel=Panel.PIXELS, changes_bytes=True
    )
    background: str | None = option(
        None,
        "Lay the object on a colour: white, #ff8800, 10,20,30.",
        panel=Panel.PIXELS,
        metavar="COLOR",
        changes_bytes=True,
    )
    crop: bool = option(False, "Crop to the object.", panel=Panel.PIXELS, changes_bytes=True)
    margin: int = option(
        0, "Pixels left around it by --crop.", panel=Panel.PIXELS, min=0, changes_bytes=True
    )
    # The run.
    model: ModelSettings = ANY_MODEL
    batch: int | None = option(None, "Pictures a pass; 1 on the CPU.", panel=Panel.RUN, min=1)
    on_empty: OnEmpty = option(
        OnEmpty.WRITE,
        "When nothing is found: write it empty, skip, copy, or fail.",
        panel=Panel.RUN,
        changes_bytes=True,
    )

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
        self._check_pieces()
        self.check_inputs()

    @property
    def has_pieces(self) -> bool:
        """Whether every thing or frame becomes a file of its own."""
        return self.split and self.pack is None

    @property
    def piece_format(self) -> Format:
        """How such a file is stored."""
        if self.format is not None or self.name is None:
            return self.format or Format.PNG
        return SUFFIXES.get(PurePath(self.name).suffix.lower(), Format.PNG)

    def _check_pieces(self) -> None:
        if self.sheet is not None and not self.split:
            raise UsageError("--sheet needs --split")
        if self.split and self.emit == (Product.PREVIEW,):
            raise UsageError("--split needs --emit cutout or mask")
        if self.pack is None:
            for flag, is_used in (
                ("--padding", self.padding != 2),
                ("--extrude", self.extrude != 0),
                ("--pot", self.pot),
            ):
                if is_used:
                    raise UsageError(f"{flag} needs --pack")
            return
        if Product.CUTOUT not in self.emit:
            raise UsageError("--pack needs --emit cutout")
        if self.piece_format != Format.PNG:
            raise UsageError(f"--pack writes a png, not {self.piece_format}")
