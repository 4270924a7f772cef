"""Pictures of every format and mode are read upright, in 8 bits, with what they say of colour."""

import struct
from pathlib import Path

import numpy as np
import pytest
from pictures import LIMIT, SRGB, chunk, cmyk_profile, noise, png, saved
from PIL import Image

from birefcli.image.decode import Picture
from birefcli.image.files import (
    encode,
    read_picture,
)

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


def bitmap_with_alpha(rgba: np.ndarray) -> bytes:
    """A BMP of version 4, whose header gives alpha its own bits."""
    height, width = rgba.shape[:2]
    data = rgba[::-1, :, [2, 1, 0, 3]].tobytes()
    header = struct.pack("<IiiHHIIiiII", 108, width, height, 1, 32, 3, len(data), 0, 0, 0, 0)
    masks = struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    return (
        b"BM"
        + struct.pack("<IHHI", 14 + 108 + len(data), 0, 0, 14 + 108)
        + (header + masks).ljust(108, b"\0")
        + data
    )


@pytest.mark.parametrize("name", ["tga", "bmp"])
def test_an_alpha_that_is_0_everywhere_was_never_used(tmp_path: Path, name: str) -> None:
    path = tmp_path / f"a.{name}"

    def read(rgba: np.ndarray) -> Picture:
        if name == "bmp":
            path.write_bytes(bitmap_with_alpha(rgba))
        else:
            Image.fromarray(rgba).save(path)
        return read_picture(path, max_pixels=100)

    rgba = np.full((6, 8, 4), 90, np.uint8)
    rgba[..., 3] = 0
    assert read(rgba).alpha is None and (read(rgba).rgb == 90).all()
    rgba[2, 3, 3] = 9
    used = read(rgba).alpha
    assert used is not None and used[2, 3] == 9 and used.sum() == 9
