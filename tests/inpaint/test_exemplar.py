import numpy as np
import pytest
from numpy.typing import NDArray

from birefcli.image.types import Rgb
from birefcli.inpaint import exemplar
from birefcli.inpaint.exemplar import Exemplar
from birefcli.inpaint.membrane import Membrane, PaletteFill, solve_membrane
from birefcli.inpaint.palette import find_palette

Mask = NDArray[np.bool_]
PINK = np.uint8([255, 0, 255])


def box_hole(height: int, width: int, top: int, left: int, bottom: int, right: int) -> Mask:
    hole = np.zeros((height, width), bool)
    hole[top:bottom, left:right] = True
    return hole


def pierced(rgb: Rgb, hole: Mask) -> Rgb:
    return np.where(hole[..., None], PINK, rgb)


def stripes(height: int, width: int, slope: float, period: int) -> Rgb:
    y, x = np.mgrid[:height, :width]
    is_dark = ((x + slope * y) % period) < period / 2
    return np.where(is_dark[..., None], np.uint8([20, 40, 60]), np.uint8([240, 200, 90]))


def checker(height: int, width: int, cell: int) -> Rgb:
    y, x = np.mgrid[:height, :width] // cell
    return np.where(((y + x) % 2)[..., None] > 0, np.uint8([0, 80, 0]), np.uint8([250, 250, 90]))


def noise(height: int, width: int, seed: int = 0) -> Rgb:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def colors(pixels: Rgb) -> set[tuple[int, ...]]:
    return {tuple(map(int, pixel)) for pixel in pixels.reshape(-1, 3)}


@pytest.mark.parametrize("cell", [1, 2, 5, 9])
def test_a_checkerboard_goes_on_in_step(cell: int) -> None:
    # Cells of 9 are as large as a patch, which then sees no beat.
    rgb = checker(90, 96, cell)
    hole = box_hole(90, 96, 30, 34, 59, 61)
    np.testing.assert_array_equal(Exemplar()(pierced(rgb, hole), hole), rgb)


@pytest.mark.parametrize("slope", [0, 1])
def test_stripes_run_through_a_hole(slope: float) -> None:
    rgb = stripes(90, 96, slope, 12)
    hole = box_hole(90, 96, 30, 36, 58, 58)
    filled = Exemplar()(pierced(rgb, hole), hole)
    assert (filled == rgb).all(-1)[hole].mean() > 0.97


def test_no_colour_is_ever_invented() -> None:
    rgb = noise(60, 70)
    hole = box_hole(60, 70, 10, 10, 50, 40)
    filled = Exemplar()(pierced(rgb, hole), hole)
    assert colors(filled[hole]) <= colors(rgb[~hole])


def test_nothing_is_copied_from_outside_the_source() -> None:
    rgb = noise(50, 60)
    rgb[:, :30, 0] |= 1
    rgb[:, 30:, 0] &= 254
    hole = box_hole(50, 60, 15, 20, 35, 40)
    source = np.arange(60)[None] < np.full((50, 1), 30)
    filled = Exemplar()(pierced(rgb, hole), hole, source=source)
    assert (filled[hole][:, 0] % 2 == 1).all()


def test_a_large_hole_is_planned_small_and_copied_at_full_size(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(exemplar, "DIRECT", 150)
    rgb = stripes(120, 130, 0, 14)
    hole = box_hole(120, 130, 40, 40, 87, 85)
    filled = Exemplar()(pierced(rgb, hole), hole)
    np.testing.assert_array_equal(filled[~hole], rgb[~hole])
    assert colors(filled[hole]) <= colors(rgb)
    assert (filled == rgb).all(-1)[hole].mean() > 0.95


def test_a_region_with_no_pixels_of_its_own_takes_what_fits() -> None:
    rgb = stripes(60, 60, 0, 6)
    hole = box_hole(60, 60, 20, 20, 40, 40)
    labels = hole.astype(np.int32)
    np.testing.assert_array_equal(Exemplar()(pierced(rgb, hole), hole, labels=labels), rgb)


def test_two_regions_never_mix_whatever_their_shapes() -> None:
    # Inside the hole the regions meet in a curve that nothing outside it shows.
    y, x = np.mgrid[:60, :60]
    hole = box_hole(60, 60, 18, 15, 45, 45)
    labels = np.where(hole, np.hypot(y - 30, x - 30) < 9, x > 40).astype(np.int32)
    rgb = noise(60, 60)
    rgb[..., 0] = np.where(labels > 0, rgb[..., 0] | 1, rgb[..., 0] & 254)
    filled = Exemplar()(pierced(rgb, hole), hole, labels=labels)
    np.testing.assert_array_equal(filled[..., 0] % 2, labels)


def test_a_covered_region_goes_on_in_its_own_pattern() -> None:
    # A checkerboard above, plain ground below; the label says that the board goes on in the hole.
    rgb = checker(80, 80, 1)
    rgb[40:] = 128
    hole = box_hole(80, 80, 38, 20, 66, 60)
    labels = ((np.arange(80)[:, None] < 40) | hole).astype(np.int32)
    filled = Exemplar()(pierced(rgb, hole), hole, labels=labels)[hole].reshape(28, 40, 3)
    alternates = (filled[1:] != filled[:-1]).any(-1)
    assert alternates.mean() > 0.9


def test_the_membrane_carries_a_slope_across() -> None:
    y, x = np.mgrid[:64, :64]
    rgb = np.stack([x * 2, y * 2, x + y], -1).astype(np.uint8)
    hole = box_hole(64, 64, 20, 20, 44, 44)
    filled = Membrane()(pierced(rgb, hole), hole).astype(int)
    assert np.abs(filled - rgb).max() <= 2


def test_the_membrane_never_leaves_the_range_of_its_rim() -> None:
    rgb = noise(40, 40)
    known = ~box_hole(40, 40, 10, 10, 30, 30)
    stretched = solve_membrane(rgb, known)
    inside = stretched[~known]
    assert inside.min() >= rgb[known].min() and inside.max() <= rgb[known].max()
    np.testing.assert_array_equal(stretched[known], rgb[known])


def test_grain_is_dithered_and_a_clean_ground_is_not() -> None:
    hole = box_hole(40, 40, 10, 10, 30, 30)
    rough = noise(40, 40)
    one, other = (Membrane()(rough, hole, seed=seed) for seed in (1, 2))
    assert (one != other).any() and np.abs(one.astype(int) - other).max() <= 1
    clean = stripes(40, 40, 0, 40)
    np.testing.assert_array_equal(Membrane()(clean, hole, seed=1), Membrane()(clean, hole, seed=2))


def test_the_palette_fill_brings_no_new_colour() -> None:
    rgb = checker(60, 60, 10)
    hole = box_hole(60, 60, 20, 20, 40, 40)
    assert colors(PaletteFill()(pierced(rgb, hole), hole)) <= colors(rgb)
    assert len(colors(Membrane()(pierced(rgb, hole), hole))) > 2


def test_a_palette_is_found_under_compression_and_not_in_noise() -> None:
    two = np.repeat(np.uint8([[40, 80, 120], [200, 160, 100]]), 200, 0)
    ringing = np.random.default_rng(0).integers(0, 3, (400, 3)).astype(np.uint8)
    palette = find_palette(two + ringing)
    assert palette is not None and len(palette.colors) <= 16
    assert colors(palette.colors) <= colors(two + ringing)
    assert find_palette(noise(20, 20).reshape(-1, 3)) is None
    assert find_palette(np.zeros((0, 3), np.uint8)) is None
