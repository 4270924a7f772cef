"""A stack's layers as single pictures: trimmed, at the picture's size, and what each lay on."""

from collections.abc import Mapping

from birefcli.image import Rgba, encode
from birefcli.stack.formats.export import StackExport, encode_png
from birefcli.stack.manifest import MASK_FILE
from birefcli.stack.read import read_files


def write_png(export: StackExport) -> dict[str, bytes]:
    """Write each layer cut to its box, and, where a fill made anything up, the map of that.

    The manifest, which is written with them, comes last of all formats and is not among these.
    """
    files = dict(export.layer_files)
    if export.stack.invented.any():
        files[MASK_FILE] = encode(export.stack.invented, "png")
    return files


def read_png(files: Mapping[str, bytes]) -> list[Rgba]:
    """Return the background and the layers (H, W, 4), bottom first, as the manifest places them.

    Raise PictureError where a file is damaged.
    """
    stack = read_files(files).stack
    return [stack.background, *(layer.rgba for layer in stack.layers)]


def write_full(export: StackExport) -> dict[str, bytes]:
    """Write each layer at the picture's size."""
    return {
        f"full/{layer.stem}.png": encode_png(layer.whole, export.source) for layer in export.layers
    }


def write_bottoms(export: StackExport) -> dict[str, bytes]:
    """Write what the picture looked like under each layer, as far as the stack knows."""
    return {
        f"bottoms/{layer.stem}.png": encode_png(bottom, export.source)
        for layer, bottom in zip(export.layers[1:], export.stack.bottoms, strict=False)
    }
