"""Foreground colours, against the official numbers and by what must always hold."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from birefcli.errors import ExitCode, UsageError
from birefcli.image.types import Matte, Rgb
from birefcli.matte.foreground import (
    blur_fusion,
    checkerboard,
    clear_hidden,
    estimate_foreground,
    flatten,
    fusion_pass,
    over,
    parse_color,
)

GOLDEN = Path(__file__).parents[1] / "golden" / "refine_foreground.npz"


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    with np.load(GOLDEN) as arrays:
        return {name: arrays[name] for name in arrays if name != "info"}


def unit(array: np.ndarray) -> np.ndarray:
    return array.astype(np.float32) / np.float32(255)


def truncated(image: np.ndarray) -> np.ndarray:
    """Go back to bytes as the official code does."""
    return (image * 255).astype(np.uint8)


def scene(height: int, width: int, seed: int = 0) -> tuple[Rgb, Matte]:
    """Draw soft colours and a soft-edged disk."""
    rng = np.random.default_rng(seed)
    rgb = cv2.resize(rng.integers(0, 256, (9, 12, 3), np.uint8), (width, height))
    matte = np.zeros((height, width), np.float32)
    cv2.circle(matte, (width // 2, height // 2), min(height, width) // 3, 1.0, -1)
    return rgb, np.clip(cv2.GaussianBlur(matte, (0, 0), 3), 0, 1)


def test_the_passes_equal_the_official_ones(golden: dict[str, np.ndarray]) -> None:
    image, alpha = unit(golden["image"]), unit(golden["alpha"])
    foreground, backdrop = fusion_pass(image, image, image, alpha, 90)
    np.testing.assert_allclose(foreground, golden["cpu_pass1_F"], atol=1e-5)
    np.testing.assert_allclose(backdrop, golden["cpu_pass1_B"], atol=1e-5)
    np.testing.assert_allclose(blur_fusion(image, alpha), golden["cpu_pass2_F"], atol=1e-5)


@pytest.mark.parametrize("window", [90, 20])
def test_blur_fusion_equals_the_official_one(golden: dict[str, np.ndarray], window: int) -> None:
    image, alpha = unit(golden["image"]), unit(golden["alpha"])
    result = truncated(blur_fusion(image, alpha, (window, 6)))
    np.testing.assert_array_equal(result, golden[f"cpu_r{window}"])


def test_blur_fusion_equals_the_official_one_on_an_enlarged_mask(
    golden: dict[str, np.ndarray],
) -> None:
    height, width = golden["alpha"].shape
    alpha = np.asarray(Image.fromarray(golden["alpha_half"]).resize((width, height)))
    result = truncated(blur_fusion(unit(golden["image"]), unit(alpha)))
    difference = np.abs(result.astype(int) - golden["cpu_r90_alpha_half"])
    assert difference.max() <= 1 and np.count_nonzero(difference) < 10


def test_the_estimate_is_the_official_one_rounded_where_the_matte_is_soft(
    golden: dict[str, np.ndarray],
) -> None:
    rgb, alpha = golden["image"], golden["alpha"]
    is_soft = (alpha > 0) & (alpha < 255)
    estimate = estimate_foreground(rgb, unit(alpha))
    expected = np.rint(golden["cpu_pass2_F"] * 255)
    np.testing.assert_array_equal(estimate[is_soft], expected[is_soft])


@pytest.mark.parametrize("size", [(3, 5), (511, 600), (530, 1030)])
def test_working_in_tiles_changes_nothing(size: tuple[int, int]) -> None:
    rgb, _ = scene(*size)
    matte = np.random.default_rng(1).random(size, np.float32) ** 2
    matte[size[0] // 2 :] = 0.4
    is_soft = (matte > 0.5 / 255) & (matte < 1 - 0.5 / 255)
    whole = np.rint(blur_fusion(unit(rgb), matte) * 255)
    np.testing.assert_array_equal(estimate_foreground(rgb, matte)[is_soft], whole[is_soft])


def test_solid_colours_stay_bit_identical() -> None:
    rgb, matte = scene(120, 160)
    rgb = np.random.default_rng(2).integers(0, 256, rgb.shape, np.uint8)
    estimate = estimate_foreground(rgb, matte)
    is_solid = np.rint(matte * 255) == 255
    assert is_solid.any() and (estimate != rgb).any()
    np.testing.assert_array_equal(estimate[is_solid], rgb[is_solid])


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_without_soft_pixels_nothing_changes(value: float) -> None:
    rgb, matte = scene(20, 30)
    estimate = estimate_foreground(rgb, np.full_like(matte, value))
    np.testing.assert_array_equal(estimate, rgb)
    assert not np.shares_memory(estimate, rgb)


def test_the_backdrop_leaves_the_edges() -> None:
    _, matte = scene(120, 160)
    red = np.full((120, 160, 3), (200, 30, 30), np.uint8)
    green = np.full_like(red, (0, 255, 0))
    mixed = over(red, matte, green)
    edge = (matte > 0.2) & (matte < 0.8)
    before = np.abs(mixed[edge].astype(int) - red[edge]).mean()
    after = np.abs(estimate_foreground(mixed, matte)[edge].astype(int) - red[edge]).mean()
    assert after < before / 10


def test_over_is_the_foreground_at_1_and_the_backdrop_at_0() -> None:
    rng = np.random.default_rng(3)
    one, two = rng.integers(0, 256, (2, 8, 9, 3), np.uint8)
    ones = np.ones((8, 9), np.float32)
    np.testing.assert_array_equal(over(one, ones, two), one)
    np.testing.assert_array_equal(over(one, 0 * ones, two), two)
    half = over(np.full_like(one, 10), 0.5 * ones, np.full_like(one, 21))
    assert half.dtype == np.uint8 and (half == 16).all()  # 15.5 to even


def test_over_equals_the_slow_sum() -> None:
    rng = np.random.default_rng(4)
    one, two = rng.integers(0, 256, (2, 5, 6, 3), np.uint8)
    matte = rng.random((5, 6), np.float32)
    result = over(one, matte, two)
    for y, x, c in np.ndindex(one.shape):
        exact = float(matte[y, x]) * int(one[y, x, c]) + (1 - float(matte[y, x])) * int(
            two[y, x, c]
        )
        assert abs(result[y, x, c] - exact) <= 0.5 + 1e-4


def test_flatten_fills_what_is_clear() -> None:
    rgba = np.array([[[1, 2, 3, 255], [1, 2, 3, 0], [0, 0, 0, 51]]], np.uint8)
    assert flatten(rgba, (250, 100, 0)).tolist() == [[[1, 2, 3], [250, 100, 0], [200, 80, 0]]]


def test_clear_hidden_blackens_only_the_hidden() -> None:
    rgb = np.full((1, 3, 3), 9, np.uint8)
    cleared = clear_hidden(rgb, np.array([[0, 1, 255]], np.uint8))
    assert cleared.dtype == np.uint8
    assert cleared[0, :, 0].tolist() == [0, 9, 9]


def test_the_checkerboard_alternates() -> None:
    board = checkerboard((20, 33), square=4)
    assert board.shape == (20, 33, 3) and board.dtype == np.uint8
    assert len(np.unique(board)) == 2
    for y, x in np.ndindex(16, 29):
        is_same = (board[y, x] == board[y + 4, x]).all()
        assert not is_same and (board[y, x] == board[y + 4, x + 4]).all()
        assert (board[y, x] == board[y // 4 * 4, x // 4 * 4]).all()


@pytest.mark.parametrize(
    ("text", "color"),
    [
        ("white", (255, 255, 255)),
        ("RebeccaPurple", (102, 51, 153)),
        ("#fff", (255, 255, 255)),
        ("#0a141E", (10, 20, 30)),
        ("10,20,30", (10, 20, 30)),
        (" 10, 20 ,30 ", (10, 20, 30)),
        ("rgb(10,20,30)", (10, 20, 30)),
        ("hsl(120,100%,50%)", (0, 255, 0)),
    ],
)
def test_colours_are_read_as_people_write_them(text: str, color: tuple[int, int, int]) -> None:
    assert parse_color(text) == color


NONSENSE = ["", ",,", "whitish", "#12", "#12345", "#11223344", "#" + "f" * 200, "1,2", "1,2,3,4"]
OUT_OF_RANGE = ["1,2,256", "-1,0,0", "1.5,2,3", "rgb(300,0,0)"]


@pytest.mark.parametrize("text", [*NONSENSE, *OUT_OF_RANGE])
def test_nonsense_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError, match="is not a colour; write") as caught:
        parse_color(text)
    assert caught.value.exit_code is ExitCode.USAGE
