"""The suite of pixel art: sixteen colours, hard edges, outlines of one pixel, whole enlargement."""

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from birefcli.image import Alpha, Rgb, to_uint8
from birefcli.matte import Size
from birefcli.scenes.suites.layered import LayeredScene, SceneLayer
from birefcli.scenes.suites.materials import Colors, contrasting
from birefcli.scenes.suites.placement import Arrangement
from birefcli.scenes.suites.shapes import SHAPES, Points, raster

# Sides of the art itself, in steps, and how much an export enlarges it.
SMALLEST, LARGEST, STEP = 64, 160, 8
EXPORTS = (1, 4)
COLORS = 16

_SHAPES = ("blob", "polygon", "star", "rectangle", "ellipse")
_CROSS = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], np.uint8)
_Indices = NDArray[np.intp]  # (H, W) of the palette


def pixel_scene(rng: Generator, seed: int, side: int | None = None) -> LayeredScene:
    """Draw two to four outlined things in colours of one palette."""
    height, width = (int(n) for n in rng.integers(SMALLEST // STEP, LARGEST // STEP + 1, 2) * STEP)
    factor = int(rng.choice(EXPORTS))
    if side is not None:
        factor = max(1, round(side / min(height, width)))
    size = (height, width)
    palette = random_palette(rng)
    # The first colour is the outline's; the ground's come next, and things take from the rest.
    kind, ground = pixel_ground(rng, size)
    arrangement = Arrangement(size)

    def draw(centre: Points, radius: float) -> tuple[str, Alpha]:
        name = str(rng.choice(_SHAPES))
        alpha = raster(SHAPES[name](rng), centre, radius, size)
        return name, np.where(alpha > 127, np.uint8(255), np.uint8(0))

    arrangement.fill(rng, int(rng.integers(2, 5)), draw)
    layers, looks = [], []
    pairs = 4 + rng.permutation(COLORS - 4).reshape(-1, 2)
    for number, thing in enumerate(arrangement.placed, 1):
        look, indices = _colored(rng, thing.alpha, pairs[number - 1])
        rgba = np.dstack([palette[indices], thing.alpha])
        rgba[thing.alpha == 0] = 0
        layers.append(SceneLayer(f"{thing.shape}-{number}", enlarged(rgba, factor)))
        looks.append({"shape": thing.shape, "look": look, "radius": thing.radius})
    parameters = {
        "factor": factor,
        "native": {"w": width, "h": height},
        "palette": ["#" + bytes(color).hex() for color in palette.tolist()],
        "background": kind,
        "objects": looks,
    }
    background = enlarged(palette[ground], factor)
    return LayeredScene("pixel", seed, background, tuple(layers), parameters)


def random_palette(rng: Generator) -> Rgb:
    """Pick sixteen colours (16, 3) that can be told apart, the first of them nearly black."""
    colors: Colors = rng.integers(0, 30, (1, 3)).astype(np.float32)
    while len(colors) < COLORS:
        colors = np.vstack([colors, contrasting(rng, colors)])
    return to_uint8(colors)


def pixel_ground(rng: Generator, size: Size) -> tuple[str, _Indices]:
    """Draw a solid ground, a checkered one, or bands with dithered rows between them."""
    kind = str(rng.choice(["solid", "checker", "bands"]))
    y, x = np.indices(size)
    if kind == "solid":
        return kind, np.full(size, 1)
    if kind == "checker":
        cell = int(rng.integers(2, 17))
        return kind, 1 + (y // cell + x // cell) % 2
    height = int(rng.integers(12, 33))
    rows = int(rng.integers(1, 5))
    is_dithered = y % height >= height - rows
    return kind, 1 + (y // height + (is_dithered & ((x + y) % 2 == 0))) % 3


def enlarged(array: NDArray[np.uint8], factor: int) -> NDArray[np.uint8]:
    """Repeat every pixel of an array (H, W, …) as a square of `factor` × `factor`."""
    return np.repeat(np.repeat(array, factor, 0), factor, 1)


def _colored(rng: Generator, alpha: Alpha, pair: _Indices) -> tuple[str, _Indices]:
    """Wear two colours of the palette inside an outline of one pixel."""
    y, x = np.indices(alpha.shape)
    look = str(rng.choice(["shaded", "banded", "dithered"]))
    if look == "shaded":
        # Where the shape, moved towards the light, does not reach.
        reach = max(2, int(np.sqrt(np.count_nonzero(alpha)) / 5))
        lit = np.zeros_like(alpha)
        lit[:-reach, :-reach] = alpha[reach:, reach:]
        is_second = lit == 0
    elif look == "banded":
        is_second = y // int(rng.integers(2, 6)) % 2 == 1
    else:
        middle = np.flatnonzero(alpha.any(1)).mean() if alpha.any() else 0
        is_second = (y > middle) & (((x + y) % 2 == 0) | (y > middle + 4))
    indices = np.where(is_second, pair[1], pair[0])
    is_outline = (alpha > 0) & (cv2.erode(alpha, _CROSS) == 0)
    return look, np.where(is_outline, 0, indices)
