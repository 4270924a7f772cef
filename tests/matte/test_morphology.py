"""Mattes, against slow and obvious versions and by what must always hold."""

from collections import deque

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from birefcli.image.types import Matte
from birefcli.matte.morphology import (
    bounding_box,
    fill_holes,
    grow,
    harden,
    invert,
    is_empty,
    levels,
    pad_box,
    remove_specks,
    shrink,
)

quick = settings(max_examples=40, deadline=None)
shapes = st.tuples(st.integers(1, 9), st.integers(1, 9))
mattes = arrays(np.float32, shapes, elements=st.sampled_from([0, 0.25, 0.5, 0.75, 1.0]))
binary = arrays(np.float32, shapes, elements=st.sampled_from([0.0, 1.0]))

FOUR = ((0, 1), (1, 0), (0, -1), (-1, 0))
EIGHT = (*FOUR, (1, 1), (1, -1), (-1, 1), (-1, -1))


def drawn(*rows: str) -> Matte:
    """Read a matte from a drawing: '.' is 0, '#' is 1, digits are tenths."""
    levels_of = {".": 0, "#": 10}
    return np.array([[levels_of.get(c, c) for c in row] for row in rows], np.float32) / 10


def regions(mask: np.ndarray, steps: tuple[tuple[int, int], ...]) -> list[set[tuple[int, int]]]:
    """Connected regions of a mask, by walking."""
    left = {(int(y), int(x)) for y, x in np.argwhere(mask)}
    found = []
    while left:
        queue = deque([left.pop()])
        region = set(queue)
        while queue:
            y, x = queue.popleft()
            for dy, dx in steps:
                if (y + dy, x + dx) in left:
                    left.remove((y + dy, x + dx))
                    region.add((y + dy, x + dx))
                    queue.append((y + dy, x + dx))
        found.append(region)
    return found


def slow_morphology(matte: Matte, px: int, choose: type[max]) -> Matte:  # type: ignore[valid-type]
    height, width = matte.shape
    result = np.empty_like(matte)
    for y in range(height):
        for x in range(width):
            result[y, x] = choose(
                matte[j, i]
                for j in range(height)
                for i in range(width)
                if (j - y) ** 2 + (i - x) ** 2 <= px**2
            )
    return result


# Size and levels


def test_levels_snap_the_ends_and_stretch_between() -> None:
    m = np.array([[0, 0.02, 0.5, 0.98, 1, 0.26]], np.float32)
    np.testing.assert_allclose(levels(m, 0.02, 0.98), [[0, 0, 0.5, 1, 1, 0.25]], atol=1e-6)
    assert levels(m, 0.02, 0.98)[0, [1, 3]].tolist() == [0, 1]


@quick
@given(mattes, st.floats(0, 0.49), st.floats(0.51, 1))
def test_levels_keep_order_and_range(m: Matte, low: float, high: float) -> None:
    result = levels(m, low, high)
    order = np.argsort(m, axis=None)
    assert (np.diff(result.ravel()[order]) >= 0).all()
    assert result.dtype == np.float32 and result.min() >= 0 and result.max() <= 1


@pytest.mark.parametrize(("low", "high"), [(0.5, 0.5), (0.8, 0.2)])
def test_levels_want_low_below_high(low: float, high: float) -> None:
    with pytest.raises(ValueError, match="below"):
        levels(np.zeros((1, 1), np.float32), low, high)


@quick
@given(mattes, st.sampled_from([0.25, 0.5, 0.6, 1.0]))
def test_harden_decides_once_and_for_all(m: Matte, threshold: float) -> None:
    hard = harden(m, threshold)
    assert hard.dtype == np.float32
    np.testing.assert_array_equal(hard, [[float(v >= threshold) for v in row] for row in m])
    np.testing.assert_array_equal(harden(hard, threshold), hard)


@quick
@given(mattes)
def test_invert_twice_changes_nothing(m: Matte) -> None:
    assert invert(m).dtype == np.float32
    np.testing.assert_array_equal(invert(m) + m, np.ones_like(m))
    np.testing.assert_array_equal(invert(invert(m)), m)


# Growing and shrinking


@quick
@given(mattes, st.integers(0, 4))
def test_grow_and_shrink_equal_the_slow_versions(m: Matte, px: int) -> None:
    np.testing.assert_array_equal(grow(m, px), slow_morphology(m, px, max))
    np.testing.assert_array_equal(shrink(m, px), slow_morphology(m, px, min))


@quick
@given(mattes, st.integers(0, 4))
def test_growing_never_shrinks_and_more_grows_more(m: Matte, px: int) -> None:
    assert (grow(m, px) >= m).all() and (grow(m, px + 1) >= grow(m, px)).all()
    assert (shrink(m, px) <= m).all() and (shrink(m, px + 1) <= shrink(m, px)).all()


@quick
@given(mattes, st.integers(0, 4))
def test_shrinking_what_grew_loses_nothing(m: Matte, px: int) -> None:
    assert (shrink(grow(m, px), px) >= m).all()
    assert (grow(shrink(m, px), px) <= m).all()


@quick
@given(mattes, st.integers(0, 4))
def test_growing_the_foreground_is_shrinking_the_background(m: Matte, px: int) -> None:
    np.testing.assert_array_equal(grow(m, px), invert(shrink(invert(m), px)))


def test_a_full_matte_does_not_shrink_from_the_border() -> None:
    full = np.ones((5, 7), np.float32)
    np.testing.assert_array_equal(shrink(full, 3), full)


def test_a_dot_grows_to_a_disk() -> None:
    dot = np.zeros((7, 7), np.float32)
    dot[3, 3] = 0.7
    y, x = np.indices(dot.shape) - 3
    expected = np.where(np.hypot(y, x) <= 2, np.float32(0.7), np.float32(0))
    np.testing.assert_array_equal(grow(dot, 2), expected)


@pytest.mark.parametrize("change", [grow, shrink])
def test_a_negative_distance_is_refused(change: object) -> None:
    with pytest.raises(ValueError, match="negative"):
        change(np.zeros((2, 2), np.float32), -1)  # type: ignore[operator]


# Holes and specks


@quick
@given(binary)
def test_fill_holes_equals_a_walk_from_the_border(m: Matte) -> None:
    height, width = m.shape
    expected = m.copy()
    for region in regions(m == 0, FOUR):
        if all(0 < y < height - 1 and 0 < x < width - 1 for y, x in region):
            for y, x in region:
                expected[y, x] = 1
    np.testing.assert_array_equal(fill_holes(m), expected)


@quick
@given(mattes)
def test_fill_holes_only_adds_and_is_done_after_once(m: Matte) -> None:
    filled = fill_holes(m)
    assert filled.dtype == np.float32 and (filled >= m).all()
    np.testing.assert_array_equal(fill_holes(filled), filled)


def test_a_hole_is_filled_with_its_soft_rim_and_the_outer_edge_stays_soft() -> None:
    m = drawn(
        ".........",
        ".7777777.",
        ".7#####7.",
        ".7#888#7.",
        ".7#828#7.",
        ".7#888#7.",
        ".7#####7.",
        ".7777777.",
        ".........",
    )
    expected = m.copy()
    expected[2:7, 2:7] = 1
    np.testing.assert_array_equal(fill_holes(m), expected)


def test_a_bay_that_reaches_the_border_is_no_hole() -> None:
    m = drawn("#.#", "#.#", "###")
    np.testing.assert_array_equal(fill_holes(m), m)


def test_a_diagonal_outline_encloses() -> None:
    assert fill_holes(drawn(".#.", "#.#", ".#."))[1, 1] == 1


@quick
@given(binary, st.integers(0, 6))
def test_remove_specks_equals_a_walk(m: Matte, min_area: int) -> None:
    expected = m.copy()
    for region in regions(m == 1, EIGHT):
        if len(region) < min_area:
            for y, x in region:
                expected[y, x] = 0
    np.testing.assert_array_equal(remove_specks(m, min_area), expected)


@quick
@given(mattes, st.integers(0, 6))
def test_remove_specks_only_clears_whole_pixels(m: Matte, min_area: int) -> None:
    cleaned = remove_specks(m, min_area)
    assert cleaned.dtype == np.float32
    assert ((cleaned == m) | (cleaned == 0)).all()
    np.testing.assert_array_equal(remove_specks(cleaned, min_area), cleaned)
    for region in regions(m > 0.5, EIGHT):
        kept = {bool(cleaned[y, x] > 0) for y, x in region}
        assert kept == {len(region) >= min_area}


def test_a_speck_goes_with_its_halo_and_its_neighbour_keeps_its_own() -> None:
    m = drawn(
        "........33....",
        ".###3..3###...",
        ".###33333#3...",
        ".###3..333....",
        "..............",
        "........33....",
    )
    cleaned = remove_specks(m, 5)
    np.testing.assert_array_equal(cleaned[:, :6], m[:, :6])
    assert not cleaned[:, 7:].any()


def test_a_faint_patch_apart_is_a_speck_and_a_faint_fringe_is_not() -> None:
    m = drawn("##4..4", "##4..4", "###...")
    np.testing.assert_array_equal(remove_specks(m, 2), drawn("##4...", "##4...", "###..."))
    np.testing.assert_array_equal(remove_specks(m, 0), m)


def test_a_speck_takes_nothing_from_a_neighbour_it_does_not_touch() -> None:
    # The fringe of the left body is nearer to the speck, but not joined to it.
    m = drawn("####333333.#")
    assert remove_specks(m, 2)[0].tolist() == drawn("####333333..")[0].tolist()


@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
def test_even_mattes_survive_the_cleaning(value: float) -> None:
    m = np.full((6, 6), value, np.float32)
    np.testing.assert_array_equal(fill_holes(m), m)
    np.testing.assert_array_equal(remove_specks(m, 0), m)


# Boxes and emptiness


@quick
@given(mattes, st.sampled_from([0.0, 0.3, 0.5, 1.0]))
def test_the_box_holds_everything_and_no_more(m: Matte, threshold: float) -> None:
    box = bounding_box(m, threshold)
    points = np.argwhere(m > threshold)
    if box is None:
        assert not len(points)
    else:
        (top, left), (bottom, right) = points.min(axis=0), points.max(axis=0) + 1
        assert box == (left, top, right, bottom)
        assert all(type(side) is int for side in box)


def test_a_padded_box_stays_inside_the_picture() -> None:
    assert pad_box((4, 3, 6, 5), 2, (20, 30)) == (2, 1, 8, 7)
    assert pad_box((1, 0, 29, 20), 5, (20, 30)) == (0, 0, 30, 20)


@pytest.mark.parametrize(
    ("height", "width", "pixels", "expected"),
    [
        (8, 8, 12, False),
        (8, 8, 2, False),
        (8, 8, 1, True),
        (1, 1, 1, False),
        (1, 1, 0, True),
        (16, 16, 5, True),
        (16, 16, 6, False),
        (100, 100, 15, True),
        (100, 100, 16, False),
        (1000, 1000, 499, True),
        (1000, 1000, 500, False),
    ],
)
def test_empty_goes_by_count_and_share(
    height: int, width: int, pixels: int, expected: bool
) -> None:
    m = np.full((height, width), 0.5, np.float32)
    m.ravel()[:pixels] = 0.6
    assert is_empty(m) is expected


@pytest.mark.parametrize(
    "change",
    [
        lambda m: levels(m, 0.1, 0.9),
        lambda m: harden(m, 0.5),
        invert,
        lambda m: grow(m, 0),
        lambda m: shrink(m, 0),
        fill_holes,
        lambda m: remove_specks(m, 0),
    ],
)
def test_the_given_matte_is_left_alone(change: object) -> None:
    m = np.full((4, 4), 0.75, np.float32)
    result = change(m)  # type: ignore[operator]
    assert not np.shares_memory(result, m)
    assert (m == 0.75).all()


def test_halo_that_a_speck_alone_held_goes_with_it() -> None:
    """Removing specks once or twice is the same, also where halos of two meet."""
    rng = np.random.default_rng(0)
    for _ in range(300):
        m = rng.choice(np.array([0, 0.25, 0.5, 0.75, 1], np.float32), (9, 9))
        cleaned = remove_specks(m, 5)
        np.testing.assert_array_equal(remove_specks(cleaned, 5), cleaned)
