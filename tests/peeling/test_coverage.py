"""A matte is parted where one side of it is covered, and nowhere else."""

import numpy as np
import pytest

from birefcli.image.types import Matte
from birefcli.peeling.instances.coverage import split_covered

SIZE = (80, 120)


def box(left: int, top: int, right: int, bottom: int, value: float = 1) -> Matte:
    matte = np.zeros(SIZE, np.float32)
    matte[top:bottom, left:right] = value
    return matte


def union(*mattes: Matte) -> Matte:
    return np.asarray(np.max(mattes, axis=0), np.float32)


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    return float(((one > 0.5) & (other > 0.5)).sum() / ((one > 0.5) | (other > 0.5)).sum())


NEAR, FAR = box(20, 20, 60, 60), box(60, 30, 100, 70)


def test_what_is_covered_is_parted_from_what_covers_it() -> None:
    front, rest = split_covered(union(NEAR, FAR), NEAR, 20)
    assert overlap(front, NEAR) > 0.99
    assert overlap(rest, FAR) > 0.99


@pytest.mark.parametrize("front", [union(NEAR, FAR), np.zeros(SIZE, np.float32), NEAR * 0.5])
def test_a_part_that_is_all_one_or_not_plain_stays_whole(front: Matte) -> None:
    whole = union(NEAR, FAR)
    (only,) = split_covered(whole, np.asarray(front, np.float32), 20)
    assert np.array_equal(only, whole)


def test_doubt_that_fades_across_a_thing_parts_nothing() -> None:
    whole = box(10, 20, 110, 60)
    fading = whole * np.linspace(1, 0, SIZE[1], dtype=np.float32)
    assert len(split_covered(whole, fading, 20)) == 1
    stepped = np.where(np.arange(SIZE[1]) < 60, np.maximum(fading, 0.7 * whole), 0.3 * fading)
    assert len(split_covered(whole, np.asarray(stepped, np.float32), 20)) == 2


def test_strips_along_an_edge_part_nothing() -> None:
    whole = union(NEAR, FAR)
    smaller = union(box(22, 22, 60, 58), box(60, 32, 98, 68))
    assert len(split_covered(whole, smaller, 5)) == 1


def test_both_sides_share_the_matte_and_lose_nothing_of_it() -> None:
    soft = np.clip(union(NEAR, FAR) + box(10, 10, 110, 78, 0.3), 0, 1)
    sides = split_covered(np.asarray(soft, np.float32), NEAR, 20)
    assert len(sides) == 2
    assert np.array_equal(sides[0] + sides[1], soft)


def test_a_large_picture_is_parted_as_its_small_copy_is() -> None:
    large = [np.kron(m, np.ones((24, 24), np.float32)) for m in (union(NEAR, FAR), NEAR, FAR)]
    front, rest = split_covered(large[0], large[1], 20)
    assert overlap(front, large[1]) > 0.99
    assert overlap(rest, large[2]) > 0.99
    assert np.array_equal(front + rest, large[0])
