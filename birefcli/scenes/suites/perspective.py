"""The suite of staged scenes: things standing on a ground below a sky, at depths of their own."""

import cv2
import numpy as np
from numpy.random import Generator

from birefcli.image import Alpha, Rgb, to_uint8
from birefcli.matte import Size
from birefcli.scenes.suites import materials, placement
from birefcli.scenes.suites.layered import LayeredScene, Paint, SceneLayer, alpha_box, paint
from birefcli.scenes.suites.placement import Arrangement, PlacedObject
from birefcli.scenes.suites.shapes import SHAPES, Points, raster
from birefcli.scenes.suites.texture import blurred

HEIGHT, WIDTH = 480, 640
SHADOWS, MULTICOLORED = 0.3, 0.3

_SHAPES = ("blob", "ellipse", "rectangle", "polygon", "figure")
_BLUR = 2.2  # pixels of the full size, at the far end


def perspective_scene(rng: Generator, seed: int, side: int | None = None) -> LayeredScene:
    """Draw two to five things whose size, foot and sharpness follow a hidden depth."""
    scale = (side or HEIGHT) / HEIGHT
    size = (round(HEIGHT * scale), round(WIDTH * scale))
    horizon = rng.uniform(0.35, 0.55)
    background = stage(rng, size, scale, horizon)
    count = int(rng.integers(2, 6))
    # From far (0) to near (1), which is from the bottom up.
    depths = np.sort(rng.random(count))
    overlapping = rng.random() < placement.OVERLAPPING
    has_shadows = rng.random() < SHADOWS
    is_multicolored = rng.random() < MULTICOLORED
    arrangement = Arrangement(size)
    layers: list[SceneLayer] = []
    looks = []
    for depth in depths:
        must_overlap = overlapping and len(arrangement.placed) == 1
        thing = _stand(rng, arrangement, float(depth), horizon, scale, must_overlap)
        if thing is None:
            continue
        name = f"{thing.shape}-{len(arrangement.placed)}"
        if has_shadows:
            shadow = _shadow(rng, thing.alpha)
            black = materials.plain(np.zeros(3, np.float32))
            owner = len(layers) + 2  # the object comes right after its shadow
            layers.append(paint(f"shadow-of-{name}", shadow, black, of=owner))
        layers.append(paint(name, thing.alpha, _body(rng, scale, is_multicolored)))
        looks.append({"shape": thing.shape, "depth": float(depth), "radius": thing.radius})
    parameters = {"horizon": horizon, "multicolored": is_multicolored, "objects": looks}
    return LayeredScene("scene", seed, background, tuple(layers), parameters)


def stage(rng: Generator, size: Size, scale: float, horizon: float) -> Rgb:
    """Draw a sky down to the horizon, a share of the height, and a plane below it: (H, W, 3)."""
    height, width = size
    edge = round(horizon * height)
    above = materials.textured(rng, scale * 2.5, rng.uniform(120, 235, 3).astype(np.float32))
    below = materials.textured(rng, scale, rng.uniform(40, 190, 3).astype(np.float32))
    sheet = below((height, width))
    # A plane seen at a slant: the row under the horizon looks far across the sheet.
    rows = np.arange(height - edge, dtype=np.float32)
    near = (rows + 1) / (height - edge)
    across = (np.arange(width, dtype=np.float32) - width / 2)[None] / (0.35 + 0.65 * near)[:, None]
    along = np.broadcast_to((height * 0.98 * near**0.5)[:, None], across.shape)
    plane = cv2.remap(
        sheet,
        np.ascontiguousarray(across + width / 2),
        np.ascontiguousarray(along),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    return np.vstack([above((edge, width)), to_uint8(plane)])


def _stand(
    rng: Generator,
    arrangement: Arrangement,
    depth: float,
    horizon: float,
    scale: float,
    must_overlap: bool,
) -> PlacedObject | None:
    """Stand a thing of a depth on the plane, where it fits among those behind it."""
    height, width = arrangement.size
    span = placement.LARGEST - placement.SMALLEST
    radius = (placement.SMALLEST + span * depth) * min(height, width)
    foot = (horizon + (0.97 - horizon) * (0.15 + 0.85 * depth)) * height
    for _ in range(placement.TRIES * 5):
        if arrangement.placed and (must_overlap or rng.random() < 0.5):
            other = arrangement.placed[int(rng.integers(len(arrangement.placed)))]
            x = other.centre[0] + rng.uniform(-1.2, 1.2) * (radius + other.radius)
            x = float(np.clip(x, placement.NEAREST * width, placement.FARTHEST * width))
        else:
            x = rng.uniform(placement.NEAREST, placement.FARTHEST) * width
        shape = str(rng.choice(_SHAPES))
        alpha = _standing(rng, shape, np.array([x, foot]), radius, arrangement.size)
        alpha = blurred(alpha, (1 - depth) * _BLUR * scale)
        thing = PlacedObject(shape, np.array([x, foot - radius]), radius, alpha)
        if arrangement.offer(thing, must_overlap=must_overlap):
            return thing
    return None


def _standing(rng: Generator, shape: str, foot: Points, radius: float, size: Size) -> Alpha:
    """Draw a shape whose lowest point is at the foot (x, y); a figure has a body and a head."""
    if shape != "figure":
        outline = SHAPES[shape](rng)
        lowest = max(ring[:, 1].max() for ring in outline)
        return raster(outline, foot - [0, lowest * radius], radius, size)
    t = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    disk = np.stack([np.cos(t), np.sin(t)], -1)
    broad, tall = rng.uniform(0.5, 0.75), rng.uniform(0.7, 0.9)
    body = raster((disk * [broad, tall],), foot - [0, tall * radius], radius, size)
    top = foot - [0, 2 * tall * radius]
    head = raster((disk * rng.uniform(0.36, 0.5),), top - [0, 0.15 * radius], radius, size)
    return np.maximum(body, head)


def _body(rng: Generator, scale: float, is_multicolored: bool) -> Paint:
    """Texture a thing, in two different ways above and below where it is multicoloured."""
    whole = materials.textured(rng, scale * 0.8)
    if not is_multicolored:
        return whole
    return materials.split(rng, whole, materials.textured(rng, scale * 0.8))


def _shadow(rng: Generator, alpha: Alpha) -> Alpha:
    """Draw the soft dark patch under a thing, up to two thirds dark."""
    left, _, right, bottom = alpha_box(alpha)
    half = max(2, (right - left) // 2)
    spot = np.zeros_like(alpha)
    strength = int(rng.integers(70, 170))
    lean = round(rng.uniform(-0.3, 0.3) * half)
    axes = (round(half * 1.05), max(2, half // 4))
    cv2.ellipse(spot, (left + half + lean, bottom - axes[1] // 2), axes, 0, 0, 360, strength, -1)
    return blurred(spot, max(1.0, half * 0.1))
