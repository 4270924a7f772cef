"""The grid of pixel art: found at any size, offset and number of colours, and in no photograph."""

import io
import time

import cv2
import numpy as np
import pytest
from PIL import Image

from birefcli.image.types import Rgb
from birefcli.matte.art_look import art_look, looks_like_art
from birefcli.matte.pixel_grid import CONFIDENT, Enlargement, find_exact_grid, find_grid


def art(seed: int = 0, height: int = 60, width: int = 72) -> Rgb:
    """A figure of a few colours on a noisy ground of thousands."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    rgb = np.clip(np.array((90, 120, 70)) + rng.integers(-18, 19, (height, width, 3)), 0, 255)
    for color, reach in (((20, 16, 24), 17), ((230, 180, 140), 15), ((60, 90, 200), 8)):
        rgb[np.hypot(y - 30, x - 34) < reach] = color
    return rgb.astype(np.uint8)


def repeated(rgb: Rgb, scale: int) -> Rgb:
    return np.repeat(np.repeat(rgb, scale, 0), scale, 1)


def as_jpeg(rgb: Rgb, quality: int) -> Rgb:
    """What Pillow reads back from a JPEG of a picture."""
    data = io.BytesIO()
    Image.fromarray(rgb).save(data, "JPEG", quality=quality)
    with Image.open(data) as picture:
        return np.asarray(picture.convert("RGB"))


@pytest.mark.parametrize("scale", [2, 3, 4, 5, 7, 8, 11, 16])
def test_exact_enlargements_are_found_wherever_they_are_cropped(scale: int) -> None:
    whole = repeated(art(height=140, width=150), scale)
    assert len(np.unique(art(height=140, width=150).reshape(-1, 3), axis=0)) > 5000
    for left, top in ((0, 0), (1, scale - 1)):
        grid = find_grid(whole[(scale - top) % scale :, (scale - left) % scale :])
        assert grid is not None
        assert (grid.scale, grid.offset, grid.how) == (scale, (left, top), Enlargement.EXACT)
        assert grid.confidence > 0.99


def test_a_few_spoilt_pixels_do_not_hide_a_grid() -> None:
    whole = repeated(art(), 4)
    whole[[3, 90, 201], [5, 70, 130]] = 255
    grid = find_grid(whole)
    assert grid is not None
    assert (grid.scale, grid.how) == (4, Enlargement.EXACT)
    assert 0.99 < grid.confidence < 1


@pytest.mark.parametrize("scale", [2, 3, 4, 5, 8])
@pytest.mark.parametrize("cropped", [False, True])
def test_bilinear_enlargements_are_found(scale: int, cropped: bool) -> None:
    rgb = art(1)
    size = (rgb.shape[1] * scale, rgb.shape[0] * scale)
    large = np.asarray(Image.fromarray(rgb).resize(size, Image.Resampling.BILINEAR))
    grid = find_grid(large[1:, 1:] if cropped else large)
    assert grid is not None
    start = scale - 1 if cropped else 0
    assert (grid.scale, grid.offset) == (scale, (start, start))
    assert grid.how is Enlargement.RESAMPLED
    assert grid.confidence >= CONFIDENT


@pytest.mark.parametrize("scale", [2, 3, 4, 5, 8])
@pytest.mark.parametrize("quality", [75, 85, 95])
def test_grids_are_found_through_jpeg(scale: int, quality: int) -> None:
    grid = find_grid(as_jpeg(repeated(art(2), scale)[1:], quality))
    assert grid is not None
    assert (grid.scale, grid.offset) == (scale, (0, scale - 1))
    assert grid.confidence >= CONFIDENT


def test_a_checkerboards_cells_are_not_taken_for_the_grid() -> None:
    y, x = np.mgrid[:64, :80]
    rgb = np.where(((y // 4 + x // 4) % 2)[..., None], (204, 204, 204), (255, 255, 255))
    figure = art(3, 64, 80)
    is_figure = np.hypot(y - 30, x - 34) < 24
    board = np.where(is_figure[..., None], figure, rgb).astype(np.uint8)
    for large in (repeated(board, 3), as_jpeg(repeated(board, 3), 90)):
        grid = find_grid(large)
        assert grid is not None
        assert grid.scale == 3
    own_size = find_grid(board)
    assert own_size is None or own_size.scale == 1


def photograph(height: int, width: int) -> Rgb:
    rng = np.random.default_rng(4)
    noise = cv2.GaussianBlur(rng.random((height, width, 3)), (0, 0), 6)
    grain = rng.normal(0, 2, (height, width, 3))
    return np.clip((noise - 0.5) * 2000 + 120 + grain, 0, 255).astype(np.uint8)


def test_photographs_have_no_grid_in_jpeg_either() -> None:
    photo = photograph(300, 400)
    for rgb in (photo, as_jpeg(photo, 50), as_jpeg(photo, 90), photo[:100, :90]):
        assert find_grid(rgb) is None
        assert not looks_like_art(rgb)


def test_a_large_photograph_is_told_at_once() -> None:
    photo = np.tile(photograph(500, 500), (6, 8, 1))
    took = []
    for _ in range(3):
        before = time.process_time()
        assert find_grid(photo) is None
        took.append(time.process_time() - before)
    assert min(took) < 0.3  # a twentieth on most machines; comparing all its pixels takes longer


def drawing() -> Rgb:
    """Discs and bars with soft edges."""
    rgb = np.full((360, 480, 3), 245, np.uint8)
    for i, color in enumerate(((200, 40, 60), (40, 90, 200), (250, 200, 40))):
        cv2.circle(rgb, (100 + 130 * i, 150 + 20 * i), 60 + 7 * i, color, -1, cv2.LINE_AA)
        cv2.line(rgb, (20, 300 + 10 * i), (450, 270 + 15 * i), color, 7, cv2.LINE_AA)
    return rgb


def test_drawings_with_soft_edges_are_no_pixel_art() -> None:
    assert find_grid(drawing()) is None
    look = art_look(drawing())
    assert look.hard < 0.25
    assert not look.is_art


def test_a_sheet_at_its_own_size_looks_like_art_and_says_why() -> None:
    figures = [np.where(art(i) == art(i + 9), art(i), 255) for i in range(6)]
    sheet = np.hstack(figures).astype(np.uint8)
    look = art_look(sheet)
    assert look.is_art and not look.is_small
    assert look.hard > 0.9
    assert look.reason == f"{look.colors} colours, {look.hard:.0%} of {look.steps} steps are hard"
    grid = find_grid(sheet)
    assert grid is not None
    assert (grid.scale, grid.offset) == (1, (0, 0))
    assert grid.confidence >= CONFIDENT


@pytest.mark.parametrize("size", [(0, 5), (1, 1), (2, 40), (17, 16), (1, 300), (33, 7)])
def test_any_size_is_looked_at(size: tuple[int, int]) -> None:
    noise = np.random.default_rng(5).integers(0, 256, (*size, 3)).astype(np.uint8)
    for rgb in (noise, np.zeros_like(noise)):
        grid = find_grid(rgb)
        assert grid is None or grid.scale == 1
        assert find_exact_grid(rgb) is None


def test_what_is_transparent_counts_in_exact_grids() -> None:
    rgba = np.dstack([np.zeros((40, 40, 3), np.uint8), art(6, 40, 40)[..., 0]])
    grid = find_exact_grid(repeated(rgba, 3))
    assert grid is not None
    assert grid.scale == 3


def test_a_tile_of_a_few_frames_is_not_taken_for_enlarged() -> None:
    tile = np.full((64, 64, 3), (90, 120, 120), np.uint8)
    for rim, color in ((2, (160, 200, 202)), (10, (150, 188, 190))):
        tile[rim : 64 - rim, rim : 64 - rim] = color
    y, x = np.mgrid[:64, :64]
    tile[np.abs(y - 31) + np.abs(x - 35) < 5] = (140, 176, 178)
    for rgb in (tile, as_jpeg(tile, 95)):
        grid = find_grid(rgb)
        assert grid is None or grid.scale == 1
