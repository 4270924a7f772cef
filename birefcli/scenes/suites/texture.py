"""The suite of textures: blobs of grown noise on grown noise, with sharp and blurred edges."""

import cv2
import numpy as np
from numpy.random import Generator

from birefcli.image import Alpha
from birefcli.scenes.suites.flat import any_shape
from birefcli.scenes.suites.layered import LayeredScene, paint
from birefcli.scenes.suites.materials import textured
from birefcli.scenes.suites.placement import Arrangement
from birefcli.scenes.suites.shapes import Points

SIDE = 512
MOST = 5  # blobs


def texture_scene(rng: Generator, seed: int, side: int | None = None) -> LayeredScene:
    """Draw two to five textured blobs."""
    size = (side or SIDE, side or SIDE)
    scale = size[0] / SIDE
    background = textured(rng, scale)(size)
    blurs = [float(rng.uniform(0.8, 3)) if rng.random() < 0.5 else 0.0 for _ in range(MOST)]
    arrangement = Arrangement(size)
    blob = any_shape(rng, size, ("blob",))

    def draw(centre: Points, radius: float) -> tuple[str, Alpha]:
        name, alpha = blob(centre, radius)
        return name, blurred(alpha, blurs[len(arrangement.placed)] * scale)

    arrangement.fill(rng, int(rng.integers(2, MOST + 1)), draw)
    layers, looks = [], []
    for number, thing in enumerate(arrangement.placed, 1):
        layers.append(paint(f"blob-{number}", thing.alpha, textured(rng, scale)))
        looks.append({"blur": blurs[number - 1], "radius": thing.radius})
    return LayeredScene("texture", seed, background, tuple(layers), {"objects": looks})


def blurred(alpha: Alpha, sigma: float) -> Alpha:
    """Soften an alpha (H, W) by a Gaussian of `sigma` pixels; 0 leaves it as it is."""
    if sigma < 0.3:
        return alpha
    return np.asarray(cv2.GaussianBlur(alpha, (0, 0), sigma), np.uint8)
