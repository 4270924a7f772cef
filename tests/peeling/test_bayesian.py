"""An edge is where the picture has it, and nowhere else than the matte said where it has none."""

import cv2
import numpy as np
import pytest
from disk_scenes import SIZE, away, coarse, disk, scene, textured

from birefcli.peeling.alpha.bayesian import bayesian_matte


@pytest.mark.parametrize("radius", [32, 35, 38])
def test_a_coarse_matte_finds_the_edge_of_the_picture(radius: int) -> None:
    truth = disk(35, 0.7)
    matte = coarse(disk(radius))
    assert away(bayesian_matte(scene(truth), matte), truth) < 0.4 * away(matte, truth)


def test_a_true_edge_stays_where_it_is() -> None:
    truth = disk(35, 0.7)
    solved = bayesian_matte(scene(truth), truth)
    assert away(solved, truth) < 0.02 * truth.sum()


def test_a_matte_is_believed_where_both_sides_look_alike() -> None:
    matte = coarse(disk())
    solved = bayesian_matte(textured((120, 120, 120), 3), matte)
    assert np.mean((solved > 0.5) == (matte > 0.5)) > 0.98


def test_a_colour_of_neither_side_does_not_move_the_edge() -> None:
    truth = disk(35)
    picture = scene(truth)
    outline = (truth > 0) & ~(cv2.erode(truth, np.ones((7, 7), np.uint8)) > 0)
    picture[outline] = (20, 20, 240)
    assert away(bayesian_matte(picture, truth), truth) < 0.03 * truth.sum()


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_matte_without_an_outline_stays(value: float) -> None:
    matte = np.full(SIZE, value, np.float32)
    assert np.array_equal(bayesian_matte(textured((9, 9, 9), 4), matte), matte)


def test_what_a_network_left_open_inside_a_thing_is_closed() -> None:
    truth = disk(35)
    matte = np.where(disk(12) > 0, np.float32(0.7), truth)
    assert bayesian_matte(scene(truth), matte)[60, 70] == 1


@pytest.mark.parametrize("size", [(1, 1), (8, 8), (1, 40), (600, 5)])
def test_pictures_of_any_shape_keep_a_matte(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(6)
    picture, matte = rng.integers(0, 256, (*size, 3), np.uint8), rng.random(size, np.float32)
    solved = bayesian_matte(picture, matte)
    assert solved.shape == size and solved.dtype == np.float32
    assert solved.min() >= 0 and solved.max() <= 1
