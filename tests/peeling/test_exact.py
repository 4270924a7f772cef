"""The exact step: whatever goes in, a layer over its bottom gives the picture."""

import numpy as np
import pytest

from birefcli.matte.foreground import over8
from birefcli.peeling.lift.exact import (
    InexactError,
    assert_exact,
    exact_foreground,
    exact_layer,
    least_alpha,
)


def test_any_picture_estimate_alpha_and_bottom_recompose_exactly() -> None:
    rng = np.random.default_rng(0)
    picture, bottom = rng.integers(0, 256, (2, 200, 200, 3)).astype(np.uint8)
    alpha = rng.integers(0, 256, (200, 200)).astype(np.uint8)
    estimate = rng.uniform(-50, 300, (200, 200, 3)).astype(np.float32)
    exact = exact_layer(picture, estimate, alpha, bottom)
    assert np.array_equal(over8(exact.rgba, exact.bottom), picture)
    assert (exact.rgba[..., 3] >= alpha).all()
    assert not exact.rgba[exact.rgba[..., 3] == 0].any()
    assert np.array_equal(exact.bottom[alpha == 0], picture[alpha == 0])


def test_the_extremes_recompose_exactly() -> None:
    ends = np.array([0, 1, 127, 128, 254, 255], np.uint8)
    c, b, a = np.meshgrid(ends, ends, ends, indexing="ij")
    picture, bottom = (np.repeat(v.reshape(1, -1, 1), 3, 2) for v in (c, b))
    exact = exact_layer(picture, np.full_like(picture, 77, np.float32), a.reshape(1, -1), bottom)
    assert np.array_equal(over8(exact.rgba, exact.bottom), picture)


def test_alpha_is_raised_to_the_least_that_works() -> None:
    rng = np.random.default_rng(1)
    picture, bottom = rng.integers(0, 256, (2, 1, 60, 3)).astype(np.uint8)
    least = least_alpha(picture, bottom)[0]
    for i in range(60):
        pixel, below = picture[:, i : i + 1], bottom[:, i : i + 1]
        works = []
        for alpha in range(256):
            low, high = (over8(np.array([[[v, v, v, alpha]]], np.uint8), below) for v in (0, 255))
            works.append(bool((low <= pixel).all() and (pixel <= high).all()))
        assert works.index(True) == least[i]
        assert all(works[least[i] :])


def test_colours_stay_as_near_to_the_estimate_as_they_can() -> None:
    rng = np.random.default_rng(2)
    bottom = rng.integers(0, 256, (1, 40, 3)).astype(np.uint8)
    alpha = rng.integers(1, 256, (1, 40)).astype(np.uint8)
    true = rng.integers(0, 256, (1, 40, 3)).astype(np.uint8)
    picture = over8(np.dstack([true, alpha]), bottom)
    wanted = rng.integers(0, 256, (1, 40, 3)).astype(np.uint8)
    found = exact_foreground(picture, wanted.astype(np.float32), alpha, bottom)
    for i in range(40):
        every = np.arange(256, dtype=np.uint8)
        row = np.dstack([every, every, every, np.full(256, alpha[0, i], np.uint8)])
        mixed = over8(row.reshape(1, 256, 4), np.broadcast_to(bottom[:, i : i + 1], (1, 256, 3)))
        for channel in range(3):
            fits = np.flatnonzero(mixed[0, :, channel] == picture[0, i, channel])
            best = np.abs(fits - int(wanted[0, i, channel])).min()
            assert abs(int(found[0, i, channel]) - int(wanted[0, i, channel])) == best


def test_a_true_layer_comes_back_as_it_was() -> None:
    rng = np.random.default_rng(3)
    rgba = rng.integers(0, 256, (30, 30, 4)).astype(np.uint8)
    rgba[rgba[..., 3] == 0] = 0
    bottom = rng.integers(0, 256, (30, 30, 3)).astype(np.uint8)
    picture = over8(rgba, bottom)
    alpha = rgba[..., 3]
    exact = exact_layer(picture, rgba[..., :3].astype(np.float32), alpha, bottom)
    assert np.array_equal(exact.rgba, rgba)
    assert not exact.is_raised.any()


def test_a_layer_that_does_not_recompose_is_never_accepted() -> None:
    picture = np.full((2, 2, 3), 9, np.uint8)
    with pytest.raises(InexactError, match="4 pixels differ"):
        assert_exact(picture, np.zeros((2, 2, 4), np.uint8), picture + np.uint8(1))
