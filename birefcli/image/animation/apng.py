"""APNG: taken apart into frames, and written without loss, with a palette where one serves."""

import struct
import zlib
from collections.abc import Iterator
from fractions import Fraction
from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, PngImagePlugin

from birefcli.image.animation.changes import box_around, changed, cut
from birefcli.image.animation.types import Animation, Disposal, EndsEarlyError, FramePart, Layout
from birefcli.image.files import MADE_BY
from birefcli.image.types import Rgba

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_DISPOSALS = (Disposal.KEEP, Disposal.CLEAR, Disposal.RESTORE)
# Chunks before the pixels that say how to read every frame.
_SHARED = {b"PLTE", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"sBIT", b"pHYs"}


def take_apart(data: bytes) -> Layout:
    """Return the canvas and the frames of an APNG, or the one picture of a PNG.

    A first picture that is no frame is the poster. Raise EndsEarlyError where it stops too soon.
    """
    header = b""
    shared: list[bytes] = []
    controls: list[bytes] = []
    pixels: list[list[bytes]] = [[]]  # of the first picture, then of every later frame
    is_first_shown = False
    count, loop = 0, 1
    for kind, body in chunks(data):
        match kind:
            case b"IHDR":
                header = body
            case b"acTL" if not pixels[0]:
                count, loop = struct.unpack(">II", body)
            case b"fcTL":
                is_first_shown = is_first_shown or not pixels[0]
                controls.append(body)
                if pixels[0]:
                    pixels.append([])
            case b"IDAT":
                pixels[0].append(body)
            case b"fdAT" if len(pixels) > 1:
                pixels[-1].append(body[4:])
            case _ if kind in _SHARED and not pixels[0]:
                shared.append(chunk(kind, body))
    width, height = struct.unpack(">II", header[:8])

    def alone(size: bytes, pieces: list[bytes]) -> bytes:
        first = chunk(b"IHDR", size + header[8:])
        body = b"".join(chunk(b"IDAT", piece) for piece in pieces)
        return b"".join([_SIGNATURE, first, *shared, body, chunk(b"IEND", b"")])

    still = FramePart(alone(header[:8], pixels[0]), 0, 0, width, height, is_blended=False)
    if not count or not controls:
        return Layout(width, height, (still,), 1)
    shown = pixels if is_first_shown else pixels[1:]
    parts = [
        _part(control, alone(control[4:12], pieces), (width, height))
        for control, pieces in zip(controls, shown, strict=False)
        if pieces
    ]
    poster = None if is_first_shown else still
    return Layout(width, height, tuple(parts), loop, poster=poster)


def put_together(animation: Animation) -> bytes:
    """Return the bytes of an APNG that holds every frame exactly, colours under alpha 0 too.

    Every frame replaces the rectangle that changes, so nothing can shine through. It is an
    indexed file where all frames have at most 256 colours, alpha counted.
    """
    height, width = animation.size
    frames = animation.frames
    poster = () if animation.poster is None else (animation.poster,)
    table = _table((*frames, *poster))
    is_opaque = all((frame[..., 3] == 255).all() for frame in (*frames, *poster))

    def encoded(rgba: Rgba) -> dict[bytes, list[bytes]]:
        return _encoded(rgba, table, animation, is_opaque=is_opaque)

    first = encoded((*poster, *frames)[0])
    pieces = [_SIGNATURE, chunk(b"IHDR", first[b"IHDR"][0])]
    for kind in (b"iCCP", b"pHYs", b"tEXt", b"PLTE", b"tRNS"):
        pieces += [chunk(kind, body) for body in first.get(kind, [])]
    is_animated = len(frames) > 1 or bool(poster)
    if is_animated:
        pieces.append(chunk(b"acTL", struct.pack(">II", len(frames), animation.loop)))
    if poster:
        pieces += [chunk(b"IDAT", body) for body in first[b"IDAT"]]
    number = 0
    before: Rgba | None = None
    for frame, duration in zip(frames, animation.durations, strict=True):
        box = (0, 0, width, height) if before is None else box_around(changed(before, frame))
        if is_animated:
            control = struct.pack(
                ">5I2H2B",
                *(number, box[2] - box[0], box[3] - box[1], box[0], box[1]),
                *(*_delay(duration), 0, 0),
            )
            pieces.append(chunk(b"fcTL", control))
            number += 1
        for body in encoded(cut(frame, box))[b"IDAT"]:
            if before is None and not poster:
                pieces.append(chunk(b"IDAT", body))
            else:
                pieces.append(chunk(b"fdAT", struct.pack(">I", number) + body))
                number += 1
        before = frame
    return b"".join([*pieces, chunk(b"IEND", b"")])


def chunk(kind: bytes, body: bytes) -> bytes:
    """Return a chunk of a PNG with its length and its sum."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Give the kind and the body of every chunk up to the end of a PNG."""
    place, kind = len(_SIGNATURE), b""
    while kind != b"IEND":
        if place + 12 > len(data):
            raise EndsEarlyError
        (length,) = struct.unpack_from(">I", data, place)
        kind, body = data[place + 4 : place + 8], data[place + 8 : place + 8 + length]
        total = data[place + 8 + length : place + 12 + length]
        if len(total) < 4:
            raise EndsEarlyError
        # An upper-case first letter is a chunk that no reader may ignore.
        is_needed = kind[:1].isupper() or kind in (b"acTL", b"fcTL", b"fdAT")
        if is_needed and total != struct.pack(">I", zlib.crc32(kind + body)):
            raise ValueError(f"its {kind.decode('latin-1')} chunk is damaged")
        yield kind, body
        place += 12 + length


def _part(control: bytes, data: bytes, canvas: tuple[int, int]) -> FramePart:
    _, width, height, left, top, num, den, disposal, blend = struct.unpack(">5I2H2B", control)
    if not (0 < width <= canvas[0] - left and 0 < height <= canvas[1] - top):
        raise ValueError("a frame reaches over its canvas")
    return FramePart(
        *(data, left, top, width, height, 1000 * num / (den or 100)),
        disposal=_DISPOSALS[disposal] if disposal < 3 else Disposal.KEEP,
        is_blended=blend == 1,
    )


def _delay(duration: float) -> tuple[int, int]:
    """Write milliseconds as a fraction of a second of two 16-bit numbers, exact where it can be."""
    if duration == int(duration) and duration <= 0xFFFF:
        return int(duration), 1000
    seconds = Fraction(duration / 1000).limit_denominator(10_000)
    while seconds.numerator > 0xFFFF and seconds.denominator > 1:
        seconds = Fraction(duration / 1000).limit_denominator(seconds.denominator // 2)
    return min(seconds.numerator, 0xFFFF), seconds.denominator


def _table(frames: tuple[Rgba, ...]) -> npt.NDArray[np.uint32] | None:
    """Return the colours of all frames, RGBA as one number, or None for more than 256."""
    used: npt.NDArray[np.uint32] = np.zeros(0, np.uint32)
    for frame in frames:
        used = np.union1d(used, _packed(frame))
        if used.size > 256:
            return None
    return used


def _packed(rgba: Rgba) -> npt.NDArray[np.uint32]:
    """Give every colour as one number, alpha first: clear entries come first in a table."""
    red, green, blue, alpha = np.moveaxis(rgba.astype(np.uint32), -1, 0)
    return np.asarray(alpha << 24 | red << 16 | green << 8 | blue, np.uint32)


def _encoded(
    rgba: Rgba, table: npt.NDArray[np.uint32] | None, animation: Animation, *, is_opaque: bool
) -> dict[bytes, list[bytes]]:
    """Return the chunks of one picture by their kinds; all pictures of a table look alike."""
    text = PngImagePlugin.PngInfo()
    text.add_text("Software", MADE_BY)
    options: dict[str, Any] = {"pnginfo": text, "icc_profile": animation.icc, "compress_level": 9}
    if animation.dpi is not None:
        options["dpi"] = animation.dpi
    if table is None:
        image = Image.fromarray(np.ascontiguousarray(rgba[..., :3] if is_opaque else rgba))
    else:
        image = Image.fromarray(np.searchsorted(table, _packed(rgba)).astype(np.uint8))
        image.putpalette(np.stack([table >> 16, table >> 8, table], -1).astype(np.uint8).tobytes())
        if not is_opaque:
            options["transparency"] = (table >> 24).astype(np.uint8).tobytes()
    stream = BytesIO()
    image.save(stream, "PNG", **options)
    found: dict[bytes, list[bytes]] = {}
    for kind, body in chunks(stream.getvalue()):
        found.setdefault(kind, []).append(body)
    return found
