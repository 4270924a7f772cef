"""SVG: every layer as an embedded picture, for browsers, Inkscape and Figma."""

from base64 import b64encode
from xml.sax.saxutils import quoteattr

from birefcli.stack.formats.export import StackExport
from birefcli.stack.trimmed_layers import TrimmedLayer, printable
from birefcli.stack.types import PictureKind


def write_svg(export: StackExport) -> dict[str, bytes]:
    """Write one .svg after SVG 1.1; pixel art stays sharp when it is enlarged."""
    height, width = export.stack.size
    style = ' style="image-rendering:pixelated"' if export.stack.kind == PictureKind.PIXEL else ""
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"'
        f' viewBox="0 0 {width} {height}"{style}>',
        *(_image(layer, export.layer_files[layer.file]) for layer in export.layers),
        "</svg>",
    ]
    return {f"{export.name}.svg": ("\n".join(lines) + "\n").encode()}


def _image(layer: TrimmedLayer, png: bytes) -> str:
    left, top, right, bottom = layer.box
    name = quoteattr(printable(layer.name))
    return (
        f'<image id="layer-{layer.number}" aria-label={name} x="{left}" y="{top}"'
        f' width="{right - left}" height="{bottom - top}"'
        f' href="data:image/png;base64,{b64encode(png).decode()}"/>'
    )
