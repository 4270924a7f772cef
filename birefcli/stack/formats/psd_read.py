"""The layers of a PSD or PSB of ours, read back to prove it."""

import struct
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from birefcli.errors import PictureError
from birefcli.image import Alpha, Rgba
from birefcli.matte import Box
from birefcli.stack.formats.packbits import unpack
from birefcli.stack.formats.psd import PSB, PSD, RLE, PsdFieldWidths
from birefcli.stack.trimmed_layers import place_on_canvas


@dataclass
class _Bytes:
    """A file, and how far it was read."""

    data: bytes
    at: int = 0

    def take(self, how: str) -> tuple[int, ...]:
        """Read numbers."""
        values = struct.unpack_from(how, self.data, self.at)
        self.at += struct.calcsize(how)
        return values

    def skip(self, how: str) -> None:
        """Leave out a part that begins with its length."""
        (length,) = self.take(how)
        self.at += length

    def bytes(self, length: int) -> bytes:
        """Read so many bytes."""
        self.at += length
        return self.data[self.at - length : self.at]


@dataclass(frozen=True)
class _Record:
    box: Box
    channels: tuple[tuple[int, int], ...]  # which one, and its length
    is_shown: bool


def read_psd(files: Mapping[str, bytes]) -> list[Rgba]:
    """Return the layers of the one PSD or PSB among a stack's files, as `parse_psd` does."""
    (data,) = files.values()
    return parse_psd(data)


def parse_psd(data: bytes) -> list[Rgba]:
    """Return the layers of a PSD or PSB, uint8 (H, W, 4) at the canvas's size, bottom first.

    Hidden layers are left out. Raise PictureError where the bytes are none of ours: only RGB of 8
    bits is read, in Normal mode at full opacity.
    """
    try:
        return _layers(_Bytes(data))
    except (struct.error, ValueError, KeyError, IndexError) as error:
        raise PictureError(
            f"the .psd cannot be read: {error}; write it again", reason="unreadable"
        ) from error


def _layers(file: _Bytes) -> list[Rgba]:
    if file.bytes(4) != b"8BPS":
        raise ValueError("it does not begin like one")
    version, _, height, width, depth, mode = file.take(">H6xHIIHH")
    if (depth, mode) != (8, 3) or version not in (1, 2):
        raise ValueError(f"only RGB of 8 bits is read, not mode {mode} of {depth} bits")
    widths = PSD if version == PSD.version else PSB
    file.skip(">I")
    file.skip(">I")
    file.take(widths.section)
    file.take(widths.section)
    (count,) = file.take(">h")
    records = [_record(file, widths) for _ in range(abs(count))]
    layers = []
    for record in records:
        left, top, right, bottom = record.box
        rgba = np.full((bottom - top, right - left, 4), 255, np.uint8)
        for kind, length in record.channels:
            channel = _channel(_Bytes(file.bytes(length)), rgba.shape[0], rgba.shape[1], widths)
            rgba[..., {-1: 3, 0: 0, 1: 1, 2: 2}[kind]] = channel
        if record.is_shown:
            layers.append(place_on_canvas(rgba, record.box, (height, width)))
    return layers


def _record(file: _Bytes, widths: PsdFieldWidths) -> _Record:
    top, left, bottom, right, count = file.take(">iiiiH")
    channels = []
    for _ in range(count):
        (kind,) = file.take(">h")
        (length,) = file.take(widths.section)
        channels.append((kind, length))
    if file.bytes(8) != b"8BIMnorm":
        raise ValueError("only layers in Normal mode are read")
    opacity, _, flags = file.take(">BBBx")
    if opacity != 255:
        raise ValueError("only layers at full opacity are read")
    file.skip(">I")
    return _Record((left, top, right, bottom), tuple(channels), not flags & 2)


def _channel(file: _Bytes, height: int, width: int, widths: PsdFieldWidths) -> Alpha:
    """Read one channel (H, W), packed or plain."""
    (how,) = file.take(">H")
    if how == 0:
        return np.frombuffer(file.bytes(height * width), np.uint8).reshape(height, width)
    if how != RLE:
        raise ValueError(f"channels packed in way {how} are not read")
    lengths = file.take(">" + widths.row[1:] * height)
    rows = [unpack(file.bytes(length), width) for length in lengths]
    return np.stack(rows) if rows else np.zeros((0, width), np.uint8)
