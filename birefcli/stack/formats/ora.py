"""OpenRaster: the stack as Krita, GIMP, MyPaint and Pinta open it.

A zip by the baseline of the OpenRaster specification (openraster.org): `mimetype` first and
stored, `stack.xml` with the top layer first, a merged picture and a thumbnail of at most 256
pixels.
"""

import zipfile
from collections.abc import Mapping, Sequence
from io import BytesIO
from xml.etree import ElementTree

import numpy as np

from birefcli.errors import PictureError
from birefcli.image import Rgba, encode, read_picture
from birefcli.matte import Size
from birefcli.stack.compositing import clean
from birefcli.stack.formats.export import StackExport
from birefcli.stack.resize import shrink_to
from birefcli.stack.trimmed_layers import TrimmedLayer, place_on_canvas, printable

MIMETYPE = "image/openraster"
# The first moment that a zip file can tell.
EPOCH = (1980, 1, 1, 0, 0, 0)
THUMBNAIL = 256
_UNLIMITED = 1 << 62


def write_ora(export: StackExport) -> dict[str, bytes]:
    """Write one .ora, with the manifest in it as birefcli.json."""
    layers, picture, source = export.layers, export.picture, export.source
    entries = {"mimetype": MIMETYPE.encode(), "stack.xml": _stack_xml(layers)}
    entries |= {f"data/{layer.stem}.png": export.layer_files[layer.file] for layer in layers}
    merged = without_alpha(picture)
    entries["mergedimage.png"] = encode(merged, "png", icc=source.icc, dpi=source.dpi)
    thumbnail = without_alpha(shrink_to(picture, THUMBNAIL))
    entries["Thumbnails/thumbnail.png"] = encode(thumbnail, "png", icc=source.icc)
    entries["birefcli.json"] = export.manifest
    stream = BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for name, data in entries.items():
            archive.writestr(_entry(name), data)
    return {f"{export.name}.ora": stream.getvalue()}


def read_ora(files: Mapping[str, bytes]) -> list[Rgba]:
    """Return the layers of the one .ora among a stack's files, as `parse_ora` does."""
    (data,) = files.values()
    return parse_ora(data)


def parse_ora(data: bytes) -> list[Rgba]:
    """Return the layers of an .ora, uint8 (H, W, 4) at the canvas's size, bottom first.

    Hidden layers are left out. Raise PictureError where the bytes are no .ora.
    """
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            root = ElementTree.fromstring(archive.read("stack.xml"))
            size = int(root.attrib["h"]), int(root.attrib["w"])
            return [
                _decode_layer(archive.read(layer.attrib["src"]), layer.attrib, size)
                for layer in reversed(list(root.iter("layer")))
                if layer.attrib.get("visibility", "visible") == "visible"
            ]
    except (zipfile.BadZipFile, KeyError, ValueError, ElementTree.ParseError) as error:
        raise PictureError(
            f"the .ora cannot be read: {error}; write it again", reason="unreadable"
        ) from error


def without_alpha(rgba: Rgba) -> np.ndarray:
    """Return (H, W, 3) of a picture (H, W, 4) that is opaque, else the picture itself."""
    return rgba if (rgba[..., 3] < 255).any() else rgba[..., :3]


def _stack_xml(layers: Sequence[TrimmedLayer]) -> bytes:
    height, width = layers[0].canvas
    root = ElementTree.Element("image", version="0.0.3", w=str(width), h=str(height))
    stack = ElementTree.SubElement(root, "stack")
    for layer in reversed(layers):
        ElementTree.SubElement(
            stack,
            "layer",
            {
                "name": printable(layer.name),
                "src": f"data/{layer.stem}.png",
                "x": str(layer.box[0]),
                "y": str(layer.box[1]),
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


def _decode_layer(png: bytes, place: Mapping[str, str], size: Size) -> Rgba:
    """Decode a layer onto the canvas."""
    image = read_picture(png, max_pixels=_UNLIMITED, name=place["src"])
    height, width = image.size
    left, top = int(place.get("x", 0)), int(place.get("y", 0))
    opaque = np.full((height, width), 255, np.uint8)
    rgba = np.dstack([image.rgb, opaque if image.alpha is None else image.alpha])
    return place_on_canvas(clean(rgba), (left, top, left + width, top + height), size)
