"""Scenes as people make them to show things: sheets, product shots, graphics with text."""

import cv2
import numpy as np
from numpy.random import Generator

from birefcli.image import Matte, Rgb, Rgba, rescale, to_uint8
from birefcli.matte import Size, over
from birefcli.scenes import grounds
from birefcli.scenes.composition import Supply, photo_cutout, trim
from birefcli.scenes.drawn_objects import text_line, thin_thing
from birefcli.scenes.scene import Scene, fit

STUDIO = 0.5  # of the product shots stand before white, the others before another light field


def display_scene(rng: Generator, size: Size, supply: Supply) -> Scene:
    """Draw a sheet, a product shot, a graphic, or something thin; everything laid on is object."""
    way = rng.random()
    if way < 0.2:
        return sheet_scene(rng, size, supply)
    if way < 0.55:
        return product_scene(rng, size, supply)
    if way < 0.75:
        return graphic_scene(rng, size, supply)
    return thin_scene(rng, size, supply)


def sheet_scene(rng: Generator, size: Size, supply: Supply) -> Scene:
    """Lay many sprites in rows and columns on one plain, checkered or graded ground."""
    rows, columns = (int(n) for n in rng.integers(2, 6, 2))
    is_pixel = rng.random() < 0.6
    draw = supply.pixel_sprite if is_pixel else supply.smooth_sprite
    kinds = [draw(rng) for _ in range(1 if rng.random() < 0.3 else rows * columns)]
    cell = max(12, size[0] // rows), max(12, size[1] // columns)
    canvas = np.zeros((rows * cell[0], columns * cell[1], 4), np.uint8)
    for place in range(rows * columns):
        room = [max(4, int(side * rng.uniform(0.6, 0.95))) for side in cell]
        sprite = _fitted(kinds[place % len(kinds)], (room[0], room[1]), is_pixel=is_pixel)
        top = place // columns * cell[0] + (cell[0] - sprite.shape[0]) // 2
        left = place % columns * cell[1] + (cell[1] - sprite.shape[1]) // 2
        canvas[top : top + sprite.shape[0], left : left + sprite.shape[1]] = sprite
    whole = canvas.shape[:2]
    plain = grounds.checker if rng.random() < 0.2 else grounds.gradient
    ground = (
        grounds.flat(whole, grounds.random_color(rng)) if rng.random() < 0.7 else plain(rng, whole)
    )
    return fit(_laid(ground, canvas), size)


def product_scene(rng: Generator, size: Size, supply: Supply) -> Scene:
    """Stand things on a light field with a soft shadow at their feet, as shops photograph them."""
    field = _studio(rng, size)
    count = int(rng.choice([1, 2, 3, 5], p=[0.55, 0.2, 0.15, 0.1]))
    canvas = np.zeros((*size, 4), np.uint8)
    width = size[1] // count
    for place in range(count):
        thing = photo_cutout(rng, supply) if rng.random() < 0.7 else supply.smooth_sprite(rng)
        share = rng.uniform(0.45, 0.98)
        thing = _fitted(thing, (max(8, int(size[0] * share)), max(8, int(width * share))))
        top = int(rng.integers(0, size[0] - thing.shape[0] + 1))
        left = place * width + int(rng.integers(0, width - thing.shape[1] + 1))
        layer = np.zeros_like(canvas)
        layer[top : top + thing.shape[0], left : left + thing.shape[1]] = thing
        if rng.random() < 0.75:
            field = _with_foot_shadow(rng, field, layer[..., 3])
        canvas = _stacked(canvas, layer)
    return _laid(field, canvas)


def graphic_scene(rng: Generator, size: Size, supply: Supply) -> Scene:
    """Lay lines of text, drawings and shapes on one plain or graded field."""
    is_flat = rng.random() < 0.7
    field = (
        grounds.flat(size, grounds.random_color(rng)) if is_flat else grounds.gradient(rng, size)
    )
    canvas = np.zeros((*size, 4), np.uint8)
    for _ in range(int(rng.integers(1, 5))):
        way = rng.random()
        if way < 0.5:
            height = max(10, int(size[0] * rng.uniform(0.06, 0.3)))
            thing = text_line(rng, height, unlike=field.mean((0, 1)))
            room = min(thing.shape[0], int(size[0] * 0.9)), min(thing.shape[1], size[1])
        else:
            thing = supply.smooth_sprite(rng)
            room = int(size[0] * rng.uniform(0.2, 0.8)), int(size[1] * rng.uniform(0.2, 0.8))
        thing = _fitted(thing, room)
        top = int(rng.integers(0, max(1, size[0] - thing.shape[0] + 1)))
        left = int(rng.integers(0, max(1, size[1] - thing.shape[1] + 1)))
        layer = np.zeros_like(canvas)
        layer[top : top + thing.shape[0], left : left + thing.shape[1]] = thing
        canvas = _stacked(canvas, layer)
    return _laid(field, canvas)


def thin_scene(rng: Generator, size: Size, supply: Supply) -> Scene:
    """Lay something thin, or with many holes, on a ground of any kind."""
    side = int(min(size) * rng.uniform(0.5, 1))

    def material(shape: Size) -> Rgb:
        if rng.random() < 0.5:
            return grounds.gradient(rng, shape)
        return grounds.smooth_ground(rng, shape, supply)

    thing = trim(thin_thing(rng, max(32, side), material))
    canvas = np.zeros((*size, 4), np.uint8)
    top = int(rng.integers(0, size[0] - thing.shape[0] + 1))
    left = int(rng.integers(0, size[1] - thing.shape[1] + 1))
    canvas[top : top + thing.shape[0], left : left + thing.shape[1]] = thing
    return _laid(grounds.smooth_ground(rng, size, supply), canvas)


def _fitted(thing: Rgba, room: Size, *, is_pixel: bool = False) -> Rgba:
    """Scale a thing to fit a room, pixel art by whole factors."""
    scale = min(room[0] / thing.shape[0], room[1] / thing.shape[1])
    if is_pixel and scale >= 1:
        whole = int(scale)
        return np.repeat(np.repeat(thing, whole, 0), whole, 1)
    h, w = (max(1, min(r, round(n * scale))) for n, r in zip(thing.shape, room, strict=False))
    return rescale(thing, (h, w))


def _stacked(under: Rgba, layer: Rgba) -> Rgba:
    """Lay one transparent picture over another."""
    upper = layer[..., 3:].astype(np.float32) / 255
    lower = under[..., 3:].astype(np.float32) / 255 * (1 - upper)
    alpha = upper + lower
    rgb = layer[..., :3] * upper + under[..., :3] * lower
    return to_uint8(np.dstack([rgb / np.maximum(alpha, 1e-3), alpha * 255]))


def _laid(ground: Rgb, canvas: Rgba) -> Scene:
    matte: Matte = canvas[..., 3].astype(np.float32) / np.float32(255)
    return Scene(over(canvas[..., :3], matte, ground), matte)


def _studio(rng: Generator, size: Size) -> Rgb:
    """Draw a light field: even, or darker towards the floor or the corners."""
    light = (
        np.full(3, 255.0) if rng.random() < STUDIO else rng.uniform(170, 250) + rng.normal(0, 6, 3)
    )
    ys, xs = np.mgrid[0 : size[0], 0 : size[1]].astype(np.float32)
    ys, xs = ys / size[0] - 0.5, xs / size[1] - 0.5
    fall = rng.uniform(0, 45) * np.clip(ys * 2, 0, 1) + rng.uniform(0, 60) * (ys**2 + xs**2)
    noise = rng.normal(0, rng.uniform(0, 3), (*size, 1))
    return to_uint8(light - (fall[..., None] if rng.random() < 0.6 else 0) + noise)


def _with_foot_shadow(rng: Generator, field: Rgb, alpha: np.ndarray) -> Rgb:
    """Darken a field softly under a thing and to one side of it; the shadow is not object."""
    h, w = alpha.shape
    ys, xs = np.nonzero(alpha > 127)
    if len(ys) == 0:
        return field
    spot = np.zeros((h, w), np.float32)
    half = max(2, int(xs.max() - xs.min()) // 2)
    tall = max(1, int(half * rng.uniform(0.05, 0.35)))
    shift = int(rng.normal(0, half * 0.2))
    cv2.ellipse(spot, (int(xs.min()) + half + shift, int(ys.max())), (half, tall), 0, 0, 360, 1, -1)
    spot = np.asarray(cv2.GaussianBlur(spot, (0, 0), max(1.0, tall * rng.uniform(0.4, 1.5))))
    return to_uint8(field * (1 - spot[..., None] * rng.uniform(0.15, 0.75)))
