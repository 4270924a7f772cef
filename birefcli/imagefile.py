"""Picture files: find them, read them, write them, and never lose one."""

import errno
import hashlib
import math
import os
import re
import secrets
import socket
import stat
import struct
import sys
import time
import unicodedata
from contextlib import suppress
from dataclasses import dataclass
from io import SEEK_END, BytesIO
from pathlib import Path
from typing import Any, BinaryIO, Literal, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt
from PIL import (
    ExifTags,
    Image,
    ImageCms,
    ImageFile,
    PngImagePlugin,
    UnidentifiedImageError,
)

from birefcli.arrays import Alpha, Rgb, to_uint8
from birefcli.errors import DiskFullError, OutputError, PictureError

Format: TypeAlias = Literal["png", "webp", "jpg"]
_Pixels: TypeAlias = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]

# What counts as a picture in a folder; a file named by the user is tried whatever its suffix.
PICTURE_SUFFIXES = frozenset(
    {".apng", ".avif", ".bmp", ".dib", ".gif", ".j2k", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg"}
    | {".pbm", ".pgm", ".png", ".pnm", ".ppm", ".tga", ".tif", ".tiff", ".webp"}
)

# Everything of ours begins with the marker: the journal's folder, and temporary files.
_MARKER = ".birefcli"
_TEMPORARY = re.compile(re.escape(_MARKER) + r"-[0-9a-f]{8}-\d+-[0-9a-f]{16}\.tmp")
# What a result says about its maker, so that it is known again.
_MADE_BY = "birefcli"
_XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="birefcli"/>'
_A_DAY = 24 * 60 * 60

_LONGEST_SIDE = {"webp": 16383, "jpg": 65500}

# These formats have further frames that are previews or layers of the one picture.
_STILL_WITH_FRAMES = {"MPO", "PSD"}
# Ghostscript runs what an EPS file says.
_UNSAFE = {"EPS"}
# Bytes of a TIFF value by its type; the others take one.
_TIFF_BYTES = {3: 2, 4: 4, 5: 8, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
# How Pillow names the samples of a 16-bit png with colour or alpha.
_DEEP_PNG = {"RGB;16B", "LA;16B", "RGBA;16B"}


@dataclass(frozen=True, eq=False)
class Picture:
    """A decoded picture, upright and in 8 bits, with what a result keeps of its file."""

    rgb: Rgb
    alpha: Alpha | None
    icc: bytes | None
    dpi: tuple[float, float] | None

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        return self.rgb.shape[0], self.rgb.shape[1]


@dataclass(frozen=True)
class Found:
    """What a folder holds: the pictures in order, and how much of the rest was left out."""

    pictures: tuple[Path, ...]
    ignored: int = 0  # files of other kinds
    hidden: int = 0  # files and folders whose name begins with a dot
    own: int = 0  # folders we wrote
    linked: int = 0  # links to folders, which are not followed
    closed: tuple[Path, ...] = ()  # folders that cannot be listed


def read_picture(source: Path | bytes, *, max_pixels: int, name: str = "standard input") -> Picture:
    """Decode a file, or bytes that messages call `name`, or say in one sentence why not."""
    if isinstance(source, bytes):
        return _read(BytesIO(source), name, max_pixels)
    with _open(source) as stream:
        return _read(stream, str(source), max_pixels)


def encode(
    array: _Pixels,
    format: Format,
    *,
    icc: bytes | None = None,
    dpi: tuple[float, float] | None = None,
    quality: int | None = None,
    png_level: int = 3,
) -> bytes:
    """Return the bytes of a file without EXIF; the array is (H, W), (H, W, 3) or (H, W, 4).

    Without a quality webp is lossless and jpg takes 95. Only png knows 16 bits, and only for grey.
    """
    height, width, channels = (*array.shape, 1)[:3]
    if array.dtype == np.uint16 and (format != "png" or channels > 1):
        raise ValueError("only a grey png holds 16 bits")
    if format == "jpg" and channels == 4:
        raise ValueError("jpg holds no alpha: flatten the picture first")
    longest = _LONGEST_SIDE.get(format, math.inf)
    if max(height, width) > longest:
        raise OutputError(
            f"{format} holds at most {longest} pixels a side, not {width}x{height}; write png"
        )
    options: dict[str, Any] = {"icc_profile": icc}
    match format:
        case "png":
            text = PngImagePlugin.PngInfo()
            text.add_text("Software", _MADE_BY)
            options |= {"compress_level": png_level, "pnginfo": text}
        case "webp":
            # Exact keeps the colours under alpha 0 as they were set.
            options |= {"lossless": quality is None, "exact": True, "xmp": _XMP}
        case "jpg":
            options |= {"quality": 95, "subsampling": 0, "comment": _MADE_BY}
    if quality is not None:
        options["quality"] = quality
    if dpi is not None:
        options["dpi"] = dpi
    stream = BytesIO()
    Image.fromarray(array).save(stream, "jpeg" if format == "jpg" else format, **options)
    return stream.getvalue()


def write_atomic(target: Path, data: bytes, *, root: Path) -> None:
    """Put the bytes at the target, whole or not at all, and nowhere outside the root."""
    folder = target.parent
    temporary = folder / f"{_temporary_prefix()}{os.getpid()}-{secrets.token_hex(8)}.tmp"
    try:
        _check_target(target, root)
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(target)
        except BaseException:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise
        _sync_folder(folder)
    except OSError as error:
        raise output_error(error, target) from error


def remove_stale_temporaries(root: Path) -> int:
    """Delete the temporary files of runs that were killed; return how many.

    A file is stale if its process is gone from this machine, or if it is a day old: writing one
    takes seconds, and whether a process lives on another machine cannot be asked.
    """
    ours = re.compile(re.escape(_temporary_prefix()) + r"(\d+)-")
    removed = 0
    for here, _, names in os.walk(root):
        for name in names:
            if not _TEMPORARY.fullmatch(name):
                continue
            path = Path(here, name)
            maker = ours.match(name)
            with suppress(OSError):
                is_old = time.time() - path.lstat().st_mtime > _A_DAY
                if is_old or (maker is not None and not _is_alive(int(maker[1]))):
                    path.unlink()
                    removed += 1
    return removed


def find_pictures(folder: Path, *, recursive: bool) -> Found:
    """List the pictures in a folder, in an order that is the same on every machine."""
    pictures: list[Path] = []
    closed: list[Path] = []
    ignored = hidden = own = linked = 0
    for here, folders, names in os.walk(folder, onerror=lambda e: closed.append(Path(e.filename))):
        place = Path(here)
        if _MARKER in folders and place != folder:
            own += 1
            folders.clear()
            continue
        entered = []
        for name in folders if recursive else ():
            if name.startswith("."):
                hidden += name != _MARKER
            elif (place / name).is_symlink():
                linked += 1
            else:
                entered.append(name)
        folders[:] = entered
        for name in names:
            path = place / name
            if name.startswith("."):
                hidden += not name.startswith(_MARKER)
            elif path.suffix.lower() not in PICTURE_SUFFIXES or _is_special(path):
                ignored += 1
            else:
                pictures.append(path)
    pictures.sort(key=lambda path: _natural(path.relative_to(folder)))
    return Found(tuple(pictures), ignored, hidden, own, linked, tuple(sorted(closed)))


def is_ours(path: Path) -> bool:
    """Tell whether a picture says that we wrote it; what cannot be opened does not."""
    try:
        with path.open("rb") as stream:
            info = _identify(stream).info
    except Exception:
        return False
    marks = (info.get("Software"), info.get("comment"), info.get("xmp"))
    return any(mark in (_MADE_BY, _MADE_BY.encode(), _XMP) for mark in marks)


def sha256_file(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# Reading


def _open(path: Path) -> BinaryIO:
    """Open a file for decoders, which want to jump about in it."""
    try:
        stream = path.open("rb")
    except (FileNotFoundError, NotADirectoryError):
        raise PictureError(f"{path} does not exist; check the path", reason="missing") from None
    except IsADirectoryError:
        raise PictureError(f"{path} is a folder, not a picture", reason="directory") from None
    except PermissionError:
        raise PictureError(
            f"{path} may not be read: permission denied; change its permissions",
            reason="permission",
        ) from None
    except (OSError, ValueError) as error:
        raise PictureError(f"{path} cannot be opened: {error}", reason="unreadable") from error
    if stream.seekable():
        return stream
    with stream:
        return BytesIO(stream.read())


def _read(stream: BinaryIO, name: str, max_pixels: int) -> Picture:
    """Decode a stream, and turn whatever a decoder throws into one sentence."""
    try:
        if not stream.read(1):
            raise PictureError(f"{name} is empty (0 bytes); copy it again", reason="empty-file")
        image = _identify(stream)
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
        return _decode(image, stream)
    except PictureError:
        raise
    except Exception as error:
        raise _picture_error(error, stream, name) from error


def _picture_error(error: Exception, stream: BinaryIO, name: str) -> PictureError:
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


def _identify(stream: BinaryIO) -> ImageFile.ImageFile:
    """Read the header with the first decoder that knows the format.

    Image.open does the same and then applies a size limit that is global; ours comes by call.
    """
    Image.init()
    stream.seek(0)
    prefix = stream.read(16)
    # Formats without a signature only guess, so they come last.
    for name in sorted(Image.ID, key=lambda name: Image.OPEN[name][1] is None):
        factory, accept = Image.OPEN[name]
        verdict = accept(prefix) if accept else True
        if name in _UNSAFE or isinstance(verdict, str) or not verdict:
            continue
        stream.seek(0)
        with suppress(SyntaxError, IndexError, TypeError, struct.error):
            return factory(stream, "")
    raise UnidentifiedImageError("its format is unknown or its header broken")


def _decode(image: ImageFile.ImageFile, stream: BinaryIO) -> Picture:
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
        return rgba[..., :3], rgba[..., 3]
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


# Finding and writing


def _natural(path: Path) -> tuple[list[list[str | int]], str]:
    """Sort key: frame 2 before frame 10, whatever the case and the form of the letters."""
    key: list[list[str | int]] = []
    for part in path.parts:
        # Text and numbers take turns, so that like is compared with like.
        pieces = re.split(r"([0-9]+)", unicodedata.normalize("NFC", part).casefold())
        key.append([int(piece) if i % 2 else piece for i, piece in enumerate(pieces)])
    return key, path.as_posix()


def _is_special(path: Path) -> bool:
    """Whether the path is a pipe, a socket or a device; a broken link is not, and will be named."""
    with suppress(OSError):
        return not stat.S_ISREG(path.stat().st_mode)
    return False


def _temporary_prefix() -> str:
    """How the names of this machine's temporary files begin; the process follows."""
    host = hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]
    return f"{_MARKER}-{host}-"


def _check_target(target: Path, root: Path) -> None:
    """Refuse a target that is a folder or lies outside the root once links are followed."""
    inside = Path(os.path.realpath(root))
    if not Path(os.path.realpath(target.parent)).is_relative_to(inside) or (
        target.is_symlink() and not Path(os.path.realpath(target)).is_relative_to(inside)
    ):
        raise OutputError(
            f"{target} lies outside {root} once links are followed; write elsewhere with -o"
        )
    if target.is_dir():
        raise OutputError(f"{target} is a folder; remove it or write elsewhere")


def _sync_folder(folder: Path) -> None:
    """Make the rename itself survive a power cut, where the system can."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def output_error(error: OSError, target: Path) -> OutputError:
    """Say what kept the target from being written, and what to do."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFullError(f"no space left for {target}; free some and run again")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return OutputError(
            f"{target.parent} may not be written to ({error.strerror}); change its permissions"
            " or write elsewhere with -o"
        )
    return OutputError(f"{target} cannot be written: {error.strerror}; write elsewhere with -o")


def _is_alive(pid: int) -> bool:
    """Whether a process of this machine is running, as far as can be told."""
    if sys.platform == "win32":
        return True  # signal 0 is Ctrl-C there
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return True
