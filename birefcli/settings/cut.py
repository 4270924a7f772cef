"""What `birefcli cut` was asked: what to read, how to finish the matte, what to write."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePath

from birefcli.errors import UsageError
from birefcli.settings.cutout import (
    EVERYWHERE,
    SUFFIXES,
    AlphaMode,
    Anchor,
    Format,
    PackForm,
    Product,
)
from birefcli.settings.model import ANY_MODEL, ModelSettings
from birefcli.settings.options import Panel, option
from birefcli.settings.run import InputSettings, RunSettings
from birefcli.settings.words import LOW_HIGH, REACH, SIZE, several


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
    # What the picture itself gives away.
    key: str = option(
        "auto",
        "The ground, cut by its colour: auto finds it, off asks the network alone; or #rrggbb,"
        " a colour's name, magenta, green, white, black, checker.",
        panel=Panel.MATTE,
        metavar="COLOR",
        changes_bytes=True,
        is_new=True,
    )
    key_tolerance: int | None = option(
        None,
        "Levels by which the ground may differ from its colour; 0 is exact.",
        panel=Panel.MATTE,
        min=0,
        max=255,
        changes_bytes=True,
        is_new=True,
    )
    # The matte.
    alpha: AlphaMode = option(
        AlphaMode.AUTO,
        "Soft edges, or every pixel decided; auto is hard for pixel art, enlarged or not.",
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
    bleed: int | str = option(
        False,
        "Spread the edge's colour under alpha 0, for so many pixels (16 will do) or all.",
        panel=Panel.PIXELS,
        words=REACH,
        changes_bytes=True,
    )
    premultiply: bool = option(
        False, "Store colours times alpha.", panel=Panel.PIXELS, changes_bytes=True, is_new=True
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
    pad: int = option(
        0,
        "Clear pixels added on every side.",
        panel=Panel.PIXELS,
        min=0,
        max=16384,
        changes_bytes=True,
        is_new=True,
    )
    square: bool = option(
        False, "Widen to a square.", panel=Panel.PIXELS, changes_bytes=True, is_new=True
    )
    canvas: tuple[int, int] | None = option(
        None,
        "Put on a clear canvas of this size.",
        panel=Panel.PIXELS,
        words=SIZE,
        changes_bytes=True,
        is_new=True,
    )
    anchor: Anchor = option(
        Anchor.CENTER,
        "Where --square, --canvas and --pot hold it.",
        panel=Panel.PIXELS,
        changes_bytes=True,
        is_new=True,
    )
    pot: bool = option(
        False,
        "Widen to sides that are powers of two; with --pack, the sheet alone.",
        panel=Panel.PIXELS,
        changes_bytes=True,
        is_new=True,
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
        if self.key_tolerance is not None and self.key == "off":
            raise UsageError("--key-tolerance needs a ground; leave out --key off")
        self._check_frame()
        self._check_pieces()
        self.check_inputs()

    def _check_frame(self) -> None:
        """Refuse what an engine could make no sense of."""
        if self.canvas is not None and not 0 < min(self.canvas) <= max(self.canvas) <= 16384:
            raise UsageError("--canvas takes 1x1 to 16384x16384")
        if self.anchor != Anchor.CENTER and not (self.square or self.canvas or self.pot):
            raise UsageError("--anchor needs --square, --canvas or --pot")
        if self.bleed != EVERYWHERE and (not isinstance(self.bleed, int) or self.bleed < 0):
            raise UsageError(f"--bleed takes a number of pixels or all, not {self.bleed!r}")
        if self.bleed and self.premultiply:
            raise UsageError("--bleed needs straight colours; leave out --premultiply")
        for flag, is_asked in (("--bleed", self.bleed), ("--premultiply", self.premultiply)):
            if is_asked and self.background is not None:
                raise UsageError(f"{flag} needs alpha, which --background takes away")
            if is_asked and self.format == Format.JPG:
                raise UsageError(f"{flag} needs alpha, which jpg has not; give --format png")
            if is_asked and Product.CUTOUT not in self.emit:
                raise UsageError(f"{flag} is for cutouts; add cutout to --emit")

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
            ):
                if is_used:
                    raise UsageError(f"{flag} needs --pack")
            return
        if Product.CUTOUT not in self.emit:
            raise UsageError("--pack needs --emit cutout")
        if self.piece_format != Format.PNG:
            raise UsageError(f"--pack writes a png, not {self.piece_format}")
