"""Scenes of somebody's own sprites: over their grounds or drawn ones, overlapping as they may."""

from collections.abc import Sequence

import numpy as np
from numpy.random import Generator

from birefcli.image import Rgb, Rgba, looks_hard, rescale, to_uint8
from birefcli.matte import Size
from birefcli.scenes import grounds
from birefcli.scenes.suites.layered import LayeredScene, SceneLayer
from birefcli.scenes.suites.pixel import enlarged
from birefcli.scenes.suites.placement import TRIES, Arrangement, PlacedObject

_FLIPPED = 0.5
_OVER_THE_FRAME = 0.2  # of the sprites, which may hang over it by a third
_KEPT = 0.4  # of the smallest sprite stays visible


def is_pixel_art(sprite: Rgba) -> bool:
    """Whether a sprite (H, W, 4) is small, of few colours, and has no soft edge."""
    alpha = sprite[..., 3]
    return bool(((alpha == 0) | (alpha == 255)).all()) and looks_hard(
        np.where(alpha[..., None] > 0, sprite[..., :3], np.uint8(0))
    )


def sprite_scene(
    rng: Generator,
    size: Size,
    sprites: Sequence[tuple[str, Rgba]],
    ground: Rgb | None,
    *,
    is_pixel: bool,
    overlap: float,
) -> LayeredScene:
    """Lay named sprites (H, W, 4) over a window of a ground, or over a drawn one.

    Pixel art stays on one grid: all of a scene is enlarged by one whole factor. In a share
    `overlap` of the scenes with several sprites, some overlap; in the others none do.
    """
    share = rng.uniform(0.25, 0.9) / len(sprites) ** 0.4
    if is_pixel:
        longest = max(max(sprite.shape[:2]) for _, sprite in sprites)
        factor = max(1, int(min(size) * share / longest))
        canvas = (-(-size[0] // factor), -(-size[1] // factor))
        fitted = [(name, _on_grid(rng, sprite, canvas)) for name, sprite in sprites]
    else:
        factor, canvas = 1, size
        fitted = [(name, _smooth(rng, sprite, canvas, share)) for name, sprite in sprites]
    background = _background(rng, canvas, ground, is_pixel=is_pixel)
    layers = _placed(rng, canvas, fitted, overlap)
    large = [SceneLayer(layer.name, _cut(layer.rgba, factor, size)) for layer in layers]
    parameters = {"factor": factor, "pixel_art": is_pixel}
    return LayeredScene("sprites", 0, _cut(background, factor, size), tuple(large), parameters)


def _on_grid(rng: Generator, sprite: Rgba, canvas: Size) -> Rgba:
    """Flip pixel art; what is larger than the canvas keeps every second pixel, or every third…"""
    every = max(1, *(-(-n // room) for n, room in zip(sprite.shape[:2], canvas, strict=True)))
    sprite = sprite[::every, ::every]
    return sprite[:, ::-1] if rng.random() < _FLIPPED else sprite


def _smooth(rng: Generator, sprite: Rgba, canvas: Size, share: float) -> Rgba:
    """Flip a sprite, and scale it to a share of the canvas."""
    scale = min(canvas[0] / sprite.shape[0], canvas[1] / sprite.shape[1]) * share
    size = (max(2, round(sprite.shape[0] * scale)), max(2, round(sprite.shape[1] * scale)))
    # Colour under transparent pixels must not bleed in: scale it premultiplied.
    alpha = sprite[..., 3:].astype(np.float32)
    plane = rescale(np.dstack([sprite[..., :3] * (alpha / 255), alpha]).astype(np.float32), size)
    rgb = plane[..., :3] * 255 / np.maximum(plane[..., 3:], 1e-3)
    scaled = to_uint8(np.dstack([rgb, plane[..., 3:]]))
    return scaled[:, ::-1] if rng.random() < _FLIPPED else scaled


def _background(rng: Generator, canvas: Size, ground: Rgb | None, *, is_pixel: bool) -> Rgb:
    """Cut a window out of a ground, or draw a flat, graded, patterned or noisy one."""
    if ground is not None:
        return grounds.crop_to(rng, ground, canvas, nearest=is_pixel)
    way = rng.random()
    if way < 0.35:
        return grounds.flat(canvas, grounds.random_color(rng))
    draw = (grounds.gradient, grounds.checker, grounds.stripes, grounds.texture)
    return draw[int(rng.integers(len(draw)))](rng, canvas)


def _placed(
    rng: Generator, canvas: Size, sprites: Sequence[tuple[str, Rgba]], overlap: float
) -> list[SceneLayer]:
    """Find every sprite a place, bottom up; one that finds none is left out."""
    smallest = min(float(sprite[..., 3].sum()) / 255 for _, sprite in sprites)
    arrangement = Arrangement(canvas, _KEPT * smallest / (canvas[0] * canvas[1]))
    overlapping = rng.random() < overlap
    layers: list[SceneLayer] = []
    for name, sprite in sprites:
        for _ in range(TRIES):
            rgba = _at(rng, sprite, canvas)
            thing = PlacedObject(name, np.zeros(2), 0, np.ascontiguousarray(rgba[..., 3]))
            must = overlapping and len(layers) == 1
            if arrangement.offer(thing, must_overlap=must, may_overlap=overlapping):
                layers.append(SceneLayer(name, rgba))
                break
    return layers


def _at(rng: Generator, sprite: Rgba, canvas: Size) -> Rgba:
    """Put a sprite somewhere on an empty canvas (H, W, 4)."""
    slack = 0.33 if rng.random() < _OVER_THE_FRAME else 0.0
    corner = []
    for length, room in zip(sprite.shape[:2], canvas, strict=True):
        over = int(slack * length)
        low, high = min(0, room - length) - over, max(0, room - length) + over
        corner.append(int(rng.integers(low, high + 1)))
    top, left = corner
    placed = np.zeros((*canvas, 4), np.uint8)
    y0, x0 = max(top, 0), max(left, 0)
    part = sprite[y0 - top : canvas[0] - top, x0 - left : canvas[1] - left]
    placed[y0 : y0 + part.shape[0], x0 : x0 + part.shape[1]] = part
    placed[placed[..., 3] == 0] = 0
    return placed


def _cut(array: Rgb, factor: int, size: Size) -> Rgb:
    """Enlarge a picture and cut it to the size that was asked for."""
    return np.ascontiguousarray(enlarged(array, factor)[: size[0], : size[1]])
