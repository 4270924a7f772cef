"""Animated WebP: taken apart into frames, and written without loss or with a quality."""

import struct
from collections.abc import Iterator

import numpy as np

from birefcli.errors import OutputError
from birefcli.image.animation.changes import box_around, changed, cut, whole_durations
from birefcli.image.animation.types import Animation, Disposal, EndsEarlyError, FramePart, Layout
from birefcli.image.files import MADE_BY_XMP, encode
from birefcli.image.types import Rgba

_LONGEST = 16383
_PIXELS = {b"ALPH", b"VP8 ", b"VP8L"}
_ANIMATED, _XMP, _ALPHA, _ICC = 0x02, 0x04, 0x10, 0x20


def take_apart(data: bytes) -> Layout:
    """Return the canvas and the frames of a WebP; raise EndsEarlyError where it stops too soon."""
    if len(data) < 8 + int.from_bytes(data[4:8], "little"):
        raise EndsEarlyError
    width = height = 0
    parts: list[FramePart] = []
    loop, icc = 1, None
    is_animated = False
    for kind, body in _chunks(data[12 : 8 + int.from_bytes(data[4:8], "little")]):
        match kind:
            case b"VP8X":
                is_animated = bool(body[0] & _ANIMATED)
                width, height = _three(body, 4) + 1, _three(body, 7) + 1
            case b"ICCP":
                icc = body
            case b"ANIM" if is_animated:
                (loop,) = struct.unpack_from("<H", body, 4)
            case b"ANMF" if is_animated:
                parts.append(_part(body))
            case b"VP8 " if not is_animated:
                width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", body, 6))
            case b"VP8L" if not is_animated:
                (bits,) = struct.unpack_from("<I", body, 1)
                width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if not is_animated:
        parts = [FramePart(data, 0, 0, width, height, is_blended=False)]
    return Layout(width, height, tuple(parts), loop, icc=icc)


def put_together(animation: Animation, quality: int | None) -> bytes:
    """Return the bytes of a WebP; without a quality every frame is exact.

    That includes colours under alpha 0. Every frame replaces the rectangle that changes,
    so nothing can shine through. Times are whole milliseconds whose sum stays right.
    """
    height, width = animation.size
    if max(height, width) > _LONGEST:
        raise OutputError(
            f"webp holds at most {_LONGEST} pixels a side, not {width}x{height}; write apng"
        )
    frames = animation.frames
    if len(frames) == 1:
        return encode(frames[0], "webp", icc=animation.icc, quality=quality)
    flags = _ANIMATED | _XMP | (_ICC if animation.icc else 0)
    flags |= 0 if all((frame[..., 3] == 255).all() for frame in frames) else _ALPHA
    pieces = [_chunk(b"VP8X", bytes([flags, 0, 0, 0]) + _bytes(width - 1) + _bytes(height - 1))]
    if animation.icc:
        pieces.append(_chunk(b"ICCP", animation.icc))
    pieces.append(_chunk(b"ANIM", b"\0\0\0\0" + struct.pack("<H", min(animation.loop, 0xFFFF))))
    before: Rgba | None = None
    durations = whole_durations(animation.durations, step=1)
    for frame, duration in zip(frames, durations, strict=True):
        box = (0, 0, width, height) if before is None else box_around(changed(before, frame))
        # A corner has even coordinates.
        left, top = box[0] & ~1, box[1] & ~1
        picture = np.ascontiguousarray(cut(frame, (left, top, box[2], box[3])))
        place = (left // 2, top // 2, picture.shape[1] - 1, picture.shape[0] - 1)
        head = b"".join(_bytes(value) for value in (*place, min(duration, 0xFFFFFF))) + b"\x02"
        data = encode(picture, "webp", quality=quality)
        pixels = [_chunk(k, body) for k, body in _chunks(data[12:]) if k in _PIXELS]
        pieces.append(_chunk(b"ANMF", head + b"".join(pixels)))
        before = frame
    pieces.append(_chunk(b"XMP ", MADE_BY_XMP))
    return _riff(b"".join(pieces))


def _part(body: bytes) -> FramePart:
    """Read one frame; give it as a WebP of its own."""
    if len(body) < 16:
        raise EndsEarlyError
    left, top, width, height, duration = (_three(body, i) for i in range(0, 15, 3))
    width, height, flags = width + 1, height + 1, body[15]
    found = [(kind, piece) for kind, piece in _chunks(body[16:]) if kind in _PIXELS]
    pixels = b"".join(_chunk(kind, piece) for kind, piece in found)
    if found and found[0][0] == b"ALPH":
        size = _bytes(width - 1) + _bytes(height - 1)
        pixels = _chunk(b"VP8X", bytes([_ALPHA, 0, 0, 0]) + size) + pixels
    return FramePart(
        *(_riff(pixels), 2 * left, 2 * top, width, height, duration),
        disposal=Disposal.CLEAR if flags & 1 else Disposal.KEEP,
        is_blended=not flags & 2,
    )


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = 0
    while place + 8 <= len(data):
        kind, (length,) = data[place : place + 4], struct.unpack_from("<I", data, place + 4)
        body = data[place + 8 : place + 8 + length]
        if len(body) < length:
            raise EndsEarlyError
        yield kind, body
        place += 8 + length + length % 2


def _chunk(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def _riff(body: bytes) -> bytes:
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def _three(data: bytes, place: int) -> int:
    """Read a number of three bytes."""
    return int.from_bytes(data[place : place + 3], "little")


def _bytes(value: int) -> bytes:
    return value.to_bytes(3, "little")
