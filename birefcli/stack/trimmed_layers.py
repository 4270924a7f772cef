"""What every format of a stack is made of: its layers trimmed, numbered and named."""

import re
import unicodedata
from dataclasses import dataclass

import numpy as np

from birefcli.image import Rgba
from birefcli.matte import Box, Size
from birefcli.stack.compositing import clean
from birefcli.stack.types import Stack

BACKGROUND = "background"
_LONGEST_NAME = 40


@dataclass(frozen=True, eq=False)
class TrimmedLayer:
    """The background (number 0) or a layer, cut to its box; that holds at least one pixel."""

    number: int
    name: str
    box: Box
    rgba: Rgba  # what lies in the box
    canvas: Size

    @property
    def stem(self) -> str:
        """Its name in files: 03_object."""
        return f"{self.number:02}_{plain_name(self.name)}"

    @property
    def file(self) -> str:
        """Where it lies in the stack's folder."""
        return f"layers/{self.stem}.png"

    @property
    def whole(self) -> Rgba:
        """The layer at the canvas's size (H, W, 4)."""
        return place_on_canvas(self.rgba, self.box, self.canvas)


def trim_layers(stack: Stack) -> tuple[TrimmedLayer, ...]:
    """Trim the background and all layers of a stack, the nearest last."""
    return (
        trim_layer(0, BACKGROUND, stack.background),
        *(trim_layer(i, layer.name, layer.rgba) for i, layer in enumerate(stack.layers, 1)),
    )


def trim_layer(number: int, name: str, rgba: Rgba) -> TrimmedLayer:
    """Cut away the transparent border of a layer (H, W, 4); of nothing, one pixel is left."""
    rows, columns = (np.flatnonzero(rgba[..., 3].any(axis)) for axis in (1, 0))
    left, top, right, bottom = 0, 0, 1, 1
    if len(rows):
        left, right = int(columns[0]), int(columns[-1]) + 1
        top, bottom = int(rows[0]), int(rows[-1]) + 1
    inside = clean(rgba[top:bottom, left:right])
    return TrimmedLayer(
        number, name, (left, top, right, bottom), inside, (rgba.shape[0], rgba.shape[1])
    )


def place_on_canvas(rgba: Rgba, box: Box, canvas: Size) -> Rgba:
    """Put a trimmed layer back onto an empty canvas of (height, width): (H, W, 4)."""
    left, top, right, bottom = box
    whole = np.zeros((*canvas, 4), np.uint8)
    whole[top:bottom, left:right] = rgba
    return whole


def plain_name(name: str) -> str:
    """Return a name in letters that every file system and program knows, without its number.

    It has 1 to 40 of the characters A-Z, a-z, 0-9 and -.
    """
    letters = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    words = re.sub(r"[^A-Za-z0-9]+", "-", re.sub(r"^\d+[-_ ]+(?=\S)", "", letters))
    return words.strip("-")[:_LONGEST_NAME].strip("-") or "layer"


def printable(name: str) -> str:
    """Return a name without the characters that no text file may hold."""
    return "".join(c for c in name if c.isprintable() and not 0xD800 <= ord(c) < 0xE000)
