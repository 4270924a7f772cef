"""From a stack's folder to one picture."""

import os
from pathlib import Path

from birefcli.errors import OutputError, UsageError
from birefcli.image import Rgba, encode, is_ours, real, write_atomic
from birefcli.settings import SUFFIXES
from birefcli.stack.formats.ora import without_alpha
from birefcli.stack.read import OpenedStack, read_stack
from birefcli.stack.types import SourceRecord

COMPOSED = "composed.png"


def compose_stack(folder: Path, out: Path | None = None, *, replaces: bool = False) -> Path:
    """Write the picture that a stack composes to, by default as `composed.png` in its folder.

    Return its path. A file that is not ours is replaced only if `replaces`, else that is an
    OutputError; one of the stack itself never is. Raise UsageError for a name or a format that
    cannot hold the picture, and what `read_stack` raises.
    """
    target = out or folder / COMPOSED
    format = SUFFIXES.get(target.suffix.lower())
    if format is None or format == "gif":
        raise UsageError(f"cannot write {target}; its name must end in .png, .webp or .jpg")
    opened = read_stack(folder)
    _check_target(target, folder, opened, replaces)
    picture = without_alpha(opened.picture)
    if format == "jpg" and picture.shape[2] == 4:
        raise UsageError(f"{target} cannot hold transparency; write .png or .webp")
    write_atomic(target, _encoded(picture, format.value, opened.source), root=target.parent)
    return target


def composed_bytes(folder: Path) -> bytes:
    """Return the bytes of a png of the picture that a stack composes to."""
    opened = read_stack(folder)
    return _encoded(without_alpha(opened.picture), "png", opened.source)


def _encoded(picture: Rgba, format: str, source: SourceRecord) -> bytes:
    assert format in ("png", "webp", "jpg")
    return encode(picture, format, icc=source.icc, dpi=source.dpi)  # type: ignore[arg-type]


def _check_target(target: Path, folder: Path, opened: OpenedStack, replaces: bool) -> None:
    """Refuse to write over the stack, or over what is not ours."""
    manifest = opened.manifest
    names = [*(entry.file for entry in manifest.entries), manifest.mask_file or ""]
    if real(target) in {real(folder / name) for name in names if name}:
        raise UsageError(f"{target} is a part of the stack; choose another name with -o")
    if os.path.lexists(target) and not replaces and not is_ours(target):
        raise OutputError(f"{target} exists already; move it away, or give --redo to replace it")
