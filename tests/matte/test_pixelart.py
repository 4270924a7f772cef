"""Pixel art: told from photographs, its grid, and its pixels decided by colour."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from birefcli.image.hard_edges import looks_hard
from birefcli.image.types import Matte, Rgb
from birefcli.matte.pixelart import NATIVE, Grid, art_grid, decided_by_color, decided_on_grid

BLACK, SKIN, SHIRT = (20, 16, 24), (230, 180, 140), (60, 90, 200)


def sprite(seed: int, side: int = 48) -> tuple[Rgb, NDArray[np.bool_]]:
    """A figure of two colours with a black outline one pixel wide, on a ground of two greens."""
    rng = np.random.default_rng(seed)
    ground = np.where(rng.random((side, side, 1)) < 0.3, (70, 140, 60), (90, 170, 80))
    y, x = np.mgrid[:side, :side]
    body = (np.hypot(y - 30, x - 24) < 11) | (np.hypot(y - 15, x - 26) < 6)
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    whole = cv2.dilate(body.astype(np.uint8), cross) > 0
    rgb = np.where(whole[..., None], BLACK, ground)
    rgb = np.where((body & (y < 20))[..., None], SKIN, rgb)
    rgb = np.where((body & (y >= 20))[..., None], SHIRT, rgb)
    return rgb.astype(np.uint8), whole


def seen(truth: NDArray[np.bool_], shift: int = 1) -> Matte:
    """The figure as a small network sees it: blurred, and a little beside itself."""
    moved = np.roll(truth.astype(np.float32), (shift, -shift), (0, 1))
    return np.asarray(cv2.GaussianBlur(moved, (0, 0), 2.0), np.float32)


@pytest.mark.parametrize("seed", range(3))
def test_an_outline_comes_along_whole(seed: int) -> None:
    rgb, truth = sprite(seed)
    matte = seen(truth)
    assert ((matte > 0.5) != truth).sum() > 60
    assert np.array_equal(decided_by_color(rgb, matte) > 0.5, truth)


@pytest.mark.parametrize("step", [2, 3, 5])
def test_enlarged_art_is_decided_at_its_own_size(step: int) -> None:
    rgb, truth = sprite(0)
    large = np.repeat(np.repeat(rgb, step, 0), step, 1)[1:, 2:]  # cut within a cell
    shown = np.repeat(np.repeat(truth, step, 0), step, 1)[1:, 2:]
    grid = art_grid(large)
    assert grid is not None
    assert grid.step == step
    matte = np.asarray(cv2.GaussianBlur(shown.astype(np.float32), (0, 0), 2.0 * step), np.float32)
    decided = decided_on_grid(large, matte, grid)
    assert decided.shape == matte.shape
    assert ((decided > 0.5) != shown).mean() < 0.005
    assert set(np.unique(decided)) <= {0.0, 1.0}


def test_what_is_all_or_nothing_stays_so() -> None:
    rgb, _ = sprite(0)
    nothing = np.zeros(rgb.shape[:2], np.float32)
    assert not decided_by_color(rgb, nothing).any()
    assert decided_by_color(rgb, nothing + 1).all()


def test_one_colour_everywhere_leaves_the_matte_its_word() -> None:
    rgb = np.full((40, 40, 3), 90, np.uint8)
    matte = np.zeros((40, 40), np.float32)
    matte[10:30, 10:30] = 0.95
    decided = decided_by_color(rgb, matte) > 0.5
    assert ((decided != (matte > 0.5)).sum()) <= 8  # its corners may be rounded


@pytest.mark.parametrize("size", [(1, 1), (2, 9), (9, 1), (3, 300)])
def test_any_size_is_decided(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    rgb = rng.integers(0, 256, (*size, 3)).astype(np.uint8)
    decided = decided_by_color(rgb, rng.random(size, np.float32))
    assert decided.shape == size
    assert set(np.unique(decided)) <= {0.0, 1.0}


def test_photographs_have_no_grid() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (300, 400, 3)).astype(np.uint8)
    assert art_grid(noise) is None
    assert art_grid(noise[:40, :40]) is None
    assert art_grid(sprite(0)[0]) == NATIVE == Grid()


def test_outlines_that_lie_on_no_grid_are_no_pixel_art() -> None:
    """A drawing of even areas has nearly all cells of one colour, whatever their size."""
    y, x = np.mgrid[:512, :512]
    drawn = np.where((np.hypot(y - 250, x - 260) < 140)[..., None], (220, 40, 90), (250, 250, 250))
    assert art_grid(drawn.astype(np.uint8)) is None
    assert art_grid(np.full((300, 400, 3), 90, np.uint8)) is None


def with_colors(height: int, width: int, count: int) -> np.ndarray:
    index = np.arange(height * width).reshape(height, width) % count
    return np.stack([index % 7, index % 256, index // 256], axis=-1).astype(np.uint8)


@pytest.mark.parametrize(
    ("height", "width", "colors", "is_hard"),
    [
        (1, 1, 1, True),
        (16, 32, 4, True),
        (256, 256, 256, True),
        (256, 256, 257, False),
        (256, 257, 2, False),
        (257, 1, 2, False),
    ],
)
def test_hard_is_small_and_of_few_colors(
    height: int, width: int, colors: int, is_hard: bool
) -> None:
    rgb = with_colors(height, width, colors)
    assert len(np.unique(rgb.reshape(-1, 3), axis=0)) == colors
    assert looks_hard(rgb) is is_hard


def test_every_channel_counts() -> None:
    for channel in range(3):
        rgb = np.zeros((1, 256, 3), np.uint8)
        rgb[..., channel] = np.arange(256)
        assert looks_hard(rgb)
        extra = rgb[:, :1].copy()
        extra[..., (channel + 1) % 3] = 1
        assert not looks_hard(np.vstack([rgb, np.repeat(extra, 256, axis=1)]))
