"""Finding, reading and writing picture files, with real files throughout."""

import errno
import hashlib
import os
import resource
import signal
import socket
import stat
import struct
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeAlias

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageFile

from birefcli.errors import DiskFullError, OutputError, PictureError
from birefcli.image.files import (
    PICTURE_SUFFIXES,
    Picture,
    encode,
    find_pictures,
    read_picture,
    remove_stale_temporaries,
    sha256_file,
    write_atomic,
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


# Reading: formats and modes

LOSSLESS = {
    "png": ("PNG", {}),
    "webp": ("WEBP", {"lossless": True}),
    "bmp": ("BMP", {}),
    "tif": ("TIFF", {"compression": "tiff_lzw"}),
    "ppm": ("PPM", {}),
    "tga": ("TGA", {}),
    "jp2": ("JPEG2000", {}),
}


@pytest.mark.parametrize("suffix", LOSSLESS)
def test_lossless_files_are_read_to_the_bit(tmp_path: Path, suffix: str) -> None:
    rgb = noise(13, 17)
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(saved(Image.fromarray(rgb), LOSSLESS[suffix][0], **LOSSLESS[suffix][1]))
    for source in (path, path.read_bytes()):
        picture = read_picture(source, max_pixels=LIMIT)
        np.testing.assert_array_equal(picture.rgb, rgb)
        assert picture.rgb.flags.writeable and picture.rgb.flags.c_contiguous
        assert (picture.alpha, picture.icc, picture.size) == (None, None, (13, 17))


@pytest.mark.parametrize(("format", "options"), [("JPEG", {"quality": 95}), ("AVIF", {})])
def test_lossy_files_are_read(format: str, options: dict[str, object]) -> None:
    smooth = np.asarray(Image.fromarray(noise(4, 5)).resize((40, 32)))
    picture = read_picture(saved(Image.fromarray(smooth), format, **options), max_pixels=LIMIT)
    assert np.abs(picture.rgb.astype(int) - smooth).mean() < 8


@pytest.mark.parametrize("suffix", ["png", "webp", "tga", "tif"])
def test_alpha_is_kept_to_the_bit_with_the_colours_under_it(suffix: str) -> None:
    rgba = noise(9, 11, 4)
    format, options = LOSSLESS[suffix]
    exact = {"exact": True} if suffix == "webp" else {}
    data = saved(Image.fromarray(rgba), format, **options, **exact)
    picture = read_picture(data, max_pixels=LIMIT)
    np.testing.assert_array_equal(picture.rgb, rgba[..., :3])
    np.testing.assert_array_equal(picture.alpha, rgba[..., 3])
    assert picture.alpha is not None and picture.alpha.flags.writeable


@pytest.mark.parametrize("format", ["PNG", "GIF"])
def test_a_palette_becomes_its_colours_and_its_transparency_alpha(format: str) -> None:
    image = Image.new("P", (3, 1))
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    image.putdata([0, 1, 2])
    opaque = read_picture(saved(image, format), max_pixels=LIMIT)
    assert opaque.rgb.tolist() == [[[255, 0, 0], [0, 255, 0], [0, 0, 255]]]
    assert opaque.alpha is None
    one = read_picture(saved(image, format, transparency=1), max_pixels=LIMIT)
    assert one.alpha is not None and one.alpha.tolist() == [[255, 0, 255]]
    assert one.rgb[0, ::2].tolist() == [[255, 0, 0], [0, 0, 255]]


def test_a_palette_may_be_half_transparent() -> None:
    image = Image.new("P", (3, 1))
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    image.putdata([0, 1, 2])
    picture = read_picture(saved(image, "PNG", transparency=b"\x00\x80\xff"), max_pixels=LIMIT)
    assert picture.alpha is not None and picture.alpha.tolist() == [[0, 128, 255]]
    assert picture.rgb[0].tolist() == [[255, 0, 0], [0, 255, 0], [0, 0, 255]]


@pytest.mark.parametrize(
    ("image", "rgb", "alpha"),
    [
        (Image.new("1", (1, 1), 1), 255, None),
        (Image.new("1", (1, 1), 0), 0, None),
        (Image.new("L", (1, 1), 77), 77, None),
        (Image.new("LA", (1, 1), (77, 5)), 77, 5),
    ],
)
def test_grey_becomes_three_equal_channels(image: Image.Image, rgb: int, alpha: int | None) -> None:
    picture = read_picture(saved(image, "PNG"), max_pixels=LIMIT)
    assert picture.rgb.tolist() == [[[rgb] * 3]]
    assert (picture.alpha is None) if alpha is None else (picture.alpha == alpha).all()


def test_a_clear_grey_or_colour_becomes_alpha() -> None:
    grey = read_picture(
        png(np.array([[[5], [6]]], np.uint8), 0, chunk(b"tRNS", b"\0\5")), max_pixels=9
    )
    assert grey.alpha is not None and grey.alpha.tolist() == [[0, 255]]
    colors = np.array([[[1, 2, 3], [1, 2, 4]]], np.uint8)
    data = png(colors, 2, chunk(b"tRNS", b"\0\1\0\2\0\3"))
    color = read_picture(data, max_pixels=LIMIT)
    assert color.alpha is not None and color.alpha.tolist() == [[0, 255]]


@pytest.mark.parametrize(("color", "channels"), [(0, 1), (2, 3), (4, 2), (6, 4)])
def test_16_bits_are_rounded_not_cut(color: int, channels: int) -> None:
    values = noise(6, 7, channels, 65536)
    values[0, 0], values[0, 1], values[0, 2] = 40000, 200, 65535
    picture = read_picture(png(values, color), max_pixels=LIMIT)
    expected = np.rint(values / 257).astype(np.uint8)
    assert expected[0, :3, 0].tolist() == [156, 1, 255]
    colors = expected[..., :1] if channels < 3 else expected[..., :3]
    np.testing.assert_array_equal(picture.rgb, np.broadcast_to(colors, (6, 7, 3)))
    if channels in (2, 4):
        np.testing.assert_array_equal(picture.alpha, expected[..., -1])
    else:
        assert picture.alpha is None


@pytest.mark.parametrize(("color", "channels"), [(0, 1), (2, 3)])
def test_a_clear_16_bit_colour_becomes_alpha(color: int, channels: int) -> None:
    values = np.array([[[40000] * channels, [40001] * channels]], np.uint16)
    clear = chunk(b"tRNS", struct.pack(f">{channels}H", *[40000] * channels))
    picture = read_picture(png(values, color, clear), max_pixels=LIMIT)
    assert picture.alpha is not None and picture.alpha.tolist() == [[0, 255]]
    assert (picture.rgb == 156).all()


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([[0, 40000, 65535]], np.dtype("<u2")), [0, 156, 255]),
        (np.array([[0, 40000, 65535]], np.dtype(">u2")), [0, 156, 255]),
        (np.array([[0, 40000, 65535]], np.int32), [0, 156, 255]),
        (np.array([[0, 2**30, 2**31 - 1]], np.int32), [0, 128, 255]),
        (np.array([[0, 0.5, 1, np.nan]], np.float32), [0, 128, 255, 0]),
        (np.array([[-3, 77.6, 300]], np.float32), [0, 78, 255]),
    ],
)
def test_grey_of_many_bits_is_scaled(values: np.ndarray, expected: list[int]) -> None:
    picture = read_picture(saved(Image.fromarray(values), "TIFF"), max_pixels=LIMIT)
    assert picture.rgb[0, :, 1].tolist() == expected


def test_16_bit_pgm_is_scaled() -> None:
    data = b"P5 2 1 65535\n" + struct.pack(">2H", 40000, 65535)
    assert read_picture(data, max_pixels=LIMIT).rgb[0, :, 0].tolist() == [156, 255]


@pytest.mark.parametrize("format", ["JPEG", "TIFF"])
def test_cmyk_goes_through_its_profile(format: str) -> None:
    image = Image.new("CMYK", (8, 8), (0, 255, 0, 0))
    plain = read_picture(saved(image, format), max_pixels=LIMIT)
    assert np.abs(plain.rgb.astype(int) - (255, 0, 255)).max() <= 3
    profiled = read_picture(saved(image, format, icc_profile=cmyk_profile()), max_pixels=LIMIT)
    red, green, blue = profiled.rgb[4, 4].tolist()
    assert red > 180 and green < 60 and blue < 60
    assert plain.icc is None and profiled.icc is None


@pytest.mark.parametrize("profile", [b"no profile at all", SRGB])
def test_cmyk_with_a_useless_profile_is_still_read(profile: bytes) -> None:
    image = Image.new("CMYK", (8, 8), (255, 0, 0, 0))
    picture = read_picture(saved(image, "TIFF", icc_profile=profile), max_pixels=LIMIT)
    assert picture.rgb[4, 4].tolist() == [0, 255, 255]
    assert picture.icc is None


# Reading: orientation, profile, resolution

ARROW = np.zeros((24, 40, 3), np.uint8)
ARROW[:8, :8] = (255, 0, 0)
ARROW[:8, 32:] = (0, 255, 0)
ARROW[16:, :8] = (0, 0, 255)

# How a camera would have to hold the picture so that the orientation brings it upright.
HELD = {
    1: lambda a: a,
    2: np.fliplr,
    3: lambda a: np.rot90(a, 2),
    4: np.flipud,
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, 1),
    7: lambda a: np.rot90(a.transpose(1, 0, 2), 2),
    8: lambda a: np.rot90(a, -1),
}


def with_orientation(orientation: object) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif.tobytes()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_orientation_is_applied_exactly_once(format: str, orientation: int) -> None:
    held = Image.fromarray(np.ascontiguousarray(HELD[orientation](ARROW)))
    options = {"lossless": True} if format == "WEBP" else {}
    data = saved(held, format, exif=with_orientation(orientation), **options)
    picture = read_picture(data, max_pixels=LIMIT)
    assert picture.rgb.shape == ARROW.shape
    assert picture.rgb.flags.c_contiguous
    assert np.abs(picture.rgb.astype(int) - ARROW).mean() < 12
    again = read_picture(encode(picture.rgb, "png"), max_pixels=LIMIT)
    np.testing.assert_array_equal(again.rgb, picture.rgb)


def test_orientation_turns_alpha_and_16_bits_too() -> None:
    values = noise(4, 6, 4, 65536)
    exif = chunk(b"eXIf", with_orientation(6).removeprefix(b"Exif\0\0"))
    upright = read_picture(png(values, 6), max_pixels=LIMIT)
    turned = read_picture(png(values, 6, exif), max_pixels=LIMIT)
    assert upright.alpha is not None
    np.testing.assert_array_equal(turned.rgb, np.rot90(upright.rgb, -1))
    np.testing.assert_array_equal(turned.alpha, np.rot90(upright.alpha, -1))


@pytest.mark.parametrize("exif", [b"Exif\0\0nonsense", with_orientation(0), with_orientation(9)])
def test_broken_exif_spoils_nothing(exif: bytes) -> None:
    rgb = noise(5, 6)
    data = png(rgb, 2, chunk(b"eXIf", exif.removeprefix(b"Exif\0\0")))
    np.testing.assert_array_equal(read_picture(data, max_pixels=LIMIT).rgb, rgb)


@pytest.mark.parametrize("format", ["PNG", "JPEG", "TIFF"])
def test_profile_and_resolution_are_kept(format: str) -> None:
    image = Image.fromarray(noise(8, 8))
    data = saved(image, format, icc_profile=SRGB, dpi=(300, 150))
    picture = read_picture(data, max_pixels=LIMIT)
    assert picture.icc == SRGB
    assert picture.dpi == pytest.approx((300, 150), abs=0.02)


def test_resolution_turns_with_the_picture() -> None:
    image = Image.fromarray(noise(8, 8))
    data = saved(image, "JPEG", dpi=(300, 150), exif=with_orientation(6))
    assert read_picture(data, max_pixels=LIMIT).dpi == (150, 300)


def test_a_profile_of_grey_does_not_stay_with_rgb_pixels() -> None:
    grey = SRGB[:16] + b"GRAY" + SRGB[20:]
    image = Image.new("L", (4, 4), 9)
    assert read_picture(saved(image, "PNG", icc_profile=grey), max_pixels=LIMIT).icc is None
    assert read_picture(saved(image, "PNG", icc_profile=SRGB), max_pixels=LIMIT).icc == SRGB


def test_a_senseless_resolution_is_dropped() -> None:
    flat = chunk(b"pHYs", struct.pack(">IIB", 0, 0, 1))
    assert read_picture(png(noise(2, 2), 2, flat), max_pixels=LIMIT).dpi is None


# Reading: what goes wrong


def test_what_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "broken.png").symlink_to(tmp_path / "nowhere.png")
    for name in ("missing.png", "file/inside.png", "broken.png"):
        assert failure(tmp_path / name).reason == "missing"


def test_a_directory(tmp_path: Path) -> None:
    assert failure(tmp_path).reason == "directory"


def test_zero_bytes(tmp_path: Path) -> None:
    path = tmp_path / "nothing.png"
    path.touch()
    assert failure(path).reason == "empty-file"
    assert failure(b"").reason == "empty-file"


@pytest.mark.parametrize(
    "data",
    [
        b"just words, not a picture",
        b"\0" * 1000,
        b"%PDF-1.7 something",
        png(noise(9, 9), 2)[:33] + chunk(b"IDAT", b"no zlib") + chunk(b"IEND", b""),
    ],
)
def test_what_is_no_picture(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "renamed.png"
    path.write_bytes(data)
    assert failure(path).reason == "unreadable"


def test_a_file_too_short_for_any_format_is_said_so_in_words() -> None:
    assert "format is unknown" in str(failure(b"x"))


def test_eps_which_would_run_a_program_is_never_tried() -> None:
    data = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n%%EOF\n"
    assert "format is unknown" in str(failure(data))


CUT_SHORT = {
    "PNG": {},
    "JPEG": {},
    "JPEG progressive": {"progressive": True},
    "WEBP": {},
    "GIF": {},
    "BMP": {},
    "TIFF": {},
    "TIFF lzw": {"compression": "tiff_lzw"},
    "AVIF": {},
    "PPM": {},
    "TGA": {},
    "JPEG2000": {},
}


@pytest.mark.filterwarnings("ignore:.*(Truncated File Read|Corrupt EXIF):UserWarning")
@pytest.mark.parametrize("kind", CUT_SHORT)
def test_a_truncated_file_is_called_truncated(tmp_path: Path, kind: str) -> None:
    data = saved(Image.fromarray(noise(40, 50)), kind.split()[0], **CUT_SHORT[kind])
    path = tmp_path / "photo.jpg"
    for part in (0.1, 0.5, 0.9):
        path.write_bytes(data[: int(len(data) * part)])
        error = failure(path)
        assert error.reason == "truncated"
        assert "photo.jpg is truncated: the file ends before" in str(error)


def test_a_damaged_file_that_is_whole_is_not_called_truncated() -> None:
    data = bytearray(saved(Image.fromarray(noise(40, 50)), "WEBP"))
    data[20:60] = bytes(40)
    assert failure(bytes(data)).reason == "unreadable"


def test_a_bomb_is_refused_by_its_header(monkeypatch: pytest.MonkeyPatch) -> None:
    def decoded(*_: object) -> None:
        raise AssertionError("no pixel is decoded")

    data = png(noise(2, 2), 2, size=(60000, 60000))
    monkeypatch.setattr(ImageFile.ImageFile, "load", decoded)
    error = failure(data)
    assert error.reason == "too-large" and "60000x60000" in str(error)
    assert "--max-pixels" in str(error)


def test_max_pixels_is_the_limit_and_no_other() -> None:
    data = saved(Image.new("1", (100, 100)), "PNG")
    assert read_picture(data, max_pixels=10_000).size == (100, 100)
    assert failure(data, 9_999).reason == "too-large"
    # Pillow's own limits never speak: it would refuse this header, and not call it truncated.
    beyond = png(noise(2, 2), 2, size=(14000, 14000))[:60]
    assert 2 * (Image.MAX_IMAGE_PIXELS or 0) < 14000 * 14000
    assert failure(beyond, 200_000_000).reason == "truncated"


def test_no_global_state_is_touched() -> None:
    limit = Image.MAX_IMAGE_PIXELS
    read_picture(png(noise(2, 2), 2), max_pixels=10**9)
    assert limit == Image.MAX_IMAGE_PIXELS
    assert not ImageFile.LOAD_TRUNCATED_IMAGES


@pytest.mark.parametrize("format", ["GIF", "PNG", "WEBP", "TIFF", "AVIF"])
def test_several_frames_are_refused_and_one_is_fine(format: str) -> None:
    frames = [Image.new("RGB", (8, 8), color) for color in ("red", "green", "blue")]
    data = saved(frames[0], format, save_all=True, append_images=frames[1:])
    error = failure(data)
    assert error.reason == "animated" and "3 frames" in str(error)
    single = saved(frames[0], format, save_all=True)
    assert read_picture(single, max_pixels=LIMIT).size == (8, 8)


def test_a_phone_picture_with_a_preview_is_one_picture() -> None:
    preview = Image.new("RGB", (4, 4))
    data = saved(Image.new("RGB", (8, 8), "red"), "MPO", save_all=True, append_images=[preview])
    assert read_picture(data, max_pixels=LIMIT).size == (8, 8)


def test_permission_denied(tmp_path: Path) -> None:
    path = tmp_path / "secret.png"
    path.write_bytes(png(noise(2, 2), 2))
    path.chmod(0)
    with unprivileged():
        assert failure(path).reason == "permission"


def test_a_pipe_is_read_as_a_file(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    rgb = noise(5, 6)
    writer = threading.Thread(target=pipe.write_bytes, args=(png(rgb, 2),))
    writer.start()
    np.testing.assert_array_equal(read_picture(pipe, max_pixels=LIMIT).rgb, rgb)
    writer.join()


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_damage_gives_a_picture_or_a_picture_error(data: st.DataObject) -> None:
    whole = data.draw(st.sampled_from(DAMAGED))
    broken = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 5))):
        broken[data.draw(st.integers(0, len(broken) - 1))] = data.draw(st.integers(0, 255))
    try:
        picture = read_picture(bytes(broken), max_pixels=LIMIT)
    except PictureError as error:
        assert error.reason
    else:
        assert isinstance(picture, Picture) and picture.rgb.dtype == np.uint8


DAMAGED = [
    saved(Image.fromarray(noise(8, 9)), format) for format in ("PNG", "JPEG", "GIF", "WEBP", "TGA")
]


# Writing


def test_png_keeps_pixels_profile_and_resolution() -> None:
    for array in (noise(5, 6), noise(5, 6, 4), noise(5, 6)[..., 0]):
        with Image.open(BytesIO(encode(array, "png", icc=SRGB, dpi=(300, 150)))) as image:
            np.testing.assert_array_equal(np.asarray(image), array)
            assert image.info["icc_profile"] == SRGB
            assert image.info["dpi"] == pytest.approx((300, 150), abs=0.02)


def test_png_holds_16_bit_masks() -> None:
    mask = noise(5, 6, 1, 65536)[..., 0]
    with Image.open(BytesIO(encode(mask, "png"))) as image:
        assert image.mode == "I;16"
        np.testing.assert_array_equal(np.asarray(image), mask)


def test_webp_is_lossless_down_to_hidden_colours() -> None:
    rgba = noise(20, 30, 4)
    rgba[:10, :, 3] = 0
    data = encode(rgba, "webp", icc=SRGB, dpi=(72, 72))
    picture = read_picture(data, max_pixels=LIMIT)
    np.testing.assert_array_equal(np.dstack([picture.rgb, picture.alpha]), rgba)
    assert picture.icc == SRGB
    assert len(encode(rgba, "webp", quality=30)) < len(data) / 2
    assert len(encode(rgba, "webp", quality=0)) < len(data) / 2


def test_jpg_keeps_profile_resolution_and_most_of_the_picture() -> None:
    smooth = np.asarray(Image.fromarray(noise(4, 5)).resize((40, 32)))
    data = encode(smooth, "jpg", icc=SRGB, dpi=(300, 150))
    picture = read_picture(data, max_pixels=LIMIT)
    assert np.abs(picture.rgb.astype(int) - smooth).mean() < 3
    assert (picture.icc, picture.dpi) == (SRGB, (300, 150))
    assert len(encode(smooth, "jpg", quality=10)) < len(data)


@pytest.mark.parametrize("format", ["png", "webp", "jpg"])
def test_encoding_twice_gives_the_same_bytes_without_exif(format: str) -> None:
    array = noise(30, 40)
    data = encode(array, format, icc=SRGB, dpi=(96, 96))  # type: ignore[arg-type]
    assert data == encode(array.copy(), format, icc=SRGB, dpi=(96, 96))  # type: ignore[arg-type]
    with Image.open(BytesIO(data)) as image:
        assert not image.getexif()


def test_what_a_format_cannot_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="16 bits"):
        encode(np.zeros((2, 2), np.uint16), "webp")
    with pytest.raises(ValueError, match="16 bits"):
        encode(np.zeros((2, 2, 3), np.uint16), "png")
    with pytest.raises(ValueError, match="flatten"):
        encode(np.zeros((2, 2, 4), np.uint8), "jpg")
    with pytest.raises(OutputError, match="webp holds at most 16383 pixels a side, not 16384x1"):
        encode(np.zeros((1, 16384, 3), np.uint8), "webp")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_write_creates_parents_and_replaces_whole_files(tmp_path: Path) -> None:
    target = tmp_path / "a" / "b" / "c.png"
    for data in (b"first", b"", b"third"):
        write_atomic(target, data, root=tmp_path)
        assert target.read_bytes() == data
        assert names(target.parent) == ["c.png"]


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o000])
def test_the_file_mode_follows_the_umask(tmp_path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        write_atomic(tmp_path / "a.png", b"x", root=tmp_path)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.png").stat().st_mode) == 0o666 & ~mask


def test_nothing_is_written_outside_the_root(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    (outside / "kept.png").write_bytes(b"kept")
    (root / "link").symlink_to(outside, target_is_directory=True)
    (root / "link.png").symlink_to(outside / "kept.png")
    (root / "dangling.png").symlink_to(outside / "new.png")
    (root / "loop").symlink_to(root / "loop")
    for name in (
        "link/a.png",
        "link/deeper/a.png",
        "link.png",
        "dangling.png",
        "../outside/a.png",
        "loop/a.png",
    ):
        with pytest.raises(OutputError, match=r"lies outside|cannot be written"):
            write_atomic(root / name, b"x", root=root)
    assert names(outside) == ["kept.png"] and (outside / "kept.png").read_bytes() == b"kept"
    assert names(root) == ["dangling.png", "link", "link.png", "loop"]


def test_a_root_behind_a_link_and_links_inside_it_are_fine(tmp_path: Path) -> None:
    (tmp_path / "real" / "sub").mkdir(parents=True)
    root = tmp_path / "root"
    root.symlink_to(tmp_path / "real", target_is_directory=True)
    (root / "inner").symlink_to(root / "sub", target_is_directory=True)
    write_atomic(root / "inner" / "a.png", b"x", root=root)
    assert (tmp_path / "real" / "sub" / "a.png").read_bytes() == b"x"


def test_a_folder_is_no_target_and_a_file_no_folder(tmp_path: Path) -> None:
    (tmp_path / "a.png").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="is a folder"):
        write_atomic(tmp_path / "a.png", b"x", root=tmp_path)
    with pytest.raises(OutputError, match="cannot be written"):
        write_atomic(tmp_path / "file" / "a.png", b"x", root=tmp_path)
    with pytest.raises(OutputError, match="cannot be written"):
        write_atomic(tmp_path / ("n" * 300 + ".png"), b"x", root=tmp_path)
    assert names(tmp_path) == ["a.png", "file"]


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "a.png"
    target.write_bytes(b"old")
    # A real failure in the middle of writing: this process may write files of 4 KB.
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(OutputError, match="too large") as caught:
            write_atomic(target, bytes(1_000_000), root=tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not isinstance(caught.value, DiskFullError)
    assert names(tmp_path) == ["a.png"] and target.read_bytes() == b"old"


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_its_own_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def fail(_: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(DiskFullError, match="no space left"):
        write_atomic(tmp_path / "a.png", b"x", root=tmp_path)
    assert names(tmp_path) == []


def test_a_folder_that_may_not_be_written_to_is_named() -> None:
    with TemporaryDirectory() as place:
        Path(place).chmod(0o555)
        with unprivileged(), pytest.raises(OutputError) as caught:
            write_atomic(Path(place, "a.png"), b"x", root=Path(place))
        assert str(caught.value).startswith(f"{place} may not be written to")
        assert names(Path(place)) == []


def test_an_interrupt_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomic(tmp_path / "a.png", b"x", root=tmp_path)
    assert names(tmp_path) == []


# Temporary files

STUCK = """
import os, sys, threading
from pathlib import Path
from birefcli.image.files import write_atomic

def hang(_):
    print("writing", flush=True)
    threading.Event().wait()

os.fsync = hang
write_atomic(Path(sys.argv[1]), b"half", root=Path(sys.argv[2]))
"""


Start: TypeAlias = Callable[[Path, Path], "subprocess.Popen[str]"]


@pytest.fixture
def stuck() -> Iterator[Start]:
    """Start a process that hangs in the middle of writing."""
    started: list[subprocess.Popen[str]] = []

    def start(target: Path, root: Path) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-c", STUCK, str(target), str(root)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        started.append(process)
        assert process.stdout is not None and process.stdout.readline() == "writing\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_temporaries_go_when_their_process_is_dead_and_not_before(
    tmp_path: Path, stuck: Start
) -> None:
    target = tmp_path / "sub" / "a.png"
    process = stuck(target, tmp_path)
    (left,) = names(target.parent)
    assert left.startswith(".birefcli-") and str(process.pid) in left
    assert remove_stale_temporaries(tmp_path) == 0
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert names(target.parent) == [left]
    assert remove_stale_temporaries(tmp_path) == 1
    assert names(target.parent) == []


def test_only_temporaries_are_removed(tmp_path: Path) -> None:
    host = hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]
    other = "0" * 8 if host != "0" * 8 else "1" * 8
    random = "0123456789abcdef"
    dead = 2**22 + 5  # beyond the highest process number
    kept = [
        f".birefcli-{host}-{os.getpid()}-{random}.tmp",
        f".birefcli-{other}-{dead}-{random}.tmp",
        f".birefcli-{host}-{dead}-{random}.png",
        f"birefcli-{host}-{dead}-{random}.tmp",
        "a.tmp",
    ]
    gone = [f".birefcli-{host}-{dead}-{random}.tmp", f".birefcli-{other}-1-{random}.tmp"]
    for name in (*kept, *gone):
        (tmp_path / name).touch()
    two_days_ago = time.time() - 2 * 24 * 60 * 60
    os.utime(tmp_path / gone[1], (two_days_ago, two_days_ago))
    (tmp_path / "sub").mkdir()
    deeper = tmp_path / "sub" / gone[0]
    deeper.touch()
    assert remove_stale_temporaries(tmp_path, recursive=False) == 2
    assert names(tmp_path) == sorted([*kept, "sub"]) and deeper.exists()
    assert remove_stale_temporaries(tmp_path) == 1
    assert not deeper.exists()


def test_a_missing_root_has_no_temporaries(tmp_path: Path) -> None:
    assert remove_stale_temporaries(tmp_path / "none") == 0


def test_many_writers_of_one_target_leave_one_whole_file(tmp_path: Path) -> None:
    target = tmp_path / "a.png"
    contents = [bytes([i]) * 50_000 for i in range(8)]
    threads = [
        threading.Thread(target=write_atomic, args=(target, data), kwargs={"root": tmp_path})
        for data in contents
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert target.read_bytes() in contents
    assert names(tmp_path) == ["a.png"]


# Finding


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def found(root: Path, recursive: bool = True) -> list[str]:
    return [
        path.relative_to(root).as_posix()
        for path in find_pictures(root, recursive=recursive).pictures
    ]


def test_pictures_come_in_natural_order(tmp_path: Path) -> None:
    order = ["A1.png", "a2.jpg", "a10.png", "B/frame2.png", "B/frame10.PNG", "c.webp", "É.png"]
    touch(tmp_path, *order)
    assert found(tmp_path) == order


def test_the_order_does_not_hang_on_the_order_of_the_disk(tmp_path: Path) -> None:
    order = ["1.png", "01.png", "10.png", "2.png", "a.png", "A.png", "²3.png", "x٣.png"]
    touch(tmp_path / "one", *order)
    touch(tmp_path / "two", *reversed(order))
    assert found(tmp_path / "one") == found(tmp_path / "two")


def test_the_rest_is_counted(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "notes.txt", "b.xcf", "noext", ".hidden.png", "sub/c.JPEG", "sub/d.md")
    touch(tmp_path, ".git/x.png", "sub/.cache/y.png", "out/.birefcli/journal.jsonl", "out/a.png")
    touch(tmp_path, "out/deeper/b.png", "sub/.birefcli-0-0-0.tmp")
    result = find_pictures(tmp_path, recursive=True)
    assert result.pictures == (tmp_path / "a.png", tmp_path / "sub" / "c.JPEG")
    assert (result.ignored, result.hidden, result.own) == (4, 3, (tmp_path / "out",))
    flat = find_pictures(tmp_path, recursive=False)
    assert flat.pictures == (tmp_path / "a.png",)
    assert (flat.ignored, flat.hidden, flat.own) == (3, 1, ())


def test_a_folder_of_ours_can_be_named(tmp_path: Path) -> None:
    touch(tmp_path, ".birefcli/journal.jsonl", "a.png")
    result = find_pictures(tmp_path, recursive=True)
    assert result.pictures == (tmp_path / "a.png",)
    assert (result.hidden, result.own) == (0, ())


def test_links_to_files_count_and_links_to_folders_are_not_followed(tmp_path: Path) -> None:
    touch(tmp_path, "sub/a.png")
    (tmp_path / "sub" / "loop").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "link.png").symlink_to(tmp_path / "sub" / "a.png")
    (tmp_path / "broken.png").symlink_to(tmp_path / "nowhere")
    (tmp_path / "self.png").symlink_to(tmp_path / "self.png")
    assert found(tmp_path) == ["broken.png", "link.png", "self.png", "sub/a.png"]
    assert find_pictures(tmp_path, recursive=True).linked == 1


def test_a_pipe_is_no_picture(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    result = find_pictures(tmp_path, recursive=True)
    assert (result.pictures, result.ignored) == ((), 1)


def test_folders_that_cannot_be_listed_are_named(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    assert find_pictures(missing, recursive=True).closed == (missing,)


def test_every_suffix_we_look_for_is_one_pillow_opens() -> None:
    assert not PICTURE_SUFFIXES - set(Image.registered_extensions())


def test_sha256_is_that_of_the_bytes(tmp_path: Path) -> None:
    data = noise(100, 100).tobytes() * 10
    (tmp_path / "a").write_bytes(data)
    assert sha256_file(tmp_path / "a") == hashlib.sha256(data).hexdigest()
