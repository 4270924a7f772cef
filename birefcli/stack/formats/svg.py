"""SVG: every layer as an embedded picture, for browsers, Inkscape and Figma."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import quoteattr

from birefcli.stack.trimmed_layers import Piece, printable
from birefcli.stack.types import Kind


def write_svg(pieces: Sequence[Piece], pngs: Mapping[str, bytes], kind: Kind) -> bytes:
    """Give the bytes of an .svg; `pngs` are the pieces' files. Pixel art stays sharp enlarged."""
    height, width = pieces[0].canvas
    style = ' style="image-rendering:pixelated"' if kind == Kind.PIXEL else ""
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"'
        f' viewBox="0 0 {width} {height}"{style}>',
        *(_image(piece, pngs[piece.file]) for piece in pieces),
        "</svg>",
    ]
    return ("\n".join(lines) + "\n").encode()


def _image(piece: Piece, png: bytes) -> str:
    left, top, right, bottom = piece.box
    name = quoteattr(printable(piece.name))
    return (
        f'<image id="layer-{piece.number}" aria-label={name} x="{left}" y="{top}"'
        f' width="{right - left}" height="{bottom - top}"'
        f' href="data:image/png;base64,{b64encode(png).decode()}"/>'
    )
