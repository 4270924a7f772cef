"""Things on a sheet are told apart, with their fragments, and the cells of a sheet are found."""

import numpy as np
import pytest

from birefcli.errors import UsageError
from birefcli.matte.sheet import cells, find_things
from birefcli.matte.sheet_cells import find_lattice


def scattered(boxes: list[tuple[int, int, int, int]], size: tuple[int, int]) -> np.ndarray:
    alpha = np.zeros(size, np.uint8)
    for left, top, right, bottom in boxes:
        alpha[top:bottom, left:right] = 255
    return alpha


def regular(
    columns: int, rows: int, cell: tuple[int, int], *, spacing: int = 0, seed: int = 0
) -> tuple[np.ndarray, list[tuple[int, int, int, int]]]:
    """Blocks of any size anywhere in their cells, some with a spark; and the box of each."""
    rng = np.random.default_rng(seed)
    width, height = cell
    step_x, step_y = width + spacing, height + spacing
    alpha = np.zeros((rows * step_y - spacing, columns * step_x - spacing), np.uint8)
    boxes = []
    for i in range(rows * columns):
        x, y = i % columns * step_x, i // columns * step_y
        w, h = rng.integers(width // 2, width - 5), rng.integers(height // 2, height - 4)
        left, top = x + rng.integers(0, width - w - 4), y + rng.integers(0, height - h)
        alpha[top : top + h, left : left + w] = 255
        right = left + w
        if i % 3 == 0:
            alpha[top, right + 3] = 200
            right += 4
        boxes.append((int(left), int(top), int(right), int(top + h)))
    return alpha, boxes


@pytest.mark.parametrize(
    ("columns", "rows", "cell"), [(4, 3, (32, 32)), (8, 2, (24, 40)), (7, 6, (35, 35))]
)
@pytest.mark.parametrize("spacing", [0, 1, 2])
def test_things_of_a_regular_sheet_in_reading_order(
    columns: int, rows: int, cell: tuple[int, int], spacing: int
) -> None:
    alpha, boxes = regular(columns, rows, cell, spacing=spacing)
    lattice = find_lattice(alpha > 0)
    assert lattice is not None
    assert (lattice.columns, lattice.rows, lattice.spacing) == (columns, rows, (spacing,) * 2)
    assert [thing.box for thing in find_things(alpha)] == boxes
    found = cells(alpha.shape, "auto", alpha)
    assert len(found) == columns * rows
    assert {(r - x, b - y) for x, y, r, b in found} == {cell}


def test_neighbours_that_touch_over_a_line_are_parted() -> None:
    alpha, _ = regular(6, 4, (30, 30), seed=1)
    alpha[10:14, 20:40] = 255  # from the first cell into the second
    things = find_things(alpha)
    assert len(things) == 24
    assert things[0].box[2] == 30
    assert things[1].box[0] == 30


def test_the_mask_is_the_thing_alone_and_the_pivot_is_under_its_middle() -> None:
    alpha = scattered(
        [(2, 3, 12, 19), (30, 5, 45, 20), (3, 40, 14, 58), (40, 33, 61, 47)], (61, 71)
    )
    alpha[3:5, 2:6] = 0
    thing = find_things(alpha)[0]
    assert thing.box == (2, 3, 12, 19)
    assert thing.mask.shape == (16, 10)
    assert not thing.mask[0, 0]
    assert thing.area == 160 - 8
    assert thing.pivot == (7.0, 19.0)


FOUR = [(2, 4, 22, 30), (40, 2, 62, 28), (85, 6, 101, 29), (10, 50, 37, 71), (60, 47, 81, 70)]


def test_fragments_belong_to_the_nearest_thing() -> None:
    sparks = [(24, 5, 26, 7), (8, 1, 12, 2), (79, 44, 81, 46)]
    found = [thing.box for thing in find_things(scattered([*FOUR, *sparks], (75, 107)))]
    assert found == [(2, 1, 26, 30), *FOUR[1:4], (60, 44, 81, 70)]


def test_a_spark_between_two_things_does_not_join_them() -> None:
    between = scattered([*FOUR, (27, 10, 31, 13)], (75, 107))
    found = [thing.box for thing in find_things(between)]
    assert found == [(2, 4, 31, 30), *FOUR[1:]]


def test_a_thing_that_stays_far_from_others_is_no_fragment_however_small() -> None:
    coin = (92, 55, 97, 60)
    found = [thing.box for thing in find_things(scattered([*FOUR, coin], (75, 107)))]
    assert found == [*FOUR, coin]


def test_two_halves_that_are_close_are_one_thing() -> None:
    wings = [(2, 4, 11, 30), (14, 4, 23, 30)]
    found = [thing.box for thing in find_things(scattered([*wings, *FOUR[1:]], (75, 107)))]
    assert found == [(2, 4, 23, 30), *FOUR[1:]]


def test_dust_is_left_out_unless_it_is_asked_for() -> None:
    dusty = scattered([*FOUR, (105, 73, 106, 74)], (75, 107))
    assert len(find_things(dusty)) == len(FOUR)
    assert len(find_things(dusty, min_area=1)) == len(FOUR) + 1
    assert len(find_things(scattered(FOUR, (75, 107)), min_area=500)) == 3


def test_a_distance_that_is_named_counts() -> None:
    alpha = scattered(FOUR, (75, 107))
    assert len(find_things(alpha, merge_distance=17)) == 5
    # 18 empty columns lie between the first two.
    assert len(find_things(alpha, merge_distance=18)) < 5
    assert len(find_things(alpha, merge_distance=1000)) == 1


def test_diagonal_pixels_hang_together() -> None:
    alpha = np.eye(20, dtype=np.uint8) * 255
    assert [thing.box for thing in find_things(alpha)] == [(0, 0, 20, 20)]


def test_one_thing_of_four_joined_parts_is_not_parted() -> None:
    alpha = scattered(
        [(1, 1, 29, 29), (31, 1, 59, 29), (1, 31, 29, 59), (31, 31, 59, 59)], (60, 60)
    )
    alpha[15], alpha[:, 15] = 255, 255
    alpha[45] = 255
    assert len(find_things(alpha)) == 1


def test_nothing_has_no_things_and_one_thing_is_one() -> None:
    assert find_things(np.zeros((9, 9), np.uint8)) == []
    assert [t.box for t in find_things(np.full((9, 9), 1, np.uint8))] == [(0, 0, 9, 9)]
    sprite = scattered([(10, 10, 30, 40), (32, 12, 34, 14)], (60, 60))
    assert [t.box for t in find_things(sprite)] == [(10, 10, 34, 40)]


def test_rows_are_read_from_the_top_though_things_stand_at_several_heights() -> None:
    rows = [
        [(0, 9, 20, 30), (30, 0, 50, 33), (61, 15, 70, 31)],
        [(3, 46, 12, 60), (29, 40, 64, 66)],
    ]
    flat = [box for row in rows for box in row]
    assert [t.box for t in find_things(scattered(flat, (67, 73)))] == flat


# The cells that a user names


EMPTY = np.zeros((128, 256), np.uint8)


@pytest.mark.parametrize(
    ("spec", "count", "cell"),
    [
        ("8x4", 32, (32, 32)),
        ("32x32", 32, (32, 32)),
        ("32X16", 64, (32, 16)),
        ("8x8px", 512, (8, 8)),
        ("32x16cells", 512, (8, 8)),
        ("16x1", 16, (16, 128)),
    ],
)
def test_columns_and_rows_or_pixels(spec: str, count: int, cell: tuple[int, int]) -> None:
    found = cells(EMPTY.shape, spec, EMPTY)
    assert len(found) == count
    assert {(r - x, b - y) for x, y, r, b in found} == {cell}
    assert found == sorted(found, key=lambda box: (box[1], box[0]))


def test_a_sheet_that_does_not_divide_is_covered_once() -> None:
    found = cells((100, 101), "7x3", EMPTY[:100, :101])
    covered = np.zeros((100, 101), int)
    for left, top, right, bottom in found:
        covered[top:bottom, left:right] += 1
    assert (covered == 1).all()


def test_a_rest_of_a_sheet_is_a_cell_only_if_it_shows_something() -> None:
    alpha = np.zeros((70, 100), np.uint8)
    assert len(cells(alpha.shape, "32x32", alpha)) == 6
    alpha[66, 98] = 9
    assert cells(alpha.shape, "32x32", alpha)[-1] == (96, 64, 100, 70)


@pytest.mark.parametrize("spec", ["", "8", "0x4", "axb", "300x16", "16x200px", "-8x4"])
def test_what_is_no_sheet_is_refused(spec: str) -> None:
    with pytest.raises(UsageError, match=r"sheet"):
        cells(EMPTY.shape, spec, EMPTY)


def test_without_a_regular_grid_the_gaps_part() -> None:
    alpha = scattered([(0, 0, 10, 10), (20, 0, 53, 10), (5, 30, 30, 61)], (61, 53))
    assert cells(alpha.shape, "auto", alpha) == [
        *((0, 0, 15, 20), (15, 0, 53, 20), (0, 20, 53, 61)),
    ]
    assert cells((9, 9), "auto", np.full((9, 9), 255, np.uint8)) == [(0, 0, 9, 9)]
