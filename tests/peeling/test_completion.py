"""Behind what is taken off, outlines go on."""

import cv2
import numpy as np
from numpy.typing import NDArray

from birefcli.peeling.geometry import extend_labels
from birefcli.peeling.instances.instance import label_map
from birefcli.peeling.lift.completion import complete_labels


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
