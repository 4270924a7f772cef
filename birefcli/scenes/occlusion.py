"""Scenes that teach what is in front: things over one another, and what their removal leaves."""

import cv2
import numpy as np
from numpy.random import Generator

from birefcli.image import Alpha, Rgb, Rgba, rescale, to_uint8
from birefcli.matte import Size
from birefcli.scenes import grounds
from birefcli.scenes.composition import Supply, photo_cutout
from birefcli.scenes.scene import Scene, fit, photo_scene
from birefcli.scenes.suites.draw import FIRST_TRAINING_SEED, draw_suite
from birefcli.scenes.suites.layered import (
    LayeredScene,
    SceneLayer,
    peeled,
    picture,
    top_matte,
    uncovered,
)
from birefcli.scenes.suites.sprites import sprite_scene
from birefcli.settings import Suite

# How often each kind of scene is drawn; the rest are a seeded suite's.
OF_PIXEL_ART = 0.14
OF_CUTOUTS = 0.24
OF_PHOTOS = 0.10
OVERLAPPING = 0.85  # of the scenes with several things
DEEPER = 0.35  # of the scenes, from which what is in front is taken off and filled


def top_scene(rng: Generator, size: Size, supply: Supply) -> Scene:
    """Draw a scene of `size` whose truth is everything that nothing covers."""
    way = rng.random()
    if way < OF_PHOTOS:
        layered = _on_photo(rng, size, supply)
    elif way < OF_PHOTOS + OF_PIXEL_ART:
        layered = _of_sprites(rng, size, supply, is_pixel=True)
    elif way < OF_PHOTOS + OF_PIXEL_ART + OF_CUTOUTS:
        layered = _of_sprites(rng, size, supply, is_pixel=False)
    else:
        suites = list(Suite)
        suite = suites[int(rng.choice(len(suites), p=[0.26, 0.12, 0.28, 0.24, 0.10]))]
        seed = int(rng.integers(FIRST_TRAINING_SEED, 2**31))
        layered = draw_suite(suite, seed, min(size))
    if rng.random() < DEEPER and uncovered(layered):
        scene = without_front(rng, layered)
    else:
        scene = Scene(picture(layered), top_matte(layered))
    return fit(scene, size)


def without_front(rng: Generator, scene: LayeredScene) -> Scene:
    """Take off what is in front and fill the hole badly, as a peel leaves it for its next pass.

    Nobody can say what of the rest should be found inside the fill, so there the truth is unknown.
    """
    rest = peeled(scene)
    reach = int(rng.integers(1, 5))
    brush = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    hole = to_uint8(cv2.dilate((top_matte(scene) > 0.005).astype(np.uint8), brush))
    left = picture(scene)
    filled = picture(rest) if rng.random() < 0.4 else _smeared(rng, left, hole)
    rgb = np.where(hole[..., None] > 0, filled, left)
    return Scene(rgb, top_matte(rest), (1 - hole).astype(np.float32))


def _smeared(rng: Generator, rgb: Rgb, hole: Alpha) -> Rgb:
    """Fill a hole (H, W) of ones from its rim, as cheap inpainting does."""
    h, w = hole.shape
    small = (max(8, h // 2), max(8, w // 2))
    how = cv2.INPAINT_NS if rng.random() < 0.5 else cv2.INPAINT_TELEA
    mask = rescale(hole, small, cv2.INTER_NEAREST)
    filled = cv2.inpaint(rescale(rgb, small), mask, 3, how)
    return rescale(np.asarray(filled, np.uint8), (h, w), cv2.INTER_LINEAR)


def _of_sprites(rng: Generator, size: Size, supply: Supply, *, is_pixel: bool) -> LayeredScene:
    """Lay one to four sprites over a ground, most of them over one another."""
    count = int(rng.choice([1, 2, 3, 4], p=[0.12, 0.44, 0.3, 0.14]))
    if is_pixel:
        sprites = [supply.pixel_sprite(rng) for _ in range(count)]
        scale = int(rng.choice([1, 2, 3, 4], p=[0.2, 0.3, 0.3, 0.2]))
        small = max(24, size[0] // scale), max(24, size[1] // scale)
        ground = grounds.pixel_ground(rng, small, supply)
    else:
        sprites = [_smooth(rng, supply) for _ in range(count)]
        ground = grounds.smooth_ground(rng, size, supply)
    named = [(str(number), sprite) for number, sprite in enumerate(sprites)]
    return sprite_scene(rng, size, named, ground, is_pixel=is_pixel, overlap=OVERLAPPING)


def _smooth(rng: Generator, supply: Supply) -> Rgba:
    return photo_cutout(rng, supply) if rng.random() < 0.3 else supply.smooth_sprite(rng)


def _on_photo(rng: Generator, size: Size, supply: Supply) -> LayeredScene:
    """Lay a thing over the object of a photograph, or beside it."""
    photo = photo_scene(rng, size, supply.photo(rng))
    alpha = np.rint(photo.matte * 255).astype(np.uint8)
    layers = [SceneLayer("photographed", np.dstack([photo.rgb, alpha]))]
    if rng.random() < 0.75:
        sprite = _smooth(rng, supply)
        empty = np.zeros((*size, 3), np.uint8)
        placed = sprite_scene(rng, size, [("laid", sprite)], empty, is_pixel=False, overlap=0)
        layers += placed.layers
    return LayeredScene("photo", 0, photo.rgb, tuple(layers), {})
