"""The suite of flat graphics: shapes of one or two colours on plain and patterned grounds."""

import numpy as np
from numpy.random import Generator

from birefcli.image import Alpha, Rgb
from birefcli.matte import Size
from birefcli.scenes.suites import materials
from birefcli.scenes.suites.layered import LayeredScene, SceneLayer, paint
from birefcli.scenes.suites.materials import Colors, contrasting
from birefcli.scenes.suites.placement import Arrangement, Draw
from birefcli.scenes.suites.shapes import SHAPES, Points, raster

SIDE = 512
JPEG_SHARE, JPEG_QUALITY = 0.2, 85


def flat_scene(rng: Generator, seed: int, side: int | None = None) -> LayeredScene:
    """Draw two to six flat shapes."""
    size = (side or SIDE, side or SIDE)
    kind, background, taken = flat_ground(rng, size)
    arrangement = Arrangement(size)
    arrangement.fill(rng, int(rng.integers(2, 7)), any_shape(rng, size, tuple(SHAPES)))
    layers, looks = [], []
    for number, thing in enumerate(arrangement.placed, 1):
        look, layer, taken = flat_layer(rng, f"{thing.shape}-{number}", thing.alpha, taken)
        layers.append(layer)
        looks.append({"shape": thing.shape, "look": look, "radius": thing.radius})
    jpeg = JPEG_QUALITY if rng.random() < JPEG_SHARE else None
    parameters = {"background": kind, "objects": looks}
    return LayeredScene("flat", seed, background, tuple(layers), parameters, jpeg)


def any_shape(rng: Generator, size: Size, names: tuple[str, ...]) -> Draw:
    """Draw one of the named shapes."""

    def draw(centre: Points, radius: float) -> tuple[str, Alpha]:
        name = str(rng.choice(names))
        return name, raster(SHAPES[name](rng), centre, radius, size)

    return draw


def flat_ground(rng: Generator, size: Size) -> tuple[str, Rgb, Colors]:
    """Draw a solid, graded, striped or checkered ground (H, W, 3); give its kind and colours."""
    nothing = np.empty((0, 3), np.float32)
    first = contrasting(rng, nothing)
    second = contrasting(rng, first[None])
    colors = np.stack([first, second])
    kind = str(
        rng.choice(["solid", "gradient", "stripes", "checker"], p=[2 / 6, 2 / 6, 1 / 6, 1 / 6])
    )
    width = rng.uniform(0.02, 0.1) * min(size)
    if kind == "solid":
        ground = materials.plain(first)
    elif kind == "gradient":
        ground = materials.graded(rng, colors)
    elif kind == "stripes":
        ground = materials.striped(rng, colors, max(2.0, width))
    else:
        ground = materials.checkered(colors, max(2, round(width)))
    background = ground(size)
    return kind, background, materials.sampled(background)


def flat_layer(
    rng: Generator, name: str, alpha: Alpha, taken: Colors
) -> tuple[str, SceneLayer, Colors]:
    """Paint a shape (H, W) in one or two colours that stand out; give how, and all colours."""
    size = (alpha.shape[0], alpha.shape[1])
    first = contrasting(rng, taken)
    taken = np.vstack([taken, first])
    if rng.random() < 0.6:
        return "plain", paint(name, alpha, materials.plain(first)), taken
    second = contrasting(rng, taken)
    look, colors = materials.two_toned(rng, first, second, size)
    return look, paint(name, alpha, colors), np.vstack([taken, second])
