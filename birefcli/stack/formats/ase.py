"""Aseprite: the stack as the pixel-art editor opens it.

Written from Aseprite's own description of the format (docs/ase-file-specs.md): one frame, a layer
and a zlib-packed cel for every layer, indexed where 255 colours and full or no alpha allow.
"""

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from birefcli.errors import OutputError
from birefcli.image import Rgba
from birefcli.stack.formats.export import StackExport
from birefcli.stack.resize import at_native_size
from birefcli.stack.trimmed_layers import TrimmedLayer, printable, trim_layer

HEADER, FRAME = 0xA5E0, 0xF1FA
LAYER, CEL, PALETTE = 0x2004, 0x2005, 0x2019
LARGEST = 65_535
MOST_COLORS = 255
_DURATION = 100  # milliseconds; there is one frame
_LEVEL = 9
_OPACITY_COUNTS = 1
_VISIBLE_AND_EDITABLE = 3


@dataclass(frozen=True, eq=False)
class _Palette:
    """All colours of a stack; index 0 is the transparent one."""

    colors: NDArray[np.uint8]  # (N, 4)

    def indices(self, rgba: Rgba) -> NDArray[np.uint8]:
        """Give each pixel of a layer its index (h, w)."""
        if len(self.colors) == 1:
            return np.zeros(rgba.shape[:2], np.uint8)
        codes = _codes(self.colors[1:])
        order = np.argsort(codes)
        places = order[np.searchsorted(codes, _codes(rgba), sorter=order).clip(0, len(codes) - 1)]
        return np.where(rgba[..., 3] > 0, places + 1, 0).astype(np.uint8)


def write_ase(export: StackExport) -> dict[str, bytes]:
    """Write one .aseprite."""
    return {f"{export.name}.aseprite": build_ase(export.layers, export.stack.grid)}


def build_ase(layers: Sequence[TrimmedLayer], grid: int = 1) -> bytes:
    """Return the bytes of an .aseprite; art of a larger grid is written at its own size.

    Raise OutputError beyond 65,535 pixels a side.
    """
    native = at_native_size([layer.whole for layer in layers], grid)
    layers = [
        trim_layer(layer.number, layer.name, whole)
        for layer, whole in zip(layers, native, strict=True)
    ]
    height, width = layers[0].canvas
    if max(height, width) > LARGEST:
        raise OutputError(f"aseprite holds at most {LARGEST} pixels a side, not {width}x{height}")
    palette = _palette(layers)
    chunks = [] if palette is None else [_palette_chunk(palette)]
    chunks += [_layer_chunk(layer) for layer in layers]
    chunks += [_cel_chunk(i, layer, palette) for i, layer in enumerate(layers)]
    body = b"".join(chunks)
    counted = min(len(chunks), 0xFFFF)
    frame = struct.pack("<IHHH2xI", 16 + len(body), FRAME, counted, _DURATION, len(chunks))
    header = struct.pack(
        "<IHHHHHIH8xB3xHBBhhHH84x",
        *(128 + len(frame) + len(body), HEADER, 1, width, height),
        *(32 if palette is None else 8, _OPACITY_COUNTS, _DURATION),
        *(0, 0 if palette is None else len(palette.colors)),
        *(1, 1, 0, 0, 0, 0),
    )
    return header + frame + body


def _palette(layers: Sequence[TrimmedLayer]) -> _Palette | None:
    """Gather the colours in their order of code, unless they are too many or some are soft."""
    pixels = np.concatenate([layer.rgba.reshape(-1, 4) for layer in layers])
    pixels = pixels[pixels[:, 3] > 0]
    if (pixels[:, 3] < 255).any():
        return None
    colors = np.unique(pixels, axis=0)
    if len(colors) > MOST_COLORS:
        return None
    return _Palette(np.concatenate([np.zeros((1, 4), np.uint8), colors]))


def _palette_chunk(palette: _Palette) -> bytes:
    last = len(palette.colors) - 1
    head = struct.pack("<III8x", last + 1, 0, last)
    entries = (struct.pack("<H4B", 0, *color) for color in palette.colors.tolist())
    return _chunk(PALETTE, head + b"".join(entries))


def _layer_chunk(layer: TrimmedLayer) -> bytes:
    name = printable(layer.name).encode()[:0xFFFF]
    # An image layer at the top level in Normal mode.
    head = struct.pack("<HHHHHHB3x", _VISIBLE_AND_EDITABLE, 0, 0, 0, 0, 0, 255)
    return _chunk(LAYER, head + struct.pack("<H", len(name)) + name)


def _cel_chunk(index: int, layer: TrimmedLayer, palette: _Palette | None) -> bytes:
    left, top, right, bottom = layer.box
    pixels = layer.rgba if palette is None else palette.indices(layer.rgba)
    # Type 2 is a packed picture; cels lie in the order of their layers.
    head = struct.pack("<HhhBHh5x", index, left, top, 255, 2, 0)
    head += struct.pack("<HH", right - left, bottom - top)
    return _chunk(CEL, head + zlib.compress(pixels.tobytes(), _LEVEL))


def _chunk(kind: int, data: bytes) -> bytes:
    return struct.pack("<IH", 6 + len(data), kind) + data


def _codes(rgba: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """Give every colour (…, 4) one number."""
    return np.ascontiguousarray(rgba).view(np.uint32)[..., 0]
