"""Behind what is taken off: outlines go on, and both colours of a soft pixel are found."""

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from birefcli.image.types import Matte
from birefcli.inpaint.membrane import Membrane
from birefcli.peel.instances.instance import extend_labels, label_map
from birefcli.peel.lift.colors import ColorPair, project_onto_picture, solve_colors
from birefcli.peel.lift.completion import complete_labels
from birefcli.scenes.suites.layered import composed
from birefcli.scenes.suites.texture import texture_scene


def overlap(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    return float((one & other).sum() / (one | other).sum())


def disk(size: tuple[int, int], centre: tuple[int, int], radius: int) -> NDArray[np.bool_]:
    image = np.zeros(size, np.uint8)
    cv2.circle(image, centre, radius, 1, -1)
    return image > 0


def test_an_outline_goes_on_behind_what_covered_it() -> None:
    whole = disk((120, 140), (60, 60), 40)
    for hole in (disk((120, 140), (95, 60), 30), disk((120, 140), (60, 95), 25)):
        labels = np.where(whole & ~hole, 3, 0).astype(np.int32)
        found = complete_labels(labels, hole) == 3
        nearest = extend_labels(labels, hole) == 3
        assert overlap(found, whole) > 0.95
        assert overlap(found, whole) > overlap(nearest, whole)


def test_a_straight_edge_goes_on_straight() -> None:
    whole = np.zeros((100, 100), bool)
    whole[:, :40] = True
    hole = disk((100, 100), (40, 50), 25)
    labels = np.where(whole & ~hole, 1, 0).astype(np.int32)
    assert overlap(complete_labels(labels, hole) == 1, whole) > 0.98


def test_nothing_outside_a_hole_is_touched() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, (30, 40)).astype(np.int32)
    hole = rng.random((30, 40)) < 0.4
    found = complete_labels(labels, hole)
    assert np.array_equal(found[~hole], labels[~hole])
    assert set(np.unique(found)) <= {0, 1, 2, 3}


def test_any_hole_has_an_answer() -> None:
    labels = np.ones((9, 7), np.int32)
    assert not complete_labels(labels, np.ones((9, 7), bool)).any()
    assert np.array_equal(complete_labels(labels, np.zeros((9, 7), bool)), labels)
    assert np.array_equal(label_map([], (3, 2)), np.zeros((3, 2)))


def test_colours_are_solved_far_better_than_by_unblending_from_a_fill() -> None:
    solved, unblended = [], []
    for seed in range(20_000, 20_006):
        scene = texture_scene(np.random.default_rng(seed), seed, 128)
        picture, top = composed(scene), scene.layers[-1]
        under = composed(replace(scene, layers=scene.layers[:-1]))
        matte, true = top.matte, top.rgba[..., :3].astype(np.float32)
        soft = (matte > 0.05) & (matte < 0.95)
        colors = project_onto_picture(picture, matte, solve_colors(picture, matte))
        solved.append(np.abs(colors.foreground - true)[soft].mean())
        assert np.abs(colors.backdrop - under)[soft].mean() < 12
        fill = Membrane()(picture, matte > 0.005).astype(np.float32)
        share = matte[..., None][soft]
        own = (picture[soft] - (1 - share) * fill[soft]) / share
        unblended.append(np.abs(np.clip(own, 0, 255) - true[soft]).mean())
    assert np.mean(solved) < 0.6 * np.mean(unblended)


def test_projected_colours_mix_to_what_is_seen() -> None:
    rng = np.random.default_rng(0)
    matte: Matte = rng.uniform(0, 1, 500).astype(np.float32)
    true = rng.uniform(60, 200, (2, 500, 3)).astype(np.float32)
    seen = matte[:, None] * true[0] + (1 - matte[:, None]) * true[1]
    picture = np.rint(seen).astype(np.uint8)
    noise = rng.normal(0, 20, (2, 500, 3)).astype(np.float32)
    colors = project_onto_picture(picture, matte, ColorPair(true[0] + noise[0], true[1] + noise[1]))
    mixed = matte[:, None] * colors.foreground + (1 - matte[:, None]) * colors.backdrop
    assert np.abs(mixed - picture).max() < 0.5


def test_a_gap_between_a_thing_and_its_cover_does_not_tear_it() -> None:
    y, x = np.mgrid[:200, :260]
    disc = np.hypot(y - 100, x - 90) < 60
    cover = np.hypot(y - 100, x - 170) < 56
    # The cover's mask is a pixel too small on its left, so that ground shows between both.
    labels = np.where(disc & ~(np.hypot(y - 100, x - 170) < 57), 1, 0).astype(np.int32)
    found = complete_labels(labels, cover) == 1
    both = cover & disc
    assert (found & both).sum() > 0.95 * both.sum()
    assert (found & cover & ~disc).sum() < 0.5 * both.sum()
