"""Pixel art at its true size: exact, out of bilinear enlargements, out of JPEG; and snapped."""

import io

import numpy as np
import pytest
from PIL import Image

from birefcli.image.types import Rgb
from birefcli.matte.linear_resampling import LinearSteps
from birefcli.matte.native_art import enlarge, native, snap_grid
from birefcli.matte.palette_recovery import merge_noisy_colors
from birefcli.matte.pixel_grid import Enlargement, PixelGrid, find_grid

PALETTE = np.array([(20, 16, 24), (230, 180, 140), (60, 90, 200), (90, 170, 80)], np.uint8)


def art(seed: int, height: int = 40, width: int = 52) -> Rgb:
    """Blots of four colours."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 4, (height // 4, width // 4))
    index = np.repeat(np.repeat(coarse, 4, 0), 4, 1)
    is_changed = rng.random(index.shape) < 0.3
    return PALETTE[np.where(is_changed, rng.integers(0, 4, index.shape), index)]


def repeated(rgb: Rgb, scale: int) -> Rgb:
    return np.repeat(np.repeat(rgb, scale, 0), scale, 1)


@pytest.mark.parametrize("scale", [2, 3, 6])
def test_exact_art_comes_back_bit_for_bit_with_partial_cells(scale: int) -> None:
    for left, top in ((0, 0), (1, scale - 1), (scale - 1, 0)):
        large = repeated(art(0), scale)[(scale - top) % scale :, (scale - left) % scale :]
        large = large[: large.shape[0] - 1, : large.shape[1] - 1]
        grid = find_grid(large)
        assert grid is not None
        assert grid.offset == (left, top)
        found = native(large, grid)
        assert np.array_equal(found, art(0))
        assert np.array_equal(enlarge(found, grid, (large.shape[0], large.shape[1])), large)


def test_masks_are_enlarged_like_the_art() -> None:
    mask = art(0)[..., 0] > 50
    grid = PixelGrid(3, (2, 1))
    large = enlarge(mask, grid, (118, 155))
    assert large.dtype == bool
    assert np.array_equal(large, repeated(mask[..., None], 3)[2:, 1:, 0])


@pytest.mark.parametrize("scale", [2, 3, 4, 5, 8])
def test_bilinear_enlargements_are_undone(scale: int) -> None:
    rng = np.random.default_rng(1)
    rgb = rng.integers(0, 256, (30, 41, 3)).astype(np.uint8)
    size = (41 * scale, 30 * scale)
    large = np.asarray(Image.fromarray(rgb).resize(size, Image.Resampling.BILINEAR))
    for top, left in ((0, 0), (1, 1)):
        cut = large[(scale - top) % scale :, (scale - left) % scale :]
        grid = PixelGrid(scale, (left, top), Enlargement.RESAMPLED)
        apart = np.abs(native(cut, grid).astype(int) - rgb)
        inner = apart[1:-1, 1:-1]  # a cell of which a pixel is left is less certain
        assert inner.max() <= (0 if scale % 2 else 2)
        assert apart.mean() < 1.0


def test_linear_steps_render_what_pillow_does_and_invert_it() -> None:
    cells = np.random.default_rng(2).integers(0, 256, (1, 20)).astype(np.uint8)
    for scale in (2, 3, 7):
        row = Image.fromarray(cells).resize((20 * scale, 1), Image.Resampling.BILINEAR)
        steps = LinearSteps.along(20 * scale, scale, 0)
        found = steps.invert(np.asarray(row)[0].astype(np.float64))
        assert np.abs(found[1:-1] - cells[0]).max() < 1.5
        assert np.abs(steps.render(found) - np.asarray(row)[0]).max() < 1


def test_the_inverse_is_that_of_least_squares() -> None:
    steps = LinearSteps.along(50, 4, 3)
    at, mix = np.arange(50), np.zeros((50, steps.count))
    mix[at, steps.before], mix[at, steps.before + 1] = 1 - steps.part, steps.part
    pixels = np.random.default_rng(7).normal(100, 30, 50)
    slow = np.linalg.lstsq(mix, pixels, rcond=None)[0]
    assert np.abs(steps.invert(pixels) - slow)[2:-2].max() < 0.02
    assert np.abs(steps.render(steps.invert(pixels)) - steps.render(slow)).max() < 0.05


@pytest.mark.parametrize(("quality", "error"), [(95, 0.5), (90, 1.0), (75, 4.0)])
def test_the_palette_comes_back_out_of_jpeg(quality: int, error: float) -> None:
    data = io.BytesIO()
    Image.fromarray(repeated(art(3), 5)).save(data, "JPEG", quality=quality, subsampling=0)
    with Image.open(data) as picture:
        seen = np.asarray(picture.convert("RGB"))
    grid = find_grid(seen)
    assert grid is not None
    assert (grid.scale, grid.how) == (5, Enlargement.LOSSY)
    found = native(seen, grid)
    assert np.abs(found.astype(int) - art(3)).mean() < error
    if quality >= 90:
        assert len(np.unique(found.reshape(-1, 3), axis=0)) == 4


def test_only_colours_that_noise_parts_become_one() -> None:
    rng = np.random.default_rng(4)
    noisy = PALETTE[rng.integers(0, 4, (30, 30))] + rng.normal(0, 1.2, (30, 30, 3))
    assert len(np.unique(merge_noisy_colors(noisy).reshape(-1, 3), axis=0)) == 4
    ground = rng.uniform(60, 140, (80, 80, 3))
    assert np.abs(merge_noisy_colors(ground) - ground).max() <= 0.5


def test_snapping_gives_every_cell_its_most_frequent_colour() -> None:
    rng = np.random.default_rng(5)
    large = repeated(art(6), 6)[2:, 5:]
    grid = PixelGrid(6, (1, 4), Enlargement.LOSSY)
    spoilt = large.copy()
    is_spoilt = rng.random(large.shape[:2]) < 0.25
    spoilt[is_spoilt] = rng.integers(0, 256, (int(is_spoilt.sum()), 3))
    snapped = snap_grid(spoilt, grid)
    wrong = (snapped != large).any(axis=-1)
    # At the frame a cell may have but one pixel left.
    assert not wrong[4:-6, 6:-6].any()
    assert np.array_equal(
        enlarge(native(snapped, PixelGrid(6, (1, 4))), grid, large.shape[:2]), snapped
    )


def test_shades_of_one_colour_outvote_another() -> None:
    cell = np.full((4, 4, 3), (10, 200, 10), np.uint8)
    cell.reshape(-1, 3)[:10] = (127, 127, 127)
    cell.reshape(-1, 3)[:5] += 1  # 128 and 127 lie on both sides of a count by sixteens
    cell.reshape(-1, 3)[5:7] -= 1
    snapped = snap_grid(cell, PixelGrid(4))
    assert np.array_equal(snapped, np.full((4, 4, 3), 128))
