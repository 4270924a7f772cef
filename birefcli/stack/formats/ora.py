"""OpenRaster: the stack as Krita, GIMP, MyPaint and Pinta open it.

A zip by the baseline of the OpenRaster specification: `mimetype` first and stored, `stack.xml`
with the top layer first, a merged picture and a thumbnail of at most 256 pixels.
"""

import zipfile
from collections.abc import Mapping, Sequence
from io import BytesIO
from xml.etree import ElementTree

import numpy as np

from birefcli.errors import PictureError
from birefcli.image.files import encode, read_picture
from birefcli.image.types import Rgba
from birefcli.matte.morphology import Size
from birefcli.stack.compositing import clean
from birefcli.stack.provenance import Source
from birefcli.stack.resize import shrink_to
from birefcli.stack.trimmed_layers import Piece, placed, printable

MIMETYPE = "image/openraster"
# The first moment that a zip file can tell.
EPOCH = (1980, 1, 1, 0, 0, 0)
THUMBNAIL = 256
_UNLIMITED = 1 << 62


def write_ora(
    pieces: Sequence[Piece],
    pngs: Mapping[str, bytes],
    picture: Rgba,
    source: Source,
    manifest: bytes,
) -> bytes:
    """Give the bytes of an .ora; `pngs` are the pieces' files, `picture` what they compose to."""
    entries = {"mimetype": MIMETYPE.encode(), "stack.xml": _stack_xml(pieces)}
    entries |= {f"data/{piece.stem}.png": pngs[piece.file] for piece in pieces}
    merged = without_alpha(picture)
    entries["mergedimage.png"] = encode(merged, "png", icc=source.icc, dpi=source.dpi)
    thumbnail = without_alpha(shrink_to(picture, THUMBNAIL))
    entries["Thumbnails/thumbnail.png"] = encode(thumbnail, "png", icc=source.icc)
    entries["birefcli.json"] = manifest
    stream = BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for name, data in entries.items():
            archive.writestr(_entry(name), data)
    return stream.getvalue()


def read_ora(data: bytes) -> list[Rgba]:
    """Give the layers of an .ora at the canvas's size, bottom first; hidden ones are left out."""
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            root = ElementTree.fromstring(archive.read("stack.xml"))
            size = int(root.attrib["h"]), int(root.attrib["w"])
            return [
                _placed(archive.read(layer.attrib["src"]), layer.attrib, size)
                for layer in reversed(list(root.iter("layer")))
                if layer.attrib.get("visibility", "visible") == "visible"
            ]
    except (zipfile.BadZipFile, KeyError, ValueError, ElementTree.ParseError) as error:
        raise PictureError(
            f"the .ora cannot be read: {error}; write it again", reason="unreadable"
        ) from error


def without_alpha(rgba: Rgba) -> np.ndarray:
    """Leave the alpha away where it says nothing: (H, W, 3), else (H, W, 4)."""
    return rgba if (rgba[..., 3] < 255).any() else rgba[..., :3]


def _stack_xml(pieces: Sequence[Piece]) -> bytes:
    height, width = pieces[0].canvas
    root = ElementTree.Element("image", version="0.0.3", w=str(width), h=str(height))
    stack = ElementTree.SubElement(root, "stack")
    for piece in reversed(pieces):
        ElementTree.SubElement(
            stack,
            "layer",
            {
                "name": printable(piece.name),
                "src": f"data/{piece.stem}.png",
                "x": str(piece.box[0]),
                "y": str(piece.box[1]),
                "opacity": "1.0",
                "visibility": "visible",
                "composite-op": "svg:src-over",
            },
        )
    ElementTree.indent(root)
    text = ElementTree.tostring(root, "unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'.encode()


def _entry(name: str) -> zipfile.ZipInfo:
    """Describe a file of the archive the same way on every day and every system."""
    entry = zipfile.ZipInfo(name, EPOCH)
    entry.create_system = 3
    entry.external_attr = 0o644 << 16
    return entry


def _placed(png: bytes, place: Mapping[str, str], size: Size) -> Rgba:
    """Decode a layer onto the canvas."""
    image = read_picture(png, max_pixels=_UNLIMITED, name=place["src"])
    height, width = image.size
    left, top = int(place.get("x", 0)), int(place.get("y", 0))
    opaque = np.full((height, width), 255, np.uint8)
    rgba = np.dstack([image.rgb, opaque if image.alpha is None else image.alpha])
    return placed(clean(rgba), (left, top, left + width, top + height), size)
