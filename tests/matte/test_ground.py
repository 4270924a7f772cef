"""Grounds are found in drawings, and not in photographs."""

import cv2
import numpy as np
import pytest

from birefcli.matte.ground import find_ground, plain_ground


def photograph(size: tuple[int, int] = (240, 320), seed: int = 0) -> np.ndarray:
    """Soft shapes in soft light with grain."""
    rng = np.random.default_rng(seed)
    small = rng.uniform(60, 220, (12, 16, 3)).astype(np.float32)
    large = cv2.resize(small, size[::-1], interpolation=cv2.INTER_CUBIC)
    return np.clip(large + rng.normal(0, 3, large.shape), 0, 255).astype(np.uint8)


def on_white(seed: int = 0) -> np.ndarray:
    """A grainy thing cut out by hand, with the haze that JPEG leaves around it on white."""
    rgb = photograph(seed=seed).astype(np.float32)
    y, x = np.mgrid[:240, :320]
    distance = np.hypot(y - 120, x - 160)
    share = np.clip((70 - distance) / 3, 0, 1)[..., None]
    haze = np.random.default_rng(seed).uniform(0, 5, (240, 320, 1)) * (distance < 82)[..., None]
    return np.clip(share * rgb + (1 - share) * (255 - haze), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("seed", range(4))
def test_photographs_have_no_known_ground(seed: int) -> None:
    assert find_ground(photograph(seed=seed)) is None
    assert find_ground(on_white(seed)) is None


def test_a_soft_shadow_on_a_wall_is_no_drawing() -> None:
    rgb = np.full((240, 320, 3), 214, np.uint8)
    y, x = np.mgrid[:240, :320]
    shade = 40 * np.exp(-(((y - 150) / 40) ** 2) - ((x - 180) / 60) ** 2)
    rgb = (rgb - shade[..., None]).astype(np.uint8)
    rgb[80:150, 120:180] = photograph()[80:150, 120:180]
    assert find_ground(rgb) is None


@pytest.mark.parametrize("cell", [4, 7, 16])
def test_a_checkerboard_of_any_cell_is_found(cell: int) -> None:
    y, x = np.mgrid[:130, :150] + 3
    rgb = np.repeat(np.where((y // cell + x // cell) % 2, 204, 255)[..., None], 3, 2)
    rgb = rgb.astype(np.uint8)
    rgb[40:80, 40:80] = (10, 120, 30)
    ground = find_ground(rgb)
    assert ground is not None and ground.words.startswith(f"checkerboard {cell}x{cell}")
    assert (ground.difference(rgb)[:40] == 0).all()


def test_a_tile_that_repeats_is_found() -> None:
    tile = np.random.default_rng(0).integers(60, 160, (8, 8, 3)).astype(np.uint8)
    rgb = np.tile(tile, (9, 9, 1))
    rgb[20:40, 20:40] = 250
    ground = find_ground(rgb)
    assert ground is not None and ground.words.startswith("tiles 8x8")


def test_a_gradient_and_noise_are_found() -> None:
    ramp = np.linspace(40, 120, 100)[:, None, None] + np.array([0, 30, 60])
    rgb = np.repeat(ramp, 120, 1) + np.random.default_rng(0).integers(-2, 3, (100, 120, 1))
    rgb = rgb.astype(np.uint8)
    rgb[30:60, 40:80] = (250, 250, 20)
    ground = find_ground(rgb)
    assert ground is not None and ground.words.startswith("gradient")


def test_a_named_colour_takes_its_noise_along() -> None:
    noise = np.random.default_rng(0).integers(-3, 4, (60, 60, 3))
    rgb = (np.array([0, 177, 64]) + noise).clip(0, 255).astype(np.uint8)
    ground = plain_ground(rgb, (0, 177, 64))
    assert ground is not None and ground.tolerance >= 3 and ground.share > 0.99
    assert plain_ground(rgb, (255, 0, 255)) is None


def test_a_large_photograph_has_no_ground() -> None:
    assert find_ground(photograph((1500, 2000))) is None


def test_a_floor_strewn_with_blades_is_no_ground_and_a_sheet_with_sparks_is() -> None:
    rng = np.random.default_rng(0)
    floor = np.full((48, 64, 3), (86, 140, 60), np.uint8)
    floor[rng.random((48, 64)) < 0.12] = (120, 180, 80)
    floor[20:32, 24:40] = (220, 60, 140)
    assert find_ground(floor) is None
    assert find_ground(np.repeat(np.repeat(floor, 5, 0), 5, 1)) is None
    sheet = np.full((96, 128, 3), (255, 0, 255), np.uint8)
    for row in range(3):
        for column in range(4):
            sheet[32 * row + 6 : 32 * row + 26, 32 * column + 6 : 32 * column + 24] = 90
            for spark in range(4):
                sheet[32 * row + 2, 32 * column + 3 + 7 * spark] = 250
    found = find_ground(sheet)
    assert found is not None and found.tolerance == 0


def test_strokes_within_a_drawing_are_no_specks_on_its_ground() -> None:
    drawing = np.full((120, 160, 3), (0, 177, 64), np.uint8)
    cv2.rectangle(drawing, (30, 10), (130, 110), (0, 0, 0), 2)
    for stroke in range(60):
        row, column = divmod(stroke, 10)
        drawing[20 + 14 * row : 23 + 14 * row, 38 + 9 * column] = 0
    found = find_ground(drawing)
    assert found is not None and found.tolerance == 0
