"""Picture files drawn by hand, down to their bytes, and the error that reading one gives."""

import os
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from birefcli.errors import PictureError
from birefcli.image.files import (
    read_picture,
)

LIMIT = 1_000_000
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def noise(height: int, width: int, channels: int = 3, top: int = 256) -> np.ndarray:
    values = np.random.default_rng(7).integers(0, top, (height, width, channels))
    return values.astype(np.uint8 if top == 256 else np.uint16)


def saved(image: Image.Image, format: str, **options: object) -> bytes:
    stream = BytesIO()
    image.save(stream, format, **options)
    return stream.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(array: np.ndarray, color: int, extra: bytes = b"", size: tuple[int, int] = (0, 0)) -> bytes:
    """Write a png by hand, of 8 or 16 bits; `size` lies about (height, width)."""
    height, width = size if any(size) else array.shape[:2]
    lines = [b"\0" + line.astype(array.dtype.newbyteorder(">")).tobytes() for line in array]
    head = struct.pack(">IIBBBBB", width, height, 8 * array.itemsize, color, 0, 0, 0)
    body = chunk(b"IHDR", head) + extra + chunk(b"IDAT", zlib.compress(b"".join(lines)))
    return b"\x89PNG\r\n\x1a\n" + body + chunk(b"IEND", b"")


def cmyk_profile() -> bytes:
    """Make the smallest CMYK profile: white paper, black of all inks, any other mix a red."""
    grid = np.tile(np.array([100, 220, 200], np.uint8), (16, 1))  # Lab 39, 92, 72
    grid[0], grid[15] = (255, 128, 128), (0, 128, 128)
    ramp = bytes(range(256))
    matrix = struct.pack(">9i", *(65536 if i % 4 == 0 else 0 for i in range(9)))
    table = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + matrix + ramp * 4 + grid.tobytes() + ramp * 3
    white = b"XYZ " + bytes(4) + struct.pack(">3i", 0xF6D6, 0x10000, 0xD32D)
    text = b"text" + bytes(4) + b"none\0\0\0\0"
    name = b"desc" + bytes(4) + struct.pack(">I", 5) + b"test\0" + bytes(79)
    tags = {b"A2B0": table, b"wtpt": white, b"cprt": text, b"desc": name}
    place = 128 + 4 + 12 * len(tags)
    index, data = struct.pack(">I", len(tags)), b""
    for tag, value in tags.items():
        value += bytes(-len(value) % 4)
        index += tag + struct.pack(">II", place + len(data), len(value))
        data += value
    head = struct.pack(">I4sI4s4s4s", place + len(data), b"", 0x02100000, b"prtr", b"CMYK", b"Lab ")
    head += bytes(12) + b"acsp" + bytes(28) + struct.pack(">3i", 0xF6D6, 0x10000, 0xD32D)
    return head.ljust(128, b"\0") + index + data


@contextmanager
def unprivileged() -> Iterator[None]:
    """Do without the rights of root, which files cannot be closed to."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


def failure(source: Path | bytes, max_pixels: int = LIMIT) -> PictureError:
    with pytest.raises(PictureError) as caught:
        read_picture(source, max_pixels=max_pixels)
    message = str(caught.value)
    assert message.startswith(str(source) if isinstance(source, Path) else "standard input")
    assert "\n" not in message
    return caught.value
