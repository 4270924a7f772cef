"""Scenes of what is in front: the truth is what nothing covers, also after a pass of peeling."""

import numpy as np
import pytest
from numpy.random import default_rng

from birefcli.scenes.occlusion import top_scene, without_front
from birefcli.scenes.samples import SampleShares, draw_sample
from birefcli.scenes.scene import Scene
from birefcli.scenes.suites.draw import FIRST_TRAINING_SEED, draw_suite
from birefcli.scenes.suites.layered import LayeredScene, SceneLayer, picture, top_matte
from birefcli.settings.synth import Suite
from birefcli.settings.train import Target
from tests.scenes.test_composition import SIZE, SUPPLY


def stacked() -> LayeredScene:
    """A red square with a green one over its corner, on grey."""
    layers = []
    for name, at, color in (("red", 10, (250, 0, 0)), ("green", 30, (0, 250, 0))):
        rgba = np.zeros((80, 80, 4), np.uint8)
        rgba[at : at + 30, at : at + 30] = (*color, 255)
        layers.append(SceneLayer(name, rgba))
    background = np.full((80, 80, 3), 128, np.uint8)
    return LayeredScene("own", 0, background, tuple(layers), {})


@pytest.mark.parametrize("seed", range(40))
def test_every_scene_has_the_size_asked_for_and_a_truth_between_0_and_1(seed):
    scene = top_scene(default_rng(seed), SIZE, SUPPLY)
    assert scene.rgb.shape == (*SIZE, 3) and scene.rgb.dtype == np.uint8
    assert scene.matte.shape == SIZE
    assert scene.matte.min() >= 0 and scene.matte.max() <= 1 + 1e-6


def test_the_same_seed_gives_the_same_scene():
    for seed in range(6):
        first, second = (top_scene(default_rng(seed), SIZE, SUPPLY) for _ in range(2))
        assert np.array_equal(first.rgb, second.rgb)
        assert np.array_equal(first.matte, second.matte)


def test_what_is_covered_is_not_in_the_truth_until_its_cover_is_gone():
    scene = stacked()
    assert top_matte(scene)[35, 35] == 1 and top_matte(scene)[15, 15] == 0
    left: list[Scene] = [without_front(default_rng(seed), scene) for seed in range(8)]
    for rest in left:
        assert rest.matte[15, 15] == 1 and rest.matte[50, 50] == 0
        # The cover is gone from the picture, and nobody has to guess what lies in its hole.
        assert not np.any((rest.rgb[..., 1] > 240) & (rest.rgb[..., 0] < 10))
        assert rest.known is not None and rest.known[45, 45] == 0 and rest.known[15, 15] == 1
        assert np.array_equal(rest.rgb[rest.known > 0], picture(scene)[rest.known > 0])


def test_the_last_pass_leaves_nothing_to_find():
    rest = without_front(default_rng(0), draw_suite(Suite.HARD, FIRST_TRAINING_SEED, 96))
    assert rest.matte.max() <= 1
    bare = stacked()
    alone = LayeredScene("own", 0, bare.background, bare.layers[:1], {})
    assert without_front(default_rng(0), alone).matte.max() == 0


def test_the_top_target_replaces_every_sample_that_is_not_empty():
    mixture = SampleShares(empty=0.0, target=Target.TOP)
    for seed in range(4):
        rng = default_rng(seed)
        rng.random()
        expected = top_scene(rng, SIZE, SUPPLY)
        drawn = draw_sample(default_rng(seed), SIZE, SUPPLY, mixture)
        assert np.array_equal(drawn.matte, expected.matte)
