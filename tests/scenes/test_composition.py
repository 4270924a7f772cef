"""Composed scenes: the truth belongs to the picture, and the same seed gives the same scene."""

import numpy as np
import pytest
from numpy.random import Generator, default_rng

from birefcli.scenes import grounds
from birefcli.scenes.composition import (
    bare_part,
    empty_scene,
    lay,
    own_color_ground,
    pixel_scene,
    random_shape,
    smooth_scene,
    trim,
)
from birefcli.scenes.samples import SampleShares, draw_sample
from birefcli.scenes.scene import Photo, Scene, distort, fit, photo_scene


class DrawnSupply:
    """Parts drawn from the generator: red sprites, striped grounds, a photograph of a disc."""

    def _picture(self, rng: Generator, size: int) -> np.ndarray:
        return rng.integers(0, 120, (size, size, 3), dtype=np.uint8)

    def _disc(self, size: int) -> np.ndarray:
        ys, xs = np.mgrid[0:size, 0:size]
        return (np.hypot(ys - size / 2, xs - size / 2) < size * 0.4).astype(np.uint8) * 255

    def photo(self, rng):
        mask = self._disc(120)
        rgb = self._picture(rng, 120)
        rgb[mask > 0] = (250, 30, 30)
        return Photo(rgb, mask)

    def pixel_sprite(self, rng):
        return np.dstack([np.full((12, 12, 3), (250, 30, 30), np.uint8), self._disc(12)])

    def smooth_sprite(self, rng):
        return np.dstack([np.full((60, 60, 3), (250, 30, 30), np.uint8), self._disc(60)])

    def photo_ground(self, rng):
        return self._picture(rng, 200)

    def game_ground(self, rng):
        return self._picture(rng, 50)

    def tile(self, rng):
        return self._picture(rng, 8)

    def layer(self, rng):
        return np.dstack([self._picture(rng, 40), self._disc(40)])


SUPPLY = DrawnSupply()
SIZE = (96, 128)


@pytest.mark.parametrize("seed", range(60))
def test_every_sample_has_the_size_asked_for_and_a_matte_between_0_and_1(seed):
    scene = draw_sample(default_rng(seed), SIZE, SUPPLY, SampleShares())
    assert scene.rgb.shape == (*SIZE, 3) and scene.rgb.dtype == np.uint8
    assert scene.matte.shape == SIZE and scene.matte.dtype == np.float32
    assert scene.matte.min() >= 0 and scene.matte.max() <= 1


@pytest.mark.parametrize("seed", range(8))
def test_the_same_seed_gives_the_same_sample(seed):
    first, second = (draw_sample(default_rng(seed), SIZE, SUPPLY, SampleShares()) for _ in range(2))
    assert np.array_equal(first.rgb, second.rgb) and np.array_equal(first.matte, second.matte)


@pytest.mark.parametrize("maker", [pixel_scene, smooth_scene])
def test_where_the_matte_is_1_the_picture_is_an_object(maker):
    reds = []
    for seed in range(20):
        scene = maker(default_rng(seed), SIZE, SUPPLY)
        inside = scene.rgb[scene.matte > 0.999].astype(int)
        reds.append(np.mean(np.abs(inside - (250, 30, 30)).max(-1) < 20) if len(inside) else 1)
    # Tints and drawn shapes change the colour of some; most objects are the red sprite.
    assert np.mean(reds) > 0.5


@pytest.mark.parametrize("seed", range(12))
def test_an_empty_scene_has_no_object(seed):
    assert not empty_scene(default_rng(seed), SIZE, SUPPLY).matte.any()


@pytest.mark.parametrize("seed", range(12))
def test_a_shadow_darkens_the_ground_and_never_enters_the_matte(seed):
    ground = np.full((*SIZE, 3), 200, np.uint8)
    sprite = SUPPLY.smooth_sprite(None)
    plain = lay(default_rng(seed), ground, [sprite], shadow=0)
    shaded = lay(default_rng(seed), ground, [sprite], shadow=1)
    outside = shaded.matte == 0
    assert shaded.rgb[outside].min() < 200 or outside.sum() == 0
    assert np.all(plain.rgb[plain.matte == 0] == 200)
    # The sprite's own alpha is 0 or 1, at times all of it thinned: a shadow would add many values.
    assert len(np.unique(shaded.matte)) == 2


def test_a_photograph_keeps_its_mask_on_its_object():
    for seed in range(20):
        rng = default_rng(seed)
        scene = photo_scene(rng, SIZE, SUPPLY.photo(rng))
        is_red = scene.rgb[..., 0] > 185
        found = scene.matte > 0.5
        assert np.mean(is_red == found) > 0.95


def test_own_color_ground_is_close_to_the_object_or_white():
    sprite = SUPPLY.smooth_sprite(None)
    for seed in range(10):
        color = own_color_ground(default_rng(seed), SIZE, [sprite])[0, 0].astype(int)
        assert np.abs(color - (250, 30, 30)).max() < 50


@pytest.mark.parametrize("name", ["gradient", "checker", "stripes", "texture"])
def test_drawn_grounds_fill_their_size(name):
    for seed in range(5):
        made = getattr(grounds, name)(default_rng(seed), SIZE)
        assert made.shape == (*SIZE, 3) and made.dtype == np.uint8


@pytest.mark.parametrize("name", ["tiled", "scenery", "pixel_ground", "smooth_ground"])
def test_supplied_grounds_fill_their_size(name):
    for seed in range(20):
        made = getattr(grounds, name)(default_rng(seed), SIZE, SUPPLY)
        assert made.shape == (*SIZE, 3) and made.dtype == np.uint8


def test_a_ground_that_must_not_be_plain_never_is():
    for seed in range(40):
        made = grounds.pixel_ground(default_rng(seed), SIZE, SUPPLY, plain=False)
        assert len(np.unique(made.reshape(-1, 3), axis=0)) > 1


def test_trim_cuts_to_the_alpha():
    sprite = np.zeros((20, 30, 4), np.uint8)
    sprite[5:9, 10:25] = 255
    assert trim(sprite).shape == (4, 15, 4)
    assert trim(np.zeros((3, 4, 4), np.uint8)).shape == (3, 4, 4)


def test_random_shapes_are_not_empty():
    for seed in range(30):
        assert random_shape(default_rng(seed), SIZE, SUPPLY)[..., 3].max() > 60


def test_distortion_never_touches_the_truth():
    matte = default_rng(0).random(SIZE, dtype=np.float32)
    scene = Scene(np.full((*SIZE, 3), 90, np.uint8), matte)
    for seed in range(20):
        assert distort(default_rng(seed), scene, jpeg=1).matte is matte


def test_fit_keeps_the_mean_of_the_matte_when_it_shrinks():
    matte = np.zeros((80, 80), np.float32)
    matte[10:30, 20:60] = 1
    small = fit(Scene(np.zeros((80, 80, 3), np.uint8), matte), (20, 40))
    assert small.matte.mean() == pytest.approx(matte.mean(), abs=1e-5)


def test_what_a_photograph_leaves_open_is_cut_and_turned_with_it():
    # The unknown part is painted blue, so that the picture shows where it should be.
    for seed in range(30):
        rng = default_rng(seed)
        photo = SUPPLY.photo(rng)
        unknown = np.zeros_like(photo.mask)
        unknown[10:50, 60:110] = 255
        photo.rgb[unknown > 0] = (0, 0, 255)
        scene = photo_scene(rng, SIZE, Photo(photo.rgb, photo.mask, unknown))
        assert scene.known is not None and scene.known.shape == SIZE
        blue = (scene.rgb[..., 2] > 180) & (scene.rgb[..., 0] < 80)
        assert (blue != (scene.known < 0.5)).mean() < 0.01


def test_the_truth_of_a_photograph_without_open_parts_is_known_everywhere():
    scene = photo_scene(default_rng(1), SIZE, SUPPLY.photo(default_rng(1)))
    assert scene.known is not None and scene.known.min() == 1


def test_a_bare_part_of_a_photograph_never_shows_its_object():
    class Cornered(DrawnSupply):
        def photo(self, rng):
            rgb = np.full((200, 200, 3), 40, np.uint8)
            mask, unknown = np.zeros((200, 200), np.uint8), np.zeros((200, 200), np.uint8)
            mask[120:190, 110:190], unknown[:60, 150:] = 255, 255
            rgb[(mask | unknown) > 0] = 250
            return Photo(rgb, mask, unknown)

        def photo_ground(self, rng):
            return np.full((60, 60, 3), 90, np.uint8)

    for seed in range(40):
        assert bare_part(default_rng(seed), SIZE, Cornered()).max() <= 90


@pytest.mark.parametrize("size", [(24, 24), (96, 128), (200, 50)])
def test_rooms_and_lines_fill_the_size_asked_for(size):
    for seed in range(10):
        rng = default_rng(seed)
        room = grounds.room(rng, size, SUPPLY)
        assert room.shape == (*size, 3) and room.dtype == np.uint8
        before = room.copy()
        drawn = grounds.lines(rng, room)
        assert drawn.shape == room.shape and np.array_equal(room, before)


def test_lines_change_a_ground_but_leave_most_of_it_to_be_seen():
    ground = np.full((100, 100, 3), 128, np.uint8)
    drawn = [grounds.lines(default_rng(seed), ground) for seed in range(20)]
    assert sum(np.any(d != 128) for d in drawn) >= 15
    assert np.mean([np.abs(d.astype(int) - 128).mean() for d in drawn]) < 30


def grids(monkeypatch, share: float) -> list[tuple[int, int]]:
    """Compose scenes with that share on one grid; give the sizes of sprites and grounds as laid."""
    laid = []

    def watch(rng, ground, sprites, *, shadow):
        laid.extend((max(sprite.shape[:2]), min(ground.shape[:2])) for sprite in sprites)
        return lay(rng, ground, sprites, shadow=shadow)

    monkeypatch.setattr("birefcli.scenes.composition.ON_ONE_GRID", share)
    monkeypatch.setattr("birefcli.scenes.composition.lay", watch)
    for seed in range(20):
        pixel_scene(default_rng(seed), (256, 256), SUPPLY)
    return laid


def test_on_one_grid_sprites_keep_their_size_and_the_ground_has_room_for_them(monkeypatch):
    # The drawn sprites have 12 pixels; alone or in threes they stand in up to 56.
    on_one, apart = (grids(monkeypatch, share) for share in (1.0, 0.0))
    assert all(sprite == 12 and 14 <= ground <= 56 for sprite, ground in on_one)
    assert any(sprite > 12 for sprite, _ in apart)
