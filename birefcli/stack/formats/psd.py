"""PSD: the stack as Photoshop, Krita, Spine, Live2D and Unity import it.

Written from Adobe's "Photoshop File Formats Specification" (2019): three header channels, layers in
Normal mode at full opacity, all transparency in their pixels. Sides beyond 30,000 pixels make it
a PSB, whose lengths are wider.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from birefcli.errors import OutputError
from birefcli.image import Alpha, Rgba
from birefcli.matte import Size
from birefcli.stack.formats.export import StackExport
from birefcli.stack.formats.packbits import pack_rows
from birefcli.stack.trimmed_layers import TrimmedLayer, plain_name, printable

LONGEST_PSD = 30_000
LONGEST_PSB = 300_000
RLE = 1
_RGB = 3
_ICC = 1039
# Bit 3 says that the flags are those of a modern program.
_FLAGS = 8


@dataclass(frozen=True)
class PsdFieldWidths:
    """How lengths are written: narrow in a PSD, wide in a PSB."""

    version: int
    section: str
    row: str


PSD = PsdFieldWidths(1, ">I", ">H")
PSB = PsdFieldWidths(2, ">Q", ">I")


def is_large(size: Size) -> bool:
    """Whether a picture needs a PSB."""
    return max(size) > LONGEST_PSD


def write_psd(export: StackExport) -> dict[str, bytes]:
    """Write one .psd, or, if the picture is too large for that, one .psb."""
    suffix = "psb" if is_large(export.stack.size) else "psd"
    data = build_psd(export.layers, export.picture, export.source.icc)
    return {f"{export.name}.{suffix}": data}


def build_psd(
    layers: Sequence[TrimmedLayer],
    picture: Rgba,
    icc: bytes | None = None,
    widths: PsdFieldWidths | None = None,
) -> bytes:
    """Return the bytes of a PSD, or, if the picture is large, of a PSB.

    `layers` begin with the background; `picture` (H, W, 4) is what is shown merged, as straight
    alpha; `widths` decide between the two formats where the size shall not. Raise OutputError
    beyond 300,000 pixels a side.
    """
    height, width = layers[0].canvas
    if max(height, width) > LONGEST_PSB:
        raise OutputError(f"a psb holds at most {LONGEST_PSB} pixels a side, not {width}x{height}")
    widths = widths or (PSB if is_large((height, width)) else PSD)
    # A merged picture is transparent only where the peeled one was.
    has_alpha = bool((picture[..., 3] < 255).any())
    channels = 4 if has_alpha else 3
    header = struct.pack(">4sH6xHIIHH", b"8BPS", widths.version, channels, height, width, 8, _RGB)
    section = _layers(layers, widths, has_alpha)
    merged = _rle([picture[..., i] for i in range(channels)], widths)
    # No palette; the profile; the layers.
    return b"".join(
        [header, bytes(4), _sized(">I", _resources(icc)), section, struct.pack(">H", RLE), merged]
    )


def _resources(icc: bytes | None) -> bytes:
    """Write the image resources: the colour profile."""
    if not icc:
        return b""
    return struct.pack(">4sHH", b"8BIM", _ICC, 0) + _sized(">I", icc) + bytes(len(icc) % 2)


def _layers(layers: Sequence[TrimmedLayer], widths: PsdFieldWidths, has_alpha: bool) -> bytes:
    """Write all layers, bottom first; a negative count says that the merged picture has alpha."""
    records, pixels = [], []
    for layer in layers:
        channels = []
        for i in (3, 0, 1, 2):
            channels.append(struct.pack(">H", RLE) + _rle([layer.rgba[..., i]], widths))
        records.append(_record(layer, channels, widths))
        pixels += channels
    count = -len(layers) if has_alpha else len(layers)
    info = struct.pack(">h", count) + b"".join(records) + b"".join(pixels)
    info += bytes(-len(info) % 4)
    # Nothing is said about masks that hold for all layers.
    return _sized(widths.section, _sized(widths.section, info) + bytes(4))


def _record(layer: TrimmedLayer, channels: Sequence[bytes], widths: PsdFieldWidths) -> bytes:
    """Describe a layer: its box, channels, mode and name."""
    left, top, right, bottom = layer.box
    record = struct.pack(">iiiiH", top, left, bottom, right, len(channels))
    for kind, data in zip((-1, 0, 1, 2), channels, strict=True):
        record += struct.pack(">h", kind) + struct.pack(widths.section, len(data))
    record += struct.pack(">4s4sBBBx", b"8BIM", b"norm", 255, 0, _FLAGS)
    # No mask, no blending ranges, then the name twice: for old programs, and in full.
    return record + _sized(">I", bytes(8) + _pascal(plain_name(layer.name)) + _luni(layer.name))


def _pascal(name: str) -> bytes:
    """Write a short name, padded to four bytes."""
    text = bytes([len(name)]) + name.encode("ascii")
    return text + bytes(-len(text) % 4)


def _luni(name: str) -> bytes:
    """Write a name in UTF-16."""
    text = printable(name).encode("utf-16-be")
    block = struct.pack(">I", len(text) // 2) + text
    return b"8BIMluni" + _sized(">I", block + bytes(-len(block) % 4))


def _rle(channels: Sequence[Alpha], widths: PsdFieldWidths) -> bytes:
    """Pack channels of one size: the lengths of all rows, then the rows."""
    rows = [row for channel in channels for row in pack_rows(np.ascontiguousarray(channel))]
    return b"".join([struct.pack(widths.row, len(row)) for row in rows] + rows)


def _sized(how: str, data: bytes) -> bytes:
    """Write data after its length."""
    return struct.pack(how, len(data)) + data
