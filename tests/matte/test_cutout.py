from typing import Any

import numpy as np
import pytest
from fakes import draw

from birefcli.image.decode import Picture
from birefcli.image.types import Alpha, Matte, Rgb
from birefcli.matte import morphology as mattes
from birefcli.matte.cutout import clean, make_cutout, network_view, render
from birefcli.matte.foreground import checkerboard, estimate_foreground, over
from birefcli.settings.cut import CutSettings, OnEmpty
from birefcli.settings.cutout import AlphaMode, Format, Product

SIZE = (30, 40)  # (height, width)


def settings(**values: Any) -> CutSettings:
    return CutSettings(inputs=("x",), **{"levels": (0.0, 1.0), "key": "off", **values})


def picture(rgb: Rgb | None = None, alpha: Alpha | None = None) -> Picture:
    """A picture, of many colours unless told."""
    return Picture(np.asarray(draw(1)) if rgb is None else rgb, alpha, None, None)


def disk(soft: bool = True) -> Matte:
    """A disk a little right of the middle, with a rim four pixels wide if soft."""
    y, x = np.indices(SIZE)
    distance = np.hypot(y - 14, x - 22).astype(np.float32)
    return np.clip((10 - distance) / 4 + 0.5, 0, 1) if soft else (distance < 8).astype(np.float32)


def shown(
    matte: Matte,
    source: Picture | None = None,
    product: Product = Product.CUTOUT,
    format: Format = Format.PNG,
    **values: Any,
) -> np.ndarray:
    """The pixels of one product."""
    source = source or picture()
    chosen = settings(**values)
    return render(make_cutout(source, matte, chosen), source, product, format, chosen)


# What the network sees


def test_an_opaque_picture_is_seen_as_it_is() -> None:
    assert network_view(picture()) is picture().rgb or (network_view(picture()) == draw(1)).all()


@pytest.mark.parametrize("grey", [0, 60, 128, 200, 255])
def test_a_transparent_picture_is_seen_over_a_colour_unlike_its_own(grey: int) -> None:
    rgb = np.full((1, 3, 3), grey, np.uint8)
    seen = network_view(picture(rgb, np.array([[0, 128, 255]], np.uint8))).astype(int)
    assert np.abs(seen[0, 0] - grey).max() >= 60
    assert (seen[0, 2] == grey).all()
    assert np.abs(2 * seen[0, 1] - seen[0, 0] - grey).max() <= 2


# Alpha


def test_the_pictures_own_alpha_multiplies_the_matte() -> None:
    own = np.full(SIZE, 51, np.uint8)  # a fifth
    alpha = shown(disk(), picture(alpha=own))[..., 3]
    assert np.abs(alpha - disk() * 51).max() <= 0.5


def test_a_faint_picture_is_not_called_empty() -> None:
    assert not make_cutout(picture(alpha=np.full(SIZE, 9, np.uint8)), disk(), settings()).is_empty


def test_what_was_transparent_stays_so_even_inverted() -> None:
    own = np.full(SIZE, 255, np.uint8)
    own[:5] = 0
    for invert in (False, True):
        assert not shown(disk(), picture(alpha=own), invert=invert)[:5, :, 3].any()


def test_alpha_is_the_matte_rounded_once() -> None:
    assert (shown(disk())[..., 3] == np.rint(disk() * 255)).all()


def test_hard_alpha_has_two_values_and_cuts_at_the_threshold() -> None:
    for threshold in (0.25, 0.5, 0.75):
        alpha = shown(disk(), alpha=AlphaMode.HARD, threshold=threshold)[..., 3]
        assert (alpha == np.where(disk() >= threshold, 255, 0)).all()


def test_auto_is_hard_for_small_pictures_of_few_colours_only() -> None:
    few = np.full((*SIZE, 3), 90, np.uint8)
    assert set(np.unique(shown(disk(), picture(few))[..., 3])) == {0, 255}
    assert len(np.unique(shown(disk())[..., 3])) > 2
    assert len(np.unique(shown(disk(), picture(few), alpha=AlphaMode.SOFT)[..., 3])) > 2
    wide = picture(np.full((30, 257, 3), 90, np.uint8))
    matte = np.tile(np.linspace(0, 1, 257, dtype=np.float32), (30, 1))
    assert len(np.unique(shown(matte, wide)[..., 3])) > 2


# The matte options


def test_levels_snap_the_ends() -> None:
    matte = np.array([[0.0, 0.02, 0.5, 0.98, 1.0]], np.float32)
    assert clean(matte, CutSettings(inputs=("x",)), is_hard=False)[0].tolist() == [0, 0, 0.5, 1, 1]


def test_specks_go_before_holes_are_filled_and_the_object_grows() -> None:
    matte = disk(soft=False)
    matte[14, 22] = 0  # a hole
    matte[2, 2] = 1  # a speck
    whole = disk(soft=False)
    assert (clean(matte, settings(min_area=2, fill_holes=True), is_hard=True) == whole).all()
    grown = clean(matte, settings(min_area=2, fill_holes=True, grow=2), is_hard=True)
    assert (grown == mattes.grow(whole, 2)).all()
    shrunk = clean(matte, settings(min_area=2, fill_holes=True, shrink=2), is_hard=True)
    assert (shrunk == mattes.shrink(whole, 2)).all()


def test_inversion_comes_last() -> None:
    matte = disk(soft=False)
    assert (
        clean(matte, settings(grow=3, invert=True), is_hard=True) == 1 - mattes.grow(matte, 3)
    ).all()


# Colour


def test_hidden_colour_is_zero_unless_it_is_to_bleed() -> None:
    bleeding = shown(disk(), bleed=16, keep_colors=True)
    clear = bleeding[..., 3] == 0
    assert clear.any() and bleeding[clear][:, :3].any()
    assert not shown(disk())[clear].any()


def test_hidden_colour_is_zero_where_alpha_rounds_to_zero() -> None:
    assert not shown(np.full(SIZE, 0.4 / 255, np.float32) + disk(soft=False) * 0.9)[0, 0].any()


def test_colours_of_soft_edges_are_freed_from_the_background() -> None:
    """A white object on red: its soft edge must not stay pink."""
    truth = np.full((*SIZE, 3), 250, np.uint8)
    red = np.zeros((*SIZE, 3), np.uint8)
    red[..., 0] = np.random.default_rng(0).integers(150, 200, SIZE)
    red[..., 1] = np.random.default_rng(1).integers(0, 9, SIZE)
    mixed = picture(over(truth, disk(), red))
    edge = (disk() > 0.2) & (disk() < 0.9)

    def error(rgba: np.ndarray) -> float:
        return float(np.abs(rgba[edge][:, :3].astype(float) - 250).mean())

    kept, freed = shown(disk(), mixed, keep_colors=True), shown(disk(), mixed)
    assert error(freed) < 0.4 * error(kept)
    assert (kept[edge][:, :3] == mixed.rgb[edge]).all()
    assert (freed[..., 3] == kept[..., 3]).all()


def test_hard_alpha_keeps_every_surviving_colour_bit_for_bit() -> None:
    rgba = shown(disk(), alpha=AlphaMode.HARD)
    alive = rgba[..., 3] == 255
    assert (rgba[alive][:, :3] == picture().rgb[alive]).all()
    assert not rgba[~alive].any()


def test_hard_alpha_keeps_colours_under_the_pictures_own_soft_alpha() -> None:
    """A sprite's half-transparent shadow is the artist's, not a soft edge."""
    own = np.full(SIZE, 128, np.uint8)
    rgba = shown(disk(), picture(alpha=own), alpha=AlphaMode.HARD)
    alive = rgba[..., 3] > 0
    assert (rgba[alive][:, 3] == 128).all()
    assert (rgba[alive][:, :3] == picture().rgb[alive]).all()


# On a background


@pytest.mark.parametrize("color", ["white", "#0a141e", "10,20,30"])
def test_a_background_leaves_no_transparency_and_no_rim(color: str) -> None:
    flat = shown(disk(), background=color)
    assert flat.shape == (*SIZE, 3)
    ground = np.array([255, 255, 255] if color == "white" else [10, 20, 30])
    assert (flat[disk() == 0] == ground).all()
    foreground = estimate_foreground(picture().rgb, disk())
    m = np.rint(disk()[..., None] * 255) / 255
    assert np.abs(flat - (m * foreground + (1 - m) * ground)).max() <= 0.51


def test_a_jpg_lies_on_white_or_on_its_background() -> None:
    assert (shown(disk(), format=Format.JPG)[0, 0] == 255).all()
    assert (shown(disk(), format=Format.JPG, background="black")[0, 0] == 0).all()


# Masks and previews


def test_a_mask_of_16_bits_holds_more_than_8() -> None:
    mask = shown(disk(), product=Product.MASK, mask_bits=16, emit=(Product.MASK,))
    assert mask.dtype == np.uint16
    assert (mask == np.rint(disk() * 65535)).all()
    assert (shown(disk(), product=Product.MASK) == np.rint(disk() * 255)).all()


def test_a_preview_shows_the_picture_and_the_cutout_on_a_checkerboard() -> None:
    preview = shown(disk(), product=Product.PREVIEW, crop=True)
    left, right = preview[:, : SIZE[1]], preview[:, SIZE[1] :]
    assert (left == picture().rgb).all()
    assert (right[disk() == 0] == checkerboard(SIZE)[disk() == 0]).all()


# The frame


def test_the_crop_holds_the_object_and_nothing_else() -> None:
    hard = settings(crop=True, alpha=AlphaMode.HARD)
    cutout = make_cutout(picture(), disk(), hard)
    assert cutout.box is not None
    left, top, right, bottom = cutout.box
    whole = shown(disk(), alpha=AlphaMode.HARD)
    cropped = render(cutout, picture(), Product.CUTOUT, Format.PNG, hard)
    assert (cropped == whole[top:bottom, left:right]).all()
    assert np.count_nonzero(cropped[..., 3]) == np.count_nonzero(whole[..., 3])
    for edge in (cropped[0], cropped[-1], cropped[:, 0], cropped[:, -1]):
        assert edge[..., 3].any()


def test_a_margin_stops_at_the_pictures_edge() -> None:
    wide = make_cutout(picture(), disk(), settings(crop=True, margin=1000))
    assert wide.box == (0, 0, SIZE[1], SIZE[0])
    near, far = (make_cutout(picture(), disk(), settings(crop=True, margin=m)) for m in (0, 2))
    assert near.box and far.box
    assert [b - a for a, b in zip(near.box, far.box, strict=True)] == [-2, -2, 2, 2]


def test_a_haze_does_not_widen_the_crop() -> None:
    hazy = np.maximum(disk(soft=False), np.float32(12 / 255))
    clear = make_cutout(picture(), disk(soft=False), settings(crop=True))
    assert make_cutout(picture(), hazy, settings(crop=True)).box == clear.box


# Nothing found


def faint() -> Matte:
    """Noise that finds nothing: other tools stretch it to a full-contrast mask."""
    return np.random.default_rng(0).uniform(0, 0.3, SIZE).astype(np.float32)


def test_an_empty_picture_is_empty_and_never_stretched_noise() -> None:
    cutout = make_cutout(picture(), faint(), settings())
    assert cutout.is_empty
    assert not shown(faint()).any()
    assert not shown(faint(), product=Product.MASK).any()
    constant = np.full(SIZE, 0.25, np.float32)
    assert not shown(constant).any()


def test_an_empty_picture_is_left_whole_by_a_crop() -> None:
    assert make_cutout(picture(), faint(), settings(crop=True)).box is None


def test_an_empty_picture_can_be_copied_with_its_own_alpha() -> None:
    own = np.random.default_rng(0).integers(1, 256, SIZE).astype(np.uint8)
    rgba = shown(faint(), picture(alpha=own), on_empty=OnEmpty.COPY)
    assert (rgba == np.dstack([picture().rgb, own])).all()
    opaque = shown(faint(), on_empty=OnEmpty.COPY)
    assert (opaque[..., 3] == 255).all() and (opaque[..., :3] == picture().rgb).all()


def test_a_picture_that_was_transparent_all_over_is_empty() -> None:
    assert make_cutout(picture(alpha=np.zeros(SIZE, np.uint8)), disk(), settings()).is_empty
