"""The parallax preview: layers sway before one another, and what was invented shows in red."""

from collections.abc import Iterator
from io import BytesIO
from math import sin, tau

import numpy as np
from PIL import Image

from birefcli.image import Rgb, Rgba
from birefcli.matte import checkerboard, over8
from birefcli.stack.compositing import composite
from birefcli.stack.formats.export import StackExport
from birefcli.stack.resize import at_native_size, enlarged, shrink_to
from birefcli.stack.types import PictureKind, Stack

FRAMES = 24
SIDE = 320  # pixels of the long side
MOST_BYTES = 3_000_000
SMALLEST = 96
_DURATION = 84  # milliseconds of a frame: two seconds in all
_SWAY = 0.05  # of the long side, how far the nearest layer goes
_RED = np.array([225, 30, 40], np.float32)


def write_preview(export: StackExport) -> dict[str, bytes]:
    """Write one animated preview.webp."""
    return {"preview.webp": animate(export.stack)}


def animate(stack: Stack) -> bytes:
    """Return the bytes of a lossless WebP in which the layers sway, of some 3 MB at most.

    Its long side is at most 320 pixels, and smaller where the file would be too large.
    """
    side = SIDE
    while True:
        data = _animation([Image.fromarray(frame) for frame in frames(stack, side)])
        side = side * 3 // 4
        if len(data) <= MOST_BYTES or side < SMALLEST:
            return data


def frames(stack: Stack, side: int = SIDE) -> Iterator[Rgb]:
    """Draw one sway (h, w, 3); a stack without layers gives one still picture."""
    ground, *layers = scaled(stack, side)
    count = FRAMES if layers else 1
    depths = np.arange(1, len(layers) + 1) / max(len(layers), 1)
    squares = checkerboard((ground.shape[0], ground.shape[1]))
    reach = max(1.0, _SWAY * max(ground.shape[:2]))
    for i in range(count):
        x, y = sin(tau * i / count), 0.4 * sin(2 * tau * i / count)
        swayed = [
            shifted(layer, round(x * reach * depth), round(y * reach * depth))
            for depth, layer in zip(depths, layers, strict=True)
        ]
        yield over8(composite(ground, swayed), squares)


def scaled(stack: Stack, side: int, *, tints: bool = True) -> list[Rgba]:
    """Return the background and the layers (h, w, 4) with a long side of at most `side` pixels.

    With `tints` red on the background shows what a fill made up.
    """
    ground = tinted(stack) if tints else stack.background
    whole = [ground, *(layer.rgba for layer in stack.layers)]
    if stack.kind != PictureKind.PIXEL:
        return [shrink_to(rgba, side) for rgba in whole]
    native = at_native_size(whole, stack.grid)
    factor = max(1, side // max(native[0].shape[:2]))
    return [enlarged(shrink_to(rgba, side), factor) for rgba in native]


def tinted(stack: Stack) -> Rgba:
    """Give the background (H, W, 4) with red over what a fill invented."""
    ground = stack.background.copy()
    if stack.invented.any():
        is_invented = stack.invented > 0
        mixed = 0.55 * ground[is_invented, :3] + 0.45 * _RED
        ground[is_invented, :3] = np.rint(mixed).astype(np.uint8)
    return ground


def shifted(rgba: Rgba, x: int, y: int) -> Rgba:
    """Move a layer (H, W, 4) by (x, y) pixels on its canvas; what leaves it is lost."""
    height, width = rgba.shape[:2]
    moved = np.zeros_like(rgba)
    x, y = max(-width, min(x, width)), max(-height, min(y, height))
    target = slice(max(y, 0), height + min(y, 0)), slice(max(x, 0), width + min(x, 0))
    source = slice(max(-y, 0), height - max(y, 0)), slice(max(-x, 0), width - max(x, 0))
    moved[target] = rgba[source]
    return moved


def _animation(images: list[Image.Image]) -> bytes:
    stream = BytesIO()
    first, *others = images
    options = {"save_all": True, "append_images": others, "duration": _DURATION, "loop": 0}
    first.save(stream, "webp", lossless=True, quality=20, method=1, **options)
    return stream.getvalue()
