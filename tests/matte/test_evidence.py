"""What a picture gives away decides it: its own alpha, or the ground it stands on."""

from typing import Any

import numpy as np
import pytest

from birefcli.errors import UsageError
from birefcli.image.decode import Picture
from birefcli.image.types import Matte, Rgba
from birefcli.matte.cutout import make_cutout, render
from birefcli.matte.evidence import DecidedBy, check_key
from birefcli.settings.cut import CutSettings
from birefcli.settings.cutout import AlphaMode, Format, Product

MAGENTA = (255, 0, 255)


def picture(pixels: np.ndarray) -> Picture:
    alpha = np.ascontiguousarray(pixels[..., 3]) if pixels.shape[2] == 4 else None
    return Picture(np.ascontiguousarray(pixels[..., :3]), alpha, None, None)


def nothing(pixels: np.ndarray) -> Matte:
    return np.zeros(pixels.shape[:2], np.float32)


def cut(pixels: np.ndarray, matte: Matte | None = None, **values: Any) -> np.ndarray:
    source, settings = picture(pixels), CutSettings(inputs=("x",), **values)
    seen = nothing(pixels) if matte is None else matte
    cutout = make_cutout(source, seen, settings)
    return render(cutout, source, Product.CUTOUT, Format.PNG, settings)


def evidence(pixels: np.ndarray, matte: Matte | None = None, **values: Any) -> Any:
    seen = nothing(pixels) if matte is None else matte
    return make_cutout(picture(pixels), seen, CutSettings(inputs=("x",), **values)).evidence


def disc(side: int, radius: float, edge: float = 1.0) -> Matte:
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    return np.clip((radius - np.hypot(y, x)) / edge + 0.5, 0, 1).astype(np.float32)


def sword(hidden: int = 0) -> Rgba:
    """A thin grey sword with a black grip, and any colour under alpha 0."""
    rgba = np.zeros((40, 40, 4), np.uint8)
    rgba[..., :3] = hidden
    for i in range(6, 34):
        rgba[i, 39 - i] = (128, 128, 128, 255) if i < 28 else (0, 0, 0, 255)
    return rgba


def ghost(side: int = 160) -> Rgba:
    """A half-transparent thing with a soft shadow, in straight colours."""
    rgba = np.zeros((side, side, 4), np.uint8)
    rgba[..., 3] = np.rint(disc(side, side / 3, 9) * 120)
    rgba[..., :3] = np.random.default_rng(0).integers(0, 256, (side, side, 3))
    rgba[rgba[..., 3] == 0] = 0
    return rgba


def on(color: tuple[int, int, int], object_: Rgba) -> np.ndarray:
    share = object_[..., 3:] / 255
    return np.rint(object_[..., :3] * share + np.array(color) * (1 - share)).astype(np.uint8)


# Pictures with an alpha of their own


@pytest.mark.parametrize("pixels", [sword(), ghost(), ghost(60)], ids=["sword", "ghost", "small"])
@pytest.mark.parametrize("seen", [0.0, 0.6, 1.0])
def test_a_finished_cutout_comes_through_unchanged(pixels: Rgba, seen: float) -> None:
    matte = np.full(pixels.shape[:2], seen, np.float32)
    assert (cut(pixels, matte) == pixels).all()
    assert evidence(pixels, matte).decided_by == DecidedBy.ALPHA


@pytest.mark.parametrize("hidden", [0, 90, 255])
def test_colour_under_alpha_0_never_votes_and_becomes_0(hidden: int) -> None:
    assert (cut(sword(hidden)) == sword()).all()


def test_faint_and_tiny_cutouts_are_no_empty_pictures() -> None:
    rgba = np.zeros((300, 300, 4), np.uint8)
    rgba[3:5, 3:5] = (9, 8, 7, 1)
    assert (cut(rgba) == rgba).all()
    cropped = cut(rgba, crop=True)
    assert cropped.shape == (2, 2, 4) and (cropped == rgba[3:5, 3:5]).all()


def test_a_photograph_with_round_corners_is_no_cutout() -> None:
    side = 200
    rgba = np.full((side, side, 4), 255, np.uint8)
    rgba[..., :3] = np.random.default_rng(1).integers(40, 200, (side, side, 3))
    y, x = np.minimum(*np.mgrid[:side, :side]), 0
    rgba[y + x < 2, 3] = 0
    matte = disc(side, 50)
    out = cut(rgba, matte)
    assert evidence(rgba, matte).decided_by == DecidedBy.NETWORK
    assert out[100, 100, 3] == 255 and out[100, 20, 3] == 0


def test_straight_colours_stay_where_only_the_artists_alpha_is_soft() -> None:
    rgba = np.full((120, 120, 4), 255, np.uint8)
    rgba[..., :3] = np.random.default_rng(2).integers(40, 200, (120, 120, 3))
    rgba[40:60, 40:60, 3] = 128
    out = cut(rgba, np.ones((120, 120), np.float32), key="off")
    assert (out == rgba).all()


def test_a_plain_ground_inside_a_rectangle_of_alpha_goes_if_the_network_agrees() -> None:
    rgba = np.zeros((200, 200, 4), np.uint8)
    rgba[20:180, 20:180] = 255
    rgba[70:130, 70:130, :3] = (200, 30, 30)
    inside = np.zeros((200, 200), np.float32)
    inside[70:130, 70:130] = 1
    out = cut(rgba, inside)
    assert (out[..., 3] == 255 * (inside > 0)).all()
    found = evidence(rgba, inside)
    assert found.decided_by == DecidedBy.ALPHA_AND_GROUND and found.ground_words == "plain #ffffff"
    for doubt in (np.ones_like(inside), np.zeros_like(inside)):
        assert (cut(rgba, doubt) == rgba).all()
    assert (cut(rgba, inside, key="off") == rgba).all()


def test_alpha_that_is_forced_hard_is_decided() -> None:
    assert set(np.unique(cut(ghost(), alpha=AlphaMode.HARD, threshold=0.2)[..., 3])) == {0, 255}
    assert not cut(sword(), invert=True).any()


# Known grounds


def block(rgb: np.ndarray) -> np.ndarray:
    """Stand a red block with a yellow line on a ground; give where it is."""
    rgb[20:40, 24:50] = (200, 30, 30)
    rgb[22:38, 30] = (250, 240, 90)
    where = np.zeros(rgb.shape[:2], bool)
    where[20:40, 24:50] = True
    return where


def plain(color: tuple[int, int, int] = MAGENTA) -> tuple[np.ndarray, np.ndarray]:
    rgb = np.full((60, 80, 3), color, np.uint8)
    return rgb, block(rgb)


def checkered() -> tuple[np.ndarray, np.ndarray]:
    y, x = np.mgrid[:60, :80]
    rgb = np.where(((y // 5 + x // 5) % 2)[..., None], np.uint8(204), np.uint8(255))
    rgb = np.repeat(rgb, 3, 2)
    return rgb, block(rgb)


@pytest.mark.parametrize("scene", [plain(), checkered()], ids=["plain", "checker"])
def test_a_known_ground_is_cut_exactly_whatever_the_network_says(
    scene: tuple[np.ndarray, np.ndarray],
) -> None:
    rgb, where = scene
    for seen in (0.0, 0.3):
        out = cut(rgb, np.full(rgb.shape[:2], seen, np.float32))
        assert (out[..., 3] == 255 * where).all()
        assert (out[where][:, :3] == rgb[where]).all()
    found = evidence(rgb)
    assert found.decided_by == DecidedBy.GROUND and found.is_hard
    assert 0.5 < found.ground_confidence <= 1


def test_enlarged_art_is_cut_by_its_own_pixels() -> None:
    rgb, where = plain()
    large = np.repeat(np.repeat(rgb, 4, 0), 4, 1)
    out = cut(large)
    assert (out[..., 3] == 255 * np.repeat(np.repeat(where, 4, 0), 4, 1)).all()


def test_key_off_leaves_it_to_the_network() -> None:
    rgb, _ = plain()
    assert evidence(rgb, key="off").decided_by == DecidedBy.NETWORK
    assert not cut(rgb, key="off").any()


def test_a_colour_forces_a_ground_that_auto_does_not_take() -> None:
    rng = np.random.default_rng(3)
    rgb = rng.integers(0, 256, (60, 80, 3)).astype(np.uint8)
    rgb[10:30, 10:50] = (1, 2, 3)
    assert evidence(rgb).decided_by == DecidedBy.NETWORK
    found = evidence(rgb, key="#010203")
    assert found.ground_words == "plain #010203"
    assert evidence(rgb, key="1,2,3").ground_words == "plain #010203"


@pytest.mark.parametrize(
    ("name", "color"), [("green", (0, 180, 60)), ("magenta", (250, 10, 240)), ("black", (3, 3, 3))]
)
def test_a_name_means_the_borders_colour_of_that_kind(
    name: str, color: tuple[int, int, int]
) -> None:
    rgb, where = plain(color)
    assert (cut(rgb, key=name)[..., 3] == 255 * where).all()


@pytest.mark.parametrize(
    ("key", "reason"), [("checker", "no-checkerboard"), ("#00ff00", "no-such-ground")]
)
def test_a_ground_that_is_not_there_is_said_and_the_network_decides(key: str, reason: str) -> None:
    rgb, _ = plain()
    found = evidence(rgb, key=key)
    assert found.decided_by == DecidedBy.NETWORK and found.missing[0] == reason
    assert evidence(checkered()[0], key="checker").decided_by == DecidedBy.GROUND


def test_the_tolerance_says_what_still_is_ground() -> None:
    rgb, where = plain()
    rgb[2, 2] = (250, 0, 255)
    assert cut(rgb, key_tolerance=0)[2, 2, 3] == 255
    assert (cut(rgb, key_tolerance=6)[..., 3] == 255 * where).all()


def test_antialiased_art_keeps_no_rim_of_its_ground() -> None:
    truth = np.zeros((90, 90, 4), np.uint8)
    truth[..., :3], truth[..., 3] = (250, 240, 20), np.rint(disc(90, 30) * 255)
    rgb = on((0, 177, 64), truth)
    out = cut(rgb)
    assert np.abs(out[..., 3].astype(int) - truth[..., 3]).max() <= 3
    soft = (out[..., 3] > 40) & (out[..., 3] < 255)
    assert soft.any() and np.abs(out[soft][:, :3].astype(int) - (250, 240, 20)).max() <= 12
    hard = cut(rgb, alpha=AlphaMode.HARD)
    assert set(np.unique(hard[..., 3])) == {0, 255}
    kept = cut(rgb, keep_colors=True)
    assert (kept[soft][:, :3] == rgb[soft]).all()
    back = cut(rgb, invert=True)
    assert (back[back[..., 3] > 0][:, :3] == (0, 177, 64)).all()


def test_a_soft_shadow_on_a_ground_becomes_black_that_shows_through() -> None:
    shade = np.zeros((90, 90, 4), np.uint8)
    shade[..., 3] = np.rint(np.roll(disc(90, 30), 8, 1) * 51)
    sprite = np.zeros((90, 90, 4), np.uint8)
    sprite[..., :3], sprite[..., 3] = (250, 240, 20), np.rint(disc(90, 30) * 255)
    ground = on((0, 148, 132), shade)
    over = sprite[..., 3:] / 255
    out = cut(np.rint(sprite[..., :3] * over + ground * (1 - over)).astype(np.uint8))
    alone = (shade[..., 3] == 51) & (sprite[..., 3] == 0)
    assert alone.sum() > 200
    assert np.abs(out[alone][:, 3].astype(int) - 51).max() <= 2
    assert (out[alone][:, :3] == 0).all()
    inside = sprite[..., 3] == 255
    assert (out[inside][:, :3] == (250, 240, 20)).mean() > 0.98


def test_grey_art_on_white_is_no_shadow() -> None:
    truth = np.full((90, 90, 4), 150, np.uint8)
    truth[..., 3] = np.rint(disc(90, 30) * 255)
    out = cut(on((255, 255, 255), truth), alpha=AlphaMode.SOFT)
    assert (out[truth[..., 3] == 255] == (150, 150, 150, 255)).all(-1).mean() > 0.9


def test_a_picture_that_is_all_ground_is_empty() -> None:
    rgb = np.full((50, 50, 3), MAGENTA, np.uint8)
    settings = CutSettings(inputs=("x",))
    assert make_cutout(picture(rgb), np.ones((50, 50), np.float32), settings).is_empty


def test_a_ground_behind_a_picture_with_round_corners_is_found() -> None:
    rgb, where = plain()
    rgb = np.repeat(np.repeat(rgb, 3, 0), 3, 1)
    where = np.repeat(np.repeat(where, 3, 0), 3, 1)
    rgba = np.dstack([rgb, np.full(rgb.shape[:2], 255, np.uint8)])
    rgba[0, :2] = rgba[1, 0] = (0, 0, 0, 0)
    out = cut(rgba)
    assert (out[..., 3] == 255 * where).all()


@pytest.mark.parametrize("word", ["auto", "off", "checker", "magenta", "red", "#abc", "1,2,3"])
def test_words_for_a_ground(word: str) -> None:
    check_key(word)


def test_what_is_no_ground_is_refused() -> None:
    with pytest.raises(UsageError, match="--key takes auto, off, checker or a colour"):
        check_key("blurple")
