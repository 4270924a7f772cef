"""Alpha of a series holds still where its pictures do, and all frames have one box."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from birefcli.matte.flicker import series_frame, steady


def flicker(alphas: list, frames: list, *, is_loop: bool = False) -> int:
    """Count the pixels that change in alpha and not in the picture."""
    pairs = list(zip(alphas, frames, strict=True))
    following = [*pairs[1:], pairs[0]] if is_loop else pairs[1:]
    return sum(
        int(((a != b) & (f == g).all(axis=2)).sum())
        for (a, f), (b, g) in zip(pairs, following, strict=False)
    )


def slow(alphas: list, frames: list) -> np.ndarray:
    """Do the same pixel by pixel, without a loop."""
    result = np.array(alphas)
    for y, x in np.ndindex(result.shape[1:]):
        begin = 0
        for end in range(1, len(frames) + 1):
            if end == len(frames) or (frames[end][y, x] != frames[begin][y, x]).any():
                run = sorted(result[begin:end, y, x])
                result[begin:end, y, x] = run[len(run) // 2]
                begin = end
    return result


def series(seed: int, count: int = 7, colors: int = 2) -> tuple[list, list]:
    rng = np.random.default_rng(seed)
    frames = rng.integers(0, colors, (count, 6, 5, 1)).repeat(3, axis=3).astype(np.uint8)
    alphas = rng.choice(np.array([0, 255, 90], np.uint8), (count, 6, 5))
    return list(alphas), list(frames)


@given(st.integers(0, 10_000), st.integers(1, 9))
@settings(max_examples=40, deadline=None)
def test_it_is_the_median_of_every_run_of_equal_pixels(seed: int, count: int) -> None:
    alphas, frames = series(seed, count)
    assert np.array_equal(steady(alphas, frames), slow(alphas, frames))


@given(st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_nothing_flickers_and_a_second_time_changes_nothing(seed: int) -> None:
    for is_loop in (False, True):
        alphas, frames = series(seed)
        once = steady(alphas, frames, is_loop=is_loop)
        assert flicker(once, frames, is_loop=is_loop) == 0
        assert np.array_equal(steady(once, frames, is_loop=is_loop), once)


def test_the_majority_decides_and_a_tie_goes_to_the_object() -> None:
    frames = [np.zeros((1, 2, 3), np.uint8)] * 4
    votes = [[(0, 255)], [(0, 255)], [(255, 0)], [(0, 0)]]
    alphas = [np.array(vote, np.uint8) for vote in votes]
    assert [a.tolist() for a in steady(alphas, frames)] == [[[0, 255]]] * 4


def test_a_pixel_that_changes_keeps_its_alpha() -> None:
    frames = [np.full((1, 1, 3), i, np.uint8) for i in range(5)]
    alphas = [np.full((1, 1), i * 40, np.uint8) for i in range(5)]
    assert np.array_equal(steady(alphas, frames), alphas)


def test_in_a_loop_the_last_frame_goes_on_in_the_first() -> None:
    frames = [np.full((1, 1, 3), v, np.uint8) for v in (7, 9, 7, 7)]
    alphas = [np.full((1, 1), v, np.uint8) for v in (0, 0, 255, 255)]
    assert [int(a[0, 0]) for a in steady(alphas, frames)] == [0, 0, 255, 255]
    assert [int(a[0, 0]) for a in steady(alphas, frames, is_loop=True)] == [255, 0, 255, 255]


def test_what_comes_in_stays_as_it_is_and_mattes_stay_mattes() -> None:
    alphas, frames = series(3)
    mattes = [(a / np.float32(255)).astype(np.float32) for a in alphas]
    kept = [m.copy() for m in mattes]
    result = steady(mattes, frames)
    assert result[0].dtype == np.float32
    assert np.array_equal(mattes, kept)
    with pytest.raises(ValueError, match="alphas for"):
        steady(alphas[1:], frames)


def test_one_box_and_one_pivot_hold_every_frame() -> None:
    alphas = [np.zeros((40, 60), np.uint8) for _ in range(3)]
    alphas[0][10:30, 20:31] = 255
    alphas[1][12:33, 22:35] = 255
    alphas[2][0, 0] = 9  # a haze
    frame = series_frame(alphas, threshold=12)
    assert frame is not None
    assert (frame.box, frame.pivot) == ((20, 10, 35, 33), (27.5, 33.0))
    wider = series_frame(alphas, threshold=12, margin=11)
    assert wider is not None
    assert (wider.box, wider.pivot) == ((9, 0, 46, 40), frame.pivot)
    everything = series_frame(alphas)
    assert everything is not None
    assert everything.box[:2] == (0, 0)
    assert series_frame(alphas, threshold=255) is None
