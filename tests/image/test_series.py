"""Numbered files are found as the frames of series, and nothing else is."""

import random
from pathlib import Path

import pytest

from birefcli.image.series import find_series


def paths(*names: str) -> list[Path]:
    return [Path("art", name) for name in names]


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("walk_{:02}.png", "walk"),
        ("walk-{}.png", "walk"),
        ("frame ({}).png", "frame"),
        ("{:04}.webp", "art"),
        ("hero2_run{}.PNG", "hero2_run"),
        ("run.{}.left.png", "run.left"),
        ("walk_{:02}_64x64.png", "walk_64x64"),
    ],
)
def test_numbered_files_are_a_series_in_the_order_of_their_numbers(pattern: str, name: str) -> None:
    ordered = paths(*(pattern.format(i) for i in range(12)))
    mixed = random.Random(1).sample(ordered, len(ordered))
    (series,) = find_series(mixed)
    assert series.frames == tuple(ordered)
    assert series.numbers == tuple(range(12))
    assert series.name == name
    assert series.missing == ()


def test_several_series_and_single_pictures() -> None:
    walk = paths("walk_0.png", "walk_1.png", "walk_2.png")
    jump = paths("jump_1.png", "jump_2.png", "jump_3.png", "jump_4.png")
    other = [Path("more", path.name) for path in walk]
    alone = paths("tree.png", "rock_1.png", "rock_2.png", "walk_3.webp")
    found = find_series([*alone, *jump, *walk, *other])
    assert [series.frames for series in found] == [tuple(jump), tuple(walk), tuple(other)]


def test_missing_frames_are_named() -> None:
    (series,) = find_series(paths("a1.png", "a2.png", "a5.png", "a6.png", "a8.png"))
    assert series.missing == (3, 4, 7)
    (tens,) = find_series(paths("a0.png", "a10.png", "a20.png"))
    assert tens.missing == ()


@pytest.mark.parametrize(
    "names",
    [
        ("a1.png", "a2.png"),
        ("a1.png", "a9.png", "a40.png"),
        ("shot_20240101.png", "shot_20240613.png", "shot_20241105.png"),
        ("size_64.png", "size_128.png", "size_192.png"),
        ("a.png", "b.png", "c.png"),
        ("a1.png", "b2.png", "c3.png"),
    ],
)
def test_too_few_or_too_far_apart_is_no_series(names: tuple[str, ...]) -> None:
    assert find_series(paths(*names)) == []


def test_the_last_number_counts_and_the_one_before_only_if_that_is_none() -> None:
    grid = paths(*(f"hero{h}_walk{i}.png" for h in (1, 2, 3) for i in range(4)))
    found = find_series(grid)
    assert [series.name for series in found] == ["hero1_walk", "hero2_walk", "hero3_walk"]
    assert [len(series.frames) for series in found] == [4, 4, 4]


def test_the_same_number_written_in_two_ways_is_two_series() -> None:
    names = [f"walk_{i}.png" for i in range(4)] + [f"walk_{i:02}.png" for i in range(4)]
    found = find_series(paths(*names))
    assert [[path.name for path in series.frames] for series in found] == [names[:4], names[4:]]


def test_a_file_named_twice_is_one_frame() -> None:
    walk = paths("w0.png", "w1.png", "w2.png")
    (series,) = find_series([*walk, *walk])
    assert series.frames == tuple(walk)
    assert find_series([]) == []
