"""The files of a stack's folder: layers and manifest always, other formats as asked."""

from collections.abc import Collection
from pathlib import PurePosixPath

import numpy as np

from birefcli.image.files import encode
from birefcli.image.types import Rgba
from birefcli.settings.peel import StackFormat
from birefcli.stack.formats.ase import write_ase
from birefcli.stack.formats.explain import explain
from birefcli.stack.formats.ora import write_ora
from birefcli.stack.formats.preview import write_preview
from birefcli.stack.formats.psd import is_large, write_psd
from birefcli.stack.formats.sheet import write_sheet
from birefcli.stack.formats.svg import write_svg
from birefcli.stack.manifest import FILE, MASK_FILE, Manifest, write_manifest
from birefcli.stack.provenance import Engine, Source, Verdict
from birefcli.stack.trimmed_layers import Piece, pieces
from birefcli.stack.types import Stack

PREVIEW = "preview.webp"


def stack_files(
    stack: Stack,
    picture: Rgba,
    source: Source,
    engine: Engine,
    verdict: Verdict,
    formats: Collection[StackFormat],
    *,
    explains: bool = False,
) -> dict[str, bytes]:
    """Encode a stack: the bytes of every file by its path in the stack's folder.

    `picture` (H, W, 4) is what the stack was peeled from; the manifest comes last.
    """
    cut = pieces(stack)
    manifest = write_manifest(stack, cut, source, engine, verdict)
    files = {piece.file: _png(piece.rgba, source) for piece in cut}
    if stack.invented.any():
        files[MASK_FILE] = encode(stack.invented, "png")
    stem = PurePosixPath(source.file).stem if source.file != "-" else "stdin"
    for format in StackFormat:
        if format in formats:
            match format:
                case StackFormat.ORA:
                    files[f"{stem}.ora"] = write_ora(cut, files, picture, source, manifest)
                case StackFormat.PSD:
                    suffix = "psb" if is_large(stack.size) else "psd"
                    files[f"{stem}.{suffix}"] = write_psd(cut, picture, source.icc)
                case StackFormat.PREVIEW:
                    files[PREVIEW] = write_preview(stack)
                case StackFormat.ASE:
                    files[f"{stem}.aseprite"] = write_ase(cut, stack.grid)
                case StackFormat.SHEET:
                    sheet = write_sheet(cut)
                    files["sheet.png"], files["sheet.json"] = sheet.png, sheet.json
                case StackFormat.SVG:
                    files[f"{stem}.svg"] = write_svg(cut, files, stack.kind)
                case StackFormat.FULL:
                    files |= {f"full/{p.stem}.png": _png(p.whole, source) for p in cut}
                case StackFormat.BOTTOMS:
                    files |= _bottoms(stack, cut, source)
    if explains:
        files |= explain(stack, picture, cut)
    files[FILE] = manifest
    return files


def file_names(manifest: Manifest) -> set[str]:
    """Give the files of a stack that depend on how many layers it has and what they are called."""
    stems = {PurePosixPath(entry.file).stem for entry in manifest.entries}
    names = {entry.file for entry in manifest.entries}
    names |= {f"{place}/{stem}.png" for place in ("full", "bottoms") for stem in stems}
    return names | {MASK_FILE, "explain/steps.webp"}


def _bottoms(stack: Stack, cut: list[Piece], source: Source) -> dict[str, bytes]:
    """Encode what the picture looked like under each layer."""
    return {
        f"bottoms/{piece.stem}.png": encode(bottom, "png", icc=source.icc, dpi=source.dpi)
        for piece, bottom in zip(cut[1:], stack.bottoms, strict=False)
    }


def _png(rgba: Rgba, source: Source) -> bytes:
    """Encode a layer, with the colour profile of its picture."""
    return encode(np.ascontiguousarray(rgba), "png", icc=source.icc, dpi=source.dpi)
