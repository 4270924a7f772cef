"""Picture files: find them, read them, write them, and never lose one."""

import errno
import hashlib
import math
import os
import re
import secrets
import socket
import stat
import sys
import time
import unicodedata
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import (
    Image,
    PngImagePlugin,
)

from birefcli.errors import DiskFullError, OutputError, PictureError
from birefcli.image.decode import Picture, decode, identify

FileFormat: TypeAlias = Literal["png", "webp", "jpg"]
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
MADE_BY = "birefcli"
MADE_BY_XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="birefcli"/>'
_A_DAY = 24 * 60 * 60

_LONGEST_SIDE = {"webp": 16383, "jpg": 65500}


@dataclass(frozen=True)
class FolderListing:
    """What a folder holds: the pictures in order, and how much of the rest was left out."""

    pictures: tuple[Path, ...]
    ignored: int = 0  # files of other kinds
    hidden: int = 0  # files and folders whose name begins with a dot
    own: tuple[Path, ...] = ()  # folders we wrote to, which are not entered
    linked: int = 0  # links to folders, which are not followed
    closed: tuple[Path, ...] = ()  # folders that cannot be listed


def read_picture(source: Path | bytes, *, max_pixels: int, name: str = "standard input") -> Picture:
    """Decode a picture file, or the bytes of one, which messages call `name`.

    The picture is upright, in 8 bits. Raise PictureError, which says in one sentence why not.
    """
    if isinstance(source, bytes):
        return decode(BytesIO(source), name, max_pixels)
    with open_picture(source) as stream:
        return decode(stream, str(source), max_pixels)


def encode(
    array: _Pixels,
    format: FileFormat,
    *,
    icc: bytes | None = None,
    dpi: tuple[float, float] | None = None,
    quality: int | None = None,
    png_level: int = 3,
) -> bytes:
    """Return the bytes of a file without EXIF; the array is (H, W), (H, W, 3) or (H, W, 4).

    Without a quality (1 to 100) webp is lossless and jpg takes 95. `dpi` is the resolution along
    and across, `png_level` the effort of 0 to 9. Only png knows 16 bits, and only for grey; jpg
    holds no alpha: ValueError. Raise OutputError where the format holds no picture so large.
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
            text.add_text("Software", MADE_BY)
            options |= {"compress_level": png_level, "pnginfo": text}
        case "webp":
            # Exact keeps the colours under alpha 0 as they were set.
            options |= {"lossless": quality is None, "exact": True, "xmp": MADE_BY_XMP}
        case "jpg":
            options |= {"quality": 95, "subsampling": 0, "comment": MADE_BY}
    if quality is not None:
        options["quality"] = quality
    if dpi is not None:
        options["dpi"] = dpi
    stream = BytesIO()
    Image.fromarray(array).save(stream, "jpeg" if format == "jpg" else format, **options)
    return stream.getvalue()


def write_atomic(target: Path, data: bytes, *, root: Path) -> None:
    """Put the bytes at the target, whole or not at all, and nowhere outside the root.

    Folders are made. Raise DiskFullError where no space is left, else OutputError.
    """
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


def remove_stale_temporaries(root: Path, *, recursive: bool = True) -> int:
    """Delete the temporary files of runs that were killed; return how many.

    A file is stale if its process is gone from this machine, or if it is a day old: writing one
    takes seconds, and whether a process lives on another machine cannot be asked.
    """
    ours = re.compile(re.escape(_temporary_prefix()) + r"(\d+)-")
    removed = 0
    for here, folders, names in os.walk(root):
        if not recursive:
            folders.clear()
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


def find_pictures(folder: Path, *, recursive: bool) -> FolderListing:
    """List the pictures in a folder in natural order, the same on every machine."""
    pictures: list[Path] = []
    closed: list[Path] = []
    own: list[Path] = []
    ignored = hidden = linked = 0
    for here, folders, names in os.walk(folder, onerror=lambda e: closed.append(Path(e.filename))):
        place = Path(here)
        if _MARKER in folders and place != folder:
            own.append(place)
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
    return FolderListing(
        tuple(pictures), ignored, hidden, tuple(sorted(own)), linked, tuple(sorted(closed))
    )


def is_ours(path: Path) -> bool:
    """Tell whether a picture says that we wrote it; what cannot be opened does not."""
    try:
        with path.open("rb") as stream:
            info = identify(stream).info
    except Exception:
        return False
    marks = (info.get("Software"), info.get("comment"), info.get("xmp"))
    return any(mark in (MADE_BY, MADE_BY.encode(), MADE_BY_XMP) for mark in marks)


def sha256_file(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# Reading


def open_picture(path: Path) -> BinaryIO:
    """Open a file for decoders, which seek in it."""
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


def fold(target: str) -> str:
    """Give a name's form for comparison: equal for names that some file system takes for one."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", target).casefold())


def real(path: Path) -> str:
    """Give a path's form for comparison: links resolved, case folded, equal for one place."""
    return fold(os.path.realpath(path))
