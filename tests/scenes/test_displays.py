"""Scenes as people show things: everything laid on is object, shadows are not, and seeds repeat."""

import numpy as np
import pytest
from numpy.random import Generator, default_rng

from birefcli.image.types import Rgb, Rgba
from birefcli.scenes import displays
from birefcli.scenes import drawn_objects as things
from birefcli.scenes.scene import Photo

SIZE = 96, 128


class Drawn:
    """Parts of one plain colour each."""

    def photo(self, rng: Generator) -> Photo:
        mask = np.zeros((60, 60), np.uint8)
        mask[10:50, 20:40] = 255
        rgb = np.full((60, 60, 3), 90, np.uint8)
        rgb[mask > 0] = (200, 40, 40)
        return Photo(rgb, mask)

    def pixel_sprite(self, rng: Generator) -> Rgba:
        return np.full((8, 6, 4), (250, 20, 20, 255), np.uint8)

    def smooth_sprite(self, rng: Generator) -> Rgba:
        return np.full((40, 30, 4), (20, 250, 20, 255), np.uint8)

    def photo_ground(self, rng: Generator) -> Rgb:
        return np.full((200, 200, 3), 128, np.uint8)

    game_ground = tile = photo_ground

    def layer(self, rng: Generator) -> Rgba:
        return np.zeros((20, 20, 4), np.uint8)


SCENES = [
    displays.sheet_scene,
    displays.product_scene,
    displays.graphic_scene,
    displays.thin_scene,
    displays.display_scene,
]


@pytest.mark.parametrize("draw", SCENES)
def test_a_scene_has_its_size_and_something_on_it(draw) -> None:
    for seed in range(5):
        scene = draw(default_rng(seed), SIZE, Drawn())
        assert scene.rgb.shape == (*SIZE, 3) and scene.rgb.dtype == np.uint8
        assert scene.matte.shape == SIZE and scene.matte.dtype == np.float32
        assert 0 <= scene.matte.min() < 0.01 and 0.5 < scene.matte.max() <= 1


@pytest.mark.parametrize("draw", SCENES)
def test_the_same_seed_draws_the_same_scene(draw) -> None:
    first, second = (draw(default_rng(7), SIZE, Drawn()) for _ in range(2))
    assert (first.rgb == second.rgb).all() and (first.matte == second.matte).all()


def test_a_sheet_keeps_every_sprite() -> None:
    import cv2

    for seed in range(5):
        scene = displays.sheet_scene(default_rng(seed), SIZE, Drawn())
        rng = default_rng(seed)
        rows, columns = (int(n) for n in rng.integers(2, 6, 2))
        count, _ = cv2.connectedComponents((scene.matte > 0.5).astype(np.uint8))
        assert count - 1 == rows * columns


def test_a_shadow_is_no_object() -> None:
    for seed in range(20):
        scene = displays.product_scene(default_rng(seed), SIZE, Drawn())
        # The things are of strong colours, the field and its shadows of none.
        is_field = np.ptp(scene.rgb.astype(int), axis=-1) < 40
        assert scene.matte[is_field].max() < 0.5


def test_text_can_be_read_before_its_ground() -> None:
    ground = np.array([255.0, 0.0, 255.0])
    for seed in range(30):
        line = things.text_line(default_rng(seed), 24, unlike=ground)
        assert (line[..., 3] > 127).any()
        assert np.abs(line[0, 0, :3] - ground).max() >= things.LEAST_CONTRAST - 1


def test_thin_things_are_thin() -> None:
    def grey(shape: tuple[int, int]) -> Rgb:
        return np.full((*shape, 3), 77, np.uint8)

    for seed in range(30):
        thing = things.thin_thing(default_rng(seed), 80, grey)
        assert thing.shape == (80, 80, 4)
        assert 0.005 < (thing[..., 3] > 127).mean() < 0.6
