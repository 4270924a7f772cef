"""One page of pictures, predictions and truths side by side, the worst first."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from birefcli.image.types import Alpha, Rgb, rescale

SIDE = 240  # pixels of a cell
CAPTION = 20
GROUND = 40


@dataclass(frozen=True, eq=False)
class Row:
    """One line of the page: a caption over cells (h, w, 3) of at most 240 pixels a side."""

    caption: str
    cells: tuple[Rgb, ...]


def make_row(caption: str, picture: Rgb | None, prediction: Alpha, truth: Alpha) -> Row:
    """Make a row of a picture (H, W, 3), or None, its prediction and its truth (H, W), shrunk."""
    mattes = (np.repeat(alpha[..., None], 3, 2) for alpha in (prediction, truth))
    pictures = (*(() if picture is None else (picture,)), *mattes)
    return Row(caption, tuple(shrunk(array) for array in pictures))


def page(rows: Sequence[Row]) -> Rgb:
    """Return the rows drawn below each other, captions over cells: uint8 (H, W, 3)."""
    width = SIDE * max(len(row.cells) for row in rows)
    sheet = Image.new("RGB", (width, (SIDE + CAPTION) * len(rows)), (GROUND,) * 3)
    draw = ImageDraw.Draw(sheet)
    for i, row in enumerate(rows):
        top = i * (SIDE + CAPTION)
        draw.text((4, top + 4), _plain(row.caption), (255, 255, 255))
        for j, cell in enumerate(row.cells):
            height, width = cell.shape[:2]
            place = (j * SIDE + (SIDE - width) // 2, top + CAPTION + (SIDE - height) // 2)
            sheet.paste(Image.fromarray(cell), place)
    return np.array(sheet)


def _plain(text: str) -> str:
    """Keep what Pillow's own letters can write."""
    return text.encode("latin-1", "replace").decode("latin-1")


def shrunk(array: Rgb) -> Rgb:
    """Return (H, W, 3) resized to a long side of 240 pixels, a cell's."""
    height, width = array.shape[:2]
    factor = SIDE / max(height, width)
    return rescale(array, (max(1, round(height * factor)), max(1, round(width * factor))))
