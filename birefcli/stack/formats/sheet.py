"""A sprite sheet with its JSON, in the hash form that Aseprite, TexturePacker and engines share."""

import json
from collections.abc import Sequence

import numpy as np

from birefcli.image import encode
from birefcli.stack.formats.export import StackExport
from birefcli.stack.trimmed_layers import TrimmedLayer, printable
from birefcli.version import __version__

PADDING = 2
_DURATION = 100


def write_sheet(export: StackExport) -> dict[str, bytes]:
    """Put all layers beside one another, 2 pixels apart, never turned, and tell where each is."""
    layers = export.layers
    places, width, height = _pack(layers)
    sheet = np.zeros((height, width, 4), np.uint8)
    frames = {}
    for layer, (x, y) in zip(layers, places, strict=True):
        h, w = layer.rgba.shape[:2]
        sheet[y : y + h, x : x + w] = layer.rgba
        frames[layer.stem] = {
            "frame": {"x": x, "y": y, "w": w, "h": h},
            "rotated": False,
            "trimmed": (h, w) != layer.canvas,
            "spriteSourceSize": {"x": layer.box[0], "y": layer.box[1], "w": w, "h": h},
            "sourceSize": {"w": layer.canvas[1], "h": layer.canvas[0]},
            "duration": _DURATION,
        }
    meta = {
        "app": "birefcli",
        "version": __version__,
        "image": "sheet.png",
        "format": "RGBA8888",
        "size": {"w": width, "h": height},
        "scale": "1",
        "layers": [
            {"name": printable(layer.name), "opacity": 255, "blendMode": "normal"}
            for layer in layers
        ],
    }
    text = json.dumps({"frames": frames, "meta": meta}, indent=1) + "\n"
    return {"sheet.png": encode(sheet, "png"), "sheet.json": text.encode()}


def _pack(layers: Sequence[TrimmedLayer]) -> tuple[list[tuple[int, int]], int, int]:
    """Fill shelves from the tallest layer on; give each its place, and the sheet's size."""
    areas = [layer.rgba.shape[0] * layer.rgba.shape[1] for layer in layers]
    widest = max(layer.rgba.shape[1] for layer in layers)
    across = max(widest, round(sum(areas) ** 0.5)) + 2 * PADDING
    places: dict[int, tuple[int, int]] = {}
    x = y = PADDING
    shelf = right = 0
    for i in sorted(range(len(layers)), key=lambda i: (-layers[i].rgba.shape[0], i)):
        h, w = layers[i].rgba.shape[:2]
        if x + w + PADDING > across:
            x, y, shelf = PADDING, y + shelf + PADDING, 0
        places[i] = x, y
        x, shelf = x + w + PADDING, max(shelf, h)
        right = max(right, x)
    return [places[i] for i in range(len(layers))], right, y + shelf + PADDING
