"""GIF: taken apart into frames, and written so that nothing of an earlier frame stays behind."""

import struct
from dataclasses import dataclass, field
from io import BytesIO

import numpy as np
import numpy.typing as npt
from PIL import Image

from birefcli.errors import OutputError
from birefcli.image.animation.changes import box_around, cut, whole_durations
from birefcli.image.animation.types import (
    Animation,
    Disposal,
    EndsEarlyError,
    FramePalette,
    FramePart,
    Layout,
)
from birefcli.image.files import MADE_BY
from birefcli.image.types import Mask, Rgb, Rgba

# A GIF knows no half-transparent pixels: from here on they are solid.
GIF_ALPHA = 128
_LONGEST = 65535
# Some programs write 4 for 3.
_DISPOSALS = {2: Disposal.CLEAR, 3: Disposal.RESTORE, 4: Disposal.RESTORE}
_LOOPS = {b"NETSCAPE2.0", b"ANIMEXTS1.0"}


def take_apart(data: bytes) -> Layout:
    """Return the canvas and the frames of a GIF; raise EndsEarlyError where it stops too soon.

    A loop block of n means n repeats, so n + 1 plays; without the block the GIF plays once.
    """
    walk = _Walk(data)
    width, height, flags = struct.unpack("<HHB", walk.take(5))
    walk.take(2)
    table = walk.table(flags)
    parts: list[FramePart] = []
    loop = 1
    control = b"\0\0\0\0"
    clear: set[int] = set()
    has_local = False
    while (kind := walk.take(1)) != b";":
        if kind == b"!":
            label = walk.take(1)
            blocks = walk.blocks()
            if label == b"\xf9" and blocks and len(blocks[0]) >= 4:
                control = blocks[0][:4]
            elif label == b"\xff" and blocks and blocks[0] in _LOOPS and len(blocks) > 1:
                count = int.from_bytes(blocks[1][1:3], "little")
                loop = count + 1 if count else 0
        elif kind == b",":
            part, own_table = _part(walk, table, control)
            parts.append(part)
            has_local = has_local or own_table
            if control[0] & 1:
                clear.add(control[3])
            control = b"\0\0\0\0"
        elif kind != b"\0":  # stray ends of blocks are common
            raise ValueError("it holds a block that GIF does not know")
    if parts and not (width and height):
        width, height = parts[0].left + parts[0].width, parts[0].top + parts[0].height
    palette = None
    if table and not has_local and len(clear) < 2:
        colors = np.frombuffer(table, np.uint8).reshape(-1, 3)
        palette = FramePalette(colors, next((i for i in clear if i < len(colors)), None))
    return Layout(width, height, tuple(parts), loop, palette)


def put_together(animation: Animation) -> bytes:
    """Return the bytes of a GIF; alpha under 128 is clear, the rest solid.

    Colours are exact where all frames, or else what changes in one, have at most 255; a picture
    of more is brought to 255 by median cut and k-means, without dither. Times are whole
    hundredths of a second whose sum stays right, and never 10 ms for what is longer: browsers
    show that as 100.
    """
    height, width = animation.size
    if max(height, width) > _LONGEST:
        raise OutputError(
            f"gif holds at most {_LONGEST} pixels a side, not {width}x{height}; write apng"
        )
    frames = animation.frames
    has_clear = any((frame[..., 3] < GIF_ALPHA).any() for frame in frames)
    shared = _shared_table(animation, has_clear=has_clear)
    pieces = [b"GIF89a", struct.pack("<HH", width, height)]
    if shared is None:
        pieces.append(b"\x70\0\0")
    else:
        pieces += [bytes([0xF0 | _bits(shared) - 1, shared.clear or 0, 0]), _table(shared)]
    if animation.loop != 1 and len(frames) > 1:
        count = min(max(animation.loop - 1, 0), 0xFFFF)
        pieces.append(b"!\xff\x0bNETSCAPE2.0\x03\x01" + struct.pack("<H", count) + b"\0")
    pieces.append(b"!\xfe" + bytes([len(MADE_BY)]) + MADE_BY.encode() + b"\0")
    delays = whole_durations(animation.durations, step=10, shortest=20)
    shown = np.zeros_like(frames[0])
    for i, frame in enumerate(frames):
        following = frames[(i + 1) % len(frames)]
        is_solid = _is_solid(frame)
        is_leaving = is_solid & ~_is_solid(following)
        is_drawn = is_solid & ((frame[..., :3] != shown[..., :3]).any(2) | ~_is_solid(shown))
        box = box_around(is_drawn | is_leaving)
        rgba, solid = cut(frame, box), is_solid[box[1] : box[3], box[0] : box[2]]
        table = shared or _own_table(rgba, solid, has_clear=has_clear)
        disposal = 2 if is_leaving.any() else 1
        pieces += [
            *(b"!\xf9\x04", bytes([disposal << 2 | (table.clear is not None)])),
            struct.pack("<HB", min(round(delays[i] / 10), 0xFFFF), table.clear or 0) + b"\0",
            b"," + struct.pack("<4H", box[0], box[1], box[2] - box[0], box[3] - box[1]),
            b"\0" if shared else bytes([0x80 | _bits(table) - 1]) + _table(table),
            _compressed(_indices(rgba, solid, table)),
        ]
        shown = frame.copy()
        if disposal == 2:
            cut(shown, box)[...] = 0
    return b"".join([*pieces, b";"])


@dataclass
class _Walk:
    """A place in the bytes of a GIF."""

    data: bytes
    place: int = field(default=6)

    def take(self, count: int) -> bytes:
        piece = self.data[self.place : self.place + count]
        if len(piece) < count:
            raise EndsEarlyError
        self.place += count
        return piece

    def table(self, flags: int) -> bytes:
        return self.take(3 << (flags & 7) + 1) if flags & 0x80 else b""

    def blocks(self) -> list[bytes]:
        found = []
        while length := self.take(1)[0]:
            found.append(self.take(length))
        return found


def _part(walk: _Walk, table: bytes, control: bytes) -> tuple[FramePart, bool]:
    """Read one frame; give it as a GIF of its own, and whether it has a table of its own."""
    left, top, width, height, flags = struct.unpack("<4HB", walk.take(9))
    own = walk.table(flags)
    begin = walk.place
    walk.take(1)
    walk.blocks()
    colors = own or table
    size = len(colors).bit_length() - 3 if colors else 0  # 3 * 2 ** (size + 1) bytes
    alone = b"".join(
        [
            *(b"GIF89a", struct.pack("<HH", width, height)),
            (bytes([0xF0 | size]) if colors else b"\x70") + b"\0\0" + colors,
            b"!\xf9\x04" + bytes([control[0] & 1, 0, 0, control[3], 0]),
            b"," + struct.pack("<4HB", 0, 0, width, height, flags & 0x40),
            walk.data[begin : walk.place] + b";",
        ]
    )
    duration = 10 * int.from_bytes(control[1:3], "little")
    disposal = _DISPOSALS.get(control[0] >> 2 & 7, Disposal.KEEP)
    data = alone if width and height else b""
    return FramePart(data, left, top, width, height, duration, disposal), bool(own)


def _is_solid(rgba: Rgba) -> Mask:
    return np.asarray(rgba[..., 3] >= GIF_ALPHA, np.bool_)


def _packed(rgb: Rgb) -> npt.NDArray[np.uint32]:
    """Give every colour as one number."""
    red, green, blue = np.moveaxis(rgb.astype(np.uint32), -1, 0)
    return np.asarray(red << 16 | green << 8 | blue, np.uint32)


def _unpacked(colors: npt.NDArray[np.uint32]) -> Rgb:
    return np.stack([colors >> 16, colors >> 8 & 255, colors & 255], -1).astype(np.uint8)


def _shared_table(animation: Animation, *, has_clear: bool) -> FramePalette | None:
    """Find one table for all frames: the old one if it still serves, None if there are too many."""
    used: npt.NDArray[np.uint32] = np.zeros(0, np.uint32)
    for frame in animation.frames:
        used = np.union1d(used, _packed(frame[_is_solid(frame)][:, :3]))
        if used.size > 256 - has_clear:
            return None
    old = animation.palette
    if old is not None and len(old.colors) <= 256:
        entries = _packed(old.colors)
        if np.isin(used, np.delete(entries, [] if old.clear is None else old.clear)).all():
            if not has_clear or old.clear is not None:
                return old
            if len(entries) < 256:
                return FramePalette(np.concatenate([old.colors, old.colors[:1] * 0]), len(entries))
    return _with_clear(_unpacked(used), has_clear=has_clear)


def _own_table(rgba: Rgba, solid: Mask, *, has_clear: bool) -> FramePalette:
    """Find the table of one frame: its colours, or the best 255 for them."""
    visible = rgba[solid][:, :3]
    colors = _unpacked(np.unique(_packed(visible)))
    most = 256 - has_clear
    if len(colors) > most:
        strip = Image.fromarray(visible.reshape(1, -1, 3))
        fewer = strip.quantize(most, Image.Quantize.MEDIANCUT, kmeans=1, dither=Image.Dither.NONE)
        colors = np.array(fewer.getpalette(), np.uint8).reshape(-1, 3)
    return _with_clear(colors, has_clear=has_clear)


def _with_clear(colors: Rgb, *, has_clear: bool) -> FramePalette:
    """Put a clear entry before the colours, where one is needed."""
    if not has_clear:
        return FramePalette(colors)
    return FramePalette(np.concatenate([np.zeros((1, 3), np.uint8), colors]), 0)


def _indices(rgba: Rgba, solid: Mask, table: FramePalette) -> npt.NDArray[np.uint8]:
    """Give the entry of every pixel: its own colour, or the nearest where it was left out."""
    entries = _packed(table.colors).astype(np.int64)
    if table.clear is not None:
        entries[table.clear] = -1
    order = np.argsort(entries, kind="stable")
    colors, inverse = np.unique(_packed(rgba[..., :3]), return_inverse=True)
    found = order[np.minimum(np.searchsorted(entries[order], colors), len(order) - 1)]
    is_missing = entries[found] != colors
    if is_missing.any():
        wanted = _unpacked(colors[is_missing]).astype(np.float32)
        known = np.where((entries >= 0)[:, None], table.colors, np.float32(1e4))
        for start in range(0, len(wanted), 4096):
            piece = wanted[start : start + 4096]
            distance = (known**2).sum(1) - 2 * piece @ known.T
            place = np.flatnonzero(is_missing)[start : start + 4096]
            found[place] = distance.argmin(1)
    indices = found.astype(np.uint8)[inverse].reshape(solid.shape)
    return np.where(solid, indices, np.uint8(table.clear or 0))


def _bits(table: FramePalette) -> int:
    return max(1, (len(table.colors) - 1).bit_length())


def _table(table: FramePalette) -> bytes:
    return table.colors.tobytes().ljust(3 << _bits(table), b"\0")


def _compressed(indices: npt.NDArray[np.uint8]) -> bytes:
    """Return the compressed pixels with the size of their codes, as Pillow writes them."""
    image = Image.fromarray(indices)
    image.putpalette(bytes(range(256)) * 3)
    stream = BytesIO()
    image.save(stream, "GIF", optimize=False, interlace=False)
    walk = _Walk(stream.getvalue())
    flags = walk.take(7)[4]
    walk.table(flags)
    while walk.take(1) != b",":
        walk.take(1)
        walk.blocks()
    walk.table(walk.take(9)[8])
    begin = walk.place
    walk.take(1)
    walk.blocks()
    return walk.data[begin : walk.place]
