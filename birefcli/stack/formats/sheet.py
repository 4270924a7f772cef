"""A sprite sheet with its JSON, in the hash form that Aseprite, TexturePacker and engines share."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from birefcli import __version__
from birefcli.image.files import encode
from birefcli.stack.trimmed_layers import Piece, printable

PADDING = 2
_DURATION = 100


@dataclass(frozen=True)
class Sheet:
    """The two files of a sheet."""

    png: bytes
    json: bytes


def write_sheet(pieces: Sequence[Piece]) -> Sheet:
    """Put all pieces beside one another, 2 pixels apart, never turned, and tell where each is."""
    places, width, height = _packed(pieces)
    sheet = np.zeros((height, width, 4), np.uint8)
    frames = {}
    for piece, (x, y) in zip(pieces, places, strict=True):
        h, w = piece.rgba.shape[:2]
        sheet[y : y + h, x : x + w] = piece.rgba
        frames[piece.stem] = {
            "frame": {"x": x, "y": y, "w": w, "h": h},
            "rotated": False,
            "trimmed": (h, w) != piece.canvas,
            "spriteSourceSize": {"x": piece.box[0], "y": piece.box[1], "w": w, "h": h},
            "sourceSize": {"w": piece.canvas[1], "h": piece.canvas[0]},
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
            {"name": printable(piece.name), "opacity": 255, "blendMode": "normal"}
            for piece in pieces
        ],
    }
    text = json.dumps({"frames": frames, "meta": meta}, indent=1) + "\n"
    return Sheet(encode(sheet, "png"), text.encode())


def _packed(pieces: Sequence[Piece]) -> tuple[list[tuple[int, int]], int, int]:
    """Fill shelves from the tallest piece on; give each its place, and the sheet's size."""
    areas = [p.rgba.shape[0] * p.rgba.shape[1] for p in pieces]
    widest = max(p.rgba.shape[1] for p in pieces)
    across = max(widest, round(sum(areas) ** 0.5)) + 2 * PADDING
    places: dict[int, tuple[int, int]] = {}
    x = y = PADDING
    shelf = right = 0
    for i in sorted(range(len(pieces)), key=lambda i: (-pieces[i].rgba.shape[0], i)):
        h, w = pieces[i].rgba.shape[:2]
        if x + w + PADDING > across:
            x, y, shelf = PADDING, y + shelf + PADDING, 0
        places[i] = x, y
        x, shelf = x + w + PADDING, max(shelf, h)
        right = max(right, x)
    return [places[i] for i in range(len(pieces))], right, y + shelf + PADDING
