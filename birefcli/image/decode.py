"""From an open file to an upright picture in 8 bits, or one sentence that says why not."""

import struct
import sys
from contextlib import suppress
from dataclasses import dataclass
from io import SEEK_END, BytesIO
from typing import Any, BinaryIO

import cv2
import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageCms, ImageFile, UnidentifiedImageError

from birefcli.errors import PictureError
from birefcli.image.types import Alpha, Rgb, Rgba, to_uint8

# These formats have further frames that are previews or layers of the one picture.
_STILL_WITH_FRAMES = {"MPO", "PSD"}
# Ghostscript runs what an EPS file says.
_UNSAFE = {"EPS"}
# Bytes of a TIFF value by its type; the others take one.
_TIFF_BYTES = {3: 2, 4: 4, 5: 8, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_ALPHA_OFTEN_UNUSED = {"BMP", "DIB", "TGA"}
# How Pillow names the samples of a 16-bit png with colour or alpha.
_DEEP_PNG = {"RGB;16B", "LA;16B", "RGBA;16B"}


@dataclass(frozen=True, eq=False)
class Picture:
    """A decoded picture, upright and in 8 bits, with what a result keeps of its file.

    `alpha` is None where the file has none; `dpi` is along and across the upright picture.
    """

    rgb: Rgb
    alpha: Alpha | None
    icc: bytes | None
    dpi: tuple[float, float] | None

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        return self.rgb.shape[0], self.rgb.shape[1]

    @property
    def rgba(self) -> Rgba:
        """The pixels with alpha (H, W, 4), which is 255 where the file has none."""
        opaque = np.full(self.size, 255, np.uint8)
        return np.dstack([self.rgb, opaque if self.alpha is None else self.alpha])


def decode(stream: BinaryIO, name: str, max_pixels: int) -> Picture:
    """Decode a stream; raise PictureError, one sentence about `name`, for whatever goes wrong.

    That is also a picture of more than `max_pixels`, or of several frames.
    """
    try:
        if not stream.read(1):
            raise PictureError(f"{name} is empty (0 bytes); copy it again", reason="empty-file")
        image = identify(stream)
        width, height = image.size
        if width * height > max_pixels:
            raise PictureError(
                f"{name} has {width}x{height} pixels, more than the {max_pixels / 1e6:g} million"
                " allowed; raise --max-pixels to read it",
                reason="too-large",
            )
        frames = 1 if image.format in _STILL_WITH_FRAMES else getattr(image, "n_frames", 1)
        if frames > 1:
            raise PictureError(
                f"{name} has {frames} frames or pages and only single pictures can be read;"
                " save them one by one",
                reason="animated",
            )
        return _to_picture(image, stream)
    except PictureError:
        raise
    except Exception as error:
        raise picture_error(error, stream, name) from error


def picture_error(error: Exception, stream: BinaryIO, name: str) -> PictureError:
    """Say what is wrong with a picture that a decoder gave up on."""
    if isinstance(error, Image.DecompressionBombError):
        return PictureError(
            f"{name} has a part too large to decode; save it again in another program",
            reason="too-large",
        )
    is_truncated = "truncated" in str(error).lower()
    with suppress(OSError, ValueError):
        is_truncated = is_truncated or _ends_early(stream)
    if is_truncated:
        return PictureError(
            f"{name} is truncated: the file ends before the picture does; copy it again",
            reason="truncated",
        )
    detail = " ".join(str(error).split()) or type(error).__name__
    return PictureError(
        f"{name} cannot be read as a picture: {detail}; save it as png in another program",
        reason="unreadable",
    )


def identify(stream: BinaryIO) -> ImageFile.ImageFile:
    """Read the header with the first decoder that knows it, or raise UnidentifiedImageError.

    Image.open does the same and then applies a size limit that is global; ours comes by call.
    """
    Image.init()
    stream.seek(0)
    prefix = stream.read(16)
    # Formats without a signature only guess, so they come last.
    for name in sorted(Image.ID, key=lambda name: Image.OPEN[name][1] is None):
        factory, accept = Image.OPEN[name]
        with suppress(SyntaxError, IndexError, TypeError, struct.error):
            verdict = accept(prefix) if accept else True
            if verdict and not isinstance(verdict, str) and name not in _UNSAFE:
                stream.seek(0)
                return factory(stream, "")
    raise UnidentifiedImageError("its format is unknown or its header broken")


def _to_picture(image: ImageFile.ImageFile, stream: BinaryIO) -> Picture:
    """Decode the pixels, bring them upright and into 8-bit sRGB or the profile that is kept."""
    is_deep = image.format == "PNG" and any(tile.args in _DEEP_PNG for tile in image.tile)
    image.load()
    icc = image.info.get("icc_profile")
    rgb, alpha = (_deep_pixels(stream) if is_deep else None) or _pixels(image, icc)
    orientation = _orientation(image)
    return Picture(
        rgb=_upright(rgb, orientation),
        alpha=None if alpha is None else _upright(alpha, orientation),
        # Only the profile of RGB pixels still describes what comes out.
        icc=icc if icc and icc[16:20] == b"RGB " and image.mode != "CMYK" else None,
        dpi=_dpi(image, is_turned=orientation >= 5),
    )


def _pixels(image: Image.Image, icc: bytes | None) -> tuple[Rgb, Alpha | None]:
    """Convert whatever mode Pillow decoded to."""
    if image.mode[0] in "IF":
        values = np.asarray(image)
        grey = to_uint8(_to_255(values))
        clear = image.info.get("transparency")
        alpha = None if clear is None else np.where(values == clear, 0, 255).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2), alpha
    if image.mode == "CMYK":
        return np.array(_cmyk_to_srgb(image, icc)), None
    if image.has_transparency_data:
        rgba = np.asarray(image.convert("RGBA"))
        # Many programs leave the fourth byte of these formats unused.
        is_unused = image.format in _ALPHA_OFTEN_UNUSED and not rgba[..., 3].any()
        return rgba[..., :3], None if is_unused else rgba[..., 3]
    return np.asarray(image.convert("RGB")), None


def _to_255(values: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Bring grey of many bits to 0…255.

    Floats reach 1, or 255 if any exceeds 1; integers have 16 bits, or 31 if any exceeds those.
    """
    grey = np.nan_to_num(values.astype(np.float64))
    top = grey.max()
    if values.dtype.kind == "f":
        return grey * (255 if top <= 1 else 1)
    return grey * (255 / (0xFFFF if top <= 0xFFFF else 0x7FFFFFFF))


def _deep_pixels(stream: BinaryIO) -> tuple[Rgb, Alpha | None] | None:
    """Decode a colour png of 16 bits, which Pillow would cut to 8 instead of rounding."""
    stream.seek(0)
    pixels = cv2.imdecode(np.frombuffer(stream.read(), np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.dtype != np.uint16 or pixels.ndim != 3:
        return None
    rounded = to_uint8(pixels * np.float32(1 / 257))
    return rounded[..., 2::-1], rounded[..., 3] if rounded.shape[2] == 4 else None


def _cmyk_to_srgb(image: Image.Image, icc: bytes | None) -> Image.Image:
    """Convert through the picture's own profile if it has one that works."""
    if icc:
        with suppress(ImageCms.PyCMSError):
            srgb = ImageCms.createProfile("sRGB")
            converted = ImageCms.profileToProfile(image, BytesIO(icc), srgb, outputMode="RGB")
            if converted is not None:
                return converted
    return image.convert("RGB")


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 to 8; unreadable EXIF does not spoil a picture."""
    with suppress(Exception):
        orientation = image.getexif().get(ExifTags.Base.Orientation)
        if isinstance(orientation, int) and 1 <= orientation <= 8:
            return orientation
    return 1


def _upright(array: npt.NDArray[np.uint8], orientation: int) -> npt.NDArray[np.uint8]:
    """Undo an EXIF orientation: a transposition from 5 on, then flips."""
    if orientation >= 5:
        array = array.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        array = array[::-1]
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    return np.array(array, order="C")


def _dpi(image: Image.Image, *, is_turned: bool) -> tuple[float, float] | None:
    """Return the resolution along and across the upright picture, if the file says a sane one."""
    try:
        x, y = (float(value) for value in image.info["dpi"])
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    if not (1 <= x <= 0xFFFF and 1 <= y <= 0xFFFF):
        return None
    return (y, x) if is_turned else (x, y)


def _ends_early(stream: BinaryIO) -> bool:
    """Whether a file that does not decode stops before the end its format announces."""
    size = stream.seek(0, SEEK_END)
    stream.seek(max(size - 12, 0))
    tail = stream.read()
    stream.seek(0)
    head = stream.read(16)
    if head.startswith((b"\xff\xd8\xff", b"\xff\x4f\xff\x51", b"\0\0\0\x0cjP  ")):  # JPEG, 2000
        return not tail.endswith(b"\xff\xd9")
    if head.startswith(b"\x89PNG"):
        return b"IEND" not in tail
    if head.startswith(b"GIF8"):
        return not tail.endswith(b";")
    if head.startswith(b"RIFF"):
        return size < max(12, 8 + int.from_bytes(head[4:8], "little"))
    if head.startswith((b"II*\0", b"MM\0*")):
        return size < _tiff_length(stream)
    if head[4:8] == b"ftyp":
        return size < _boxes_length(stream, size)
    return False


def _tiff_length(stream: BinaryIO) -> int:
    """Return how long a TIFF must be to hold its first directory and the values it points to."""
    stream.seek(0)
    order = "<" if stream.read(2) == b"II" else ">"
    try:
        (start,) = struct.unpack(order + "2xI", stream.read(6))
        stream.seek(start)
        (count,) = struct.unpack(order + "H", stream.read(2))
        length = int(start + 2 + 12 * count)
        for _ in range(count):
            kind, values, place = struct.unpack(order + "2xHII", stream.read(12))
            space = values * _TIFF_BYTES.get(kind, 1)
            length = max(length, place + space if space > 4 else 0)
    except struct.error:
        return sys.maxsize
    return length


def _boxes_length(stream: BinaryIO, size: int) -> int:
    """Return where the last box of an AVIF begun in the file ends."""
    end = 0
    while end + 8 <= size:
        stream.seek(end)
        length = int.from_bytes(stream.read(4), "big")
        if length < 8:  # it reaches to the end of the file, or has a 64-bit length
            return size
        end += length
    return end if end >= size else size + 1
