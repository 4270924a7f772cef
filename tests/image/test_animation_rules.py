"""Disposal and blending of each container, in files put together by hand or by other programs."""

import struct
import zlib
from io import BytesIO

import cv2
import numpy as np
import pytest
from pictures import LIMIT, chunk
from PIL import Image

from birefcli.errors import PictureError
from birefcli.image.animation import read_frames

# Entries of the colour table: clear, red, green, blue.
TABLE = np.array([[0, 0, 0], [255, 0, 0], [0, 255, 0], [0, 0, 255]], np.uint8)
NAMES = ".rgb"
RGBA = {
    ".": (0, 0, 0, 0),
    "r": (255, 0, 0, 255),
    "g": (0, 255, 0, 255),
    "b": (0, 0, 255, 255),
    "h": (0, 255, 0, 128),
}


def picture(text: str) -> np.ndarray:
    return np.array([[RGBA[c] for c in row] for row in text.split()], np.uint8)


def shown(rgba: np.ndarray) -> str:
    names = {color: name for name, color in RGBA.items()}
    return " ".join("".join(names.get(tuple(map(int, p)), "?") for p in row) for row in rgba)


def gif(*frames: tuple[str, int, int, int], clear: int = 0, end: bytes = b";") -> bytes:
    """A GIF of 4x2 pixels; every frame is its rows, left, top and disposal."""
    data = b"GIF89a" + struct.pack("<HHBBB", 4, 2, 0xF1, 1, 0) + TABLE.tobytes()
    for text, left, top, disposal in frames:
        rows = [[NAMES.index(c) for c in row] for row in text.split()]
        # Codes of 3 bits with a reset before every pixel: no table of strings ever grows.
        codes = [code for row in rows for value in row for code in (4, value)] + [5]
        bits = sum(code << 3 * i for i, code in enumerate(codes))
        packed = bits.to_bytes(-(-3 * len(codes) // 8), "little")
        data += b"!\xf9\x04" + bytes([disposal << 2 | 1, 5, 0, clear, 0])
        data += b"," + struct.pack("<4HB", left, top, len(rows[0]), len(rows), 0)
        data += b"\x02" + bytes([len(packed)]) + packed + b"\0"
    return data + end


@pytest.mark.parametrize(
    ("disposal", "expected"),
    [(0, "rrrr ggrr"), (1, "rrrr ggrr"), (2, "rrrr gg.."), (3, "rrrr ggrr"), (4, "rrrr ggrr")],
)
def test_disposals_of_a_gif(disposal: int, expected: str) -> None:
    frames = [("rrrr rrrr", 0, 0, 1), ("b.", 2, 1, disposal), ("gg", 0, 1, 1)]
    animation = read_frames(gif(*frames), LIMIT)
    kept = {0: "rrrr ggbr", 1: "rrrr ggbr"}.get(disposal, expected)
    assert [shown(f) for f in animation.frames] == ["rrrr rrrr", "rrrr rrbr", kept]
    assert animation.durations == (50, 50, 50)
    assert animation.loop == 1


def test_a_first_frame_smaller_than_the_canvas_leaves_the_rest_clear() -> None:
    animation = read_frames(gif(("rg", 1, 1, 3), ("b", 0, 0, 1)), LIMIT)
    assert [shown(f) for f in animation.frames] == [".... .rg.", "b... ...."]


def test_a_frame_that_reaches_over_the_canvas_is_cut() -> None:
    animation = read_frames(gif(("rrr ggg bbb", 2, 1, 1)), LIMIT)
    assert shown(animation.frames[0]) == ".... ..rr"


def test_a_gif_without_its_end_is_truncated() -> None:
    with pytest.raises(PictureError, match="truncated"):
        read_frames(gif(("rrrr gggg", 0, 0, 1), end=b""), LIMIT)


def apng(*frames: tuple[str, int, int, int, int], hidden: bool = False) -> bytes:
    """An APNG of 4x2 pixels; every frame is its rows, left, top, disposal and blending."""
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 4, 2, 8, 6, 0, 0, 0))
    data += chunk(b"acTL", struct.pack(">II", len(frames), 3))
    number = 0
    if hidden:
        data += chunk(b"IDAT", _deflated(picture("bbbb bbbb")))
    for i, (text, left, top, disposal, blend) in enumerate(frames):
        rgba = picture(text)
        size = (rgba.shape[1], rgba.shape[0], left, top)
        data += chunk(b"fcTL", struct.pack(">5I2H2B", number, *size, 5, 0, disposal, blend))
        number += 1
        if i == 0 and not hidden:
            data += chunk(b"IDAT", _deflated(rgba))
        else:
            data += chunk(b"fdAT", struct.pack(">I", number) + _deflated(rgba))
            number += 1
    return data + chunk(b"IEND", b"")


def _deflated(rgba: np.ndarray) -> bytes:
    return zlib.compress(b"".join(b"\0" + row.tobytes() for row in rgba))


@pytest.mark.parametrize("hidden", [False, True])
@pytest.mark.parametrize(
    ("disposal", "blend", "second", "third"),
    [
        (0, 0, "rrrr rrb.", "rrrr ggb."),
        (0, 1, "rrrr rrbr", "rrrr ggbr"),
        (1, 0, "rrrr rrb.", "rrrr gg.."),
        (1, 1, "rrrr rrbr", "rrrr gg.."),
        (2, 0, "rrrr rrb.", "rrrr ggrr"),
        (2, 1, "rrrr rrbr", "rrrr ggrr"),
    ],
)
def test_disposals_and_blending_of_an_apng(
    disposal: int, blend: int, second: str, third: str, hidden: bool
) -> None:
    frames = [("rrrr rrrr", 0, 0, 0, 0), ("b.", 2, 1, disposal, blend), ("gg", 0, 1, 0, 0)]
    animation = read_frames(apng(*frames, hidden=hidden), LIMIT)
    assert [shown(f) for f in animation.frames] == ["rrrr rrrr", second, third]
    assert animation.durations == (50, 50, 50), "a denominator of 0 is 100"
    assert animation.loop == 3
    assert (animation.poster is not None) == hidden


def test_half_transparent_pixels_are_mixed_by_the_formula_of_the_standard() -> None:
    # Pillow pastes alpha too, which makes two half-transparent layers thinner than one.
    data = apng(("rr.. hhhh", 0, 0, 0, 0), ("hhhh hhhh", 0, 0, 0, 1))
    mixed = read_frames(data, LIMIT).frames[1]
    assert mixed[0, 0].tolist() == [127, 128, 0, 255]
    assert mixed[0, 2].tolist() == [0, 255, 0, 128]
    assert mixed[1, 0].tolist() == [0, 255, 0, 192]
    _, others = cv2.imdecodeanimation(np.frombuffer(data, np.uint8))
    theirs = cv2.cvtColor(others.frames[1], cv2.COLOR_BGRA2RGBA)
    assert np.abs(mixed.astype(int) - theirs).max() <= 1


def test_a_damaged_chunk_is_no_picture_silently() -> None:
    data = bytearray(apng(("rrrr rrrr", 0, 0, 0, 0), ("gg", 0, 1, 0, 0)))
    data[data.index(b"fdAT") + 9] ^= 1
    with pytest.raises(PictureError, match="fdAT chunk is damaged"):
        read_frames(bytes(data), LIMIT)


def test_a_frame_outside_its_canvas_is_refused() -> None:
    with pytest.raises(PictureError, match="over its canvas"):
        read_frames(apng(("rrrr rrrr", 0, 0, 0, 0), ("gg", 3, 1, 0, 0)), LIMIT)


@pytest.mark.parametrize("lossless", [True, False])
def test_a_webp_of_another_program_is_composed_as_it_composes_it(lossless: bool) -> None:
    rng = np.random.default_rng(5)
    frames = []
    for i in range(7):
        frame = np.zeros((40, 50, 4), np.uint8)
        frame[4 + i : 24 + i, 3 * i : 3 * i + 25] = (*rng.integers(0, 256, 3), 255 - 20 * i)
        frames.append(frame)
    first, *rest = (Image.fromarray(f) for f in frames)
    stream = BytesIO()
    first.save(
        *(stream, "WEBP"),
        save_all=True,
        append_images=rest,
        duration=[40, 50, 60, 70, 80, 90, 100],
        loop=2,
        lossless=lossless,
    )
    animation = read_frames(stream.getvalue(), LIMIT)
    assert animation.durations == (40, 50, 60, 70, 80, 90, 100)
    assert animation.loop == 2
    _, other = cv2.imdecodeanimation(np.frombuffer(stream.getvalue(), np.uint8))
    for ours, theirs in zip(animation.frames, other.frames, strict=True):
        theirs = cv2.cvtColor(theirs, cv2.COLOR_BGRA2RGBA)
        assert np.array_equal(ours[..., 3], theirs[..., 3])
        visible = ours[..., 3] > 0
        assert np.abs(ours[visible].astype(int) - theirs[visible]).max() <= 1
