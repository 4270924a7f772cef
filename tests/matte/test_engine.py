"""Colours under alpha 0, premultiplied pixels and canvases are what an engine expects."""

from io import BytesIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from birefcli.errors import UsageError
from birefcli.image.placing import next_power
from birefcli.matte.engine import bleed, canvas, pad, power_of_two, premultiply, square


def disc(size: int = 64, radius: int = 12) -> np.ndarray:
    """A red disc with a soft rim; what lies under alpha 0 is still the old blue ground."""
    image = Image.new("L", (size * 8, size * 8))
    middle = size * 4
    ImageDraw.Draw(image).circle((middle, middle), radius * 8, fill=255)
    alpha = np.array(image.resize((size, size), Image.Resampling.BOX))
    rgba = np.zeros((size, size, 4), np.uint8)
    rgba[..., :3] = np.where(alpha[..., None] > 0, (255, 0, 0), (0, 0, 255))
    rgba[..., 3] = alpha
    return rgba


def test_bleed_puts_the_colour_of_the_edge_under_alpha_0() -> None:
    rgba = disc()
    bled = bleed(rgba, None)
    assert np.array_equal(bled[..., 3], rgba[..., 3])
    assert np.array_equal(bled[rgba[..., 3] > 0], rgba[rgba[..., 3] > 0])
    assert (bled[..., :3] == (255, 0, 0)).all()


def test_bleed_ends_at_its_reach() -> None:
    bled, rgba = bleed(disc(), 5), disc()
    y, x = np.mgrid[:64, :64]
    distance = np.hypot(y - 31.5, x - 31.5) - 12
    clear = rgba[..., 3] == 0
    assert (bled[clear & (distance < 3.5)][:, 0] == 255).all()
    assert (bled[clear & (distance > 7)] == 0).all()
    assert not (bled[..., 2] > 0).any(), "nothing of the old ground is left"


def test_a_bled_picture_made_smaller_by_an_engine_has_no_fringe() -> None:
    # Engines filter colour and alpha apart from one another.
    channels = cv_resize(bleed(disc()))
    assert (channels[channels[..., 3] > 0][:, 0] >= 254).all()
    assert (cv_resize(disc())[..., 2] > 60).any(), "the fringe that is prevented"


def cv_resize(rgba: np.ndarray) -> np.ndarray:
    return np.dstack(
        [np.array(Image.fromarray(rgba[..., i]).resize((21, 21), Image.BILINEAR)) for i in range(4)]
    )


def test_bleed_asks_the_solid_neighbour_and_not_a_nearly_clear_pixel() -> None:
    row = np.array([[(9, 90, 200, 255), (255, 0, 0, 3), (1, 1, 1, 0), (2, 2, 2, 0)]], np.uint8)
    bled = bleed(row)
    assert bled[0, 1].tolist() == [255, 0, 0, 3]
    assert bled[0, 2].tolist() == [9, 90, 200, 0]
    assert bled[0, 3].tolist() == [9, 90, 200, 0]


def test_bleed_is_the_nearest_colour_as_a_slow_search_finds_it() -> None:
    rgba = np.zeros((15, 15, 4), np.uint8)
    points = {(2, 3): (10, 0, 0), (12, 4): (0, 20, 0), (7, 13): (0, 0, 30)}
    for place, color in points.items():
        rgba[place] = (*color, 255)
    bled = bleed(rgba, None)
    for y, x in np.ndindex(15, 15):
        distances = {place: np.hypot(y - place[0], x - place[1]) for place in points}
        first, second, _ = sorted(distances.values())
        if second - first > 0.3:
            assert tuple(bled[y, x, :3].tolist()) == points[min(distances, key=distances.get)]


def test_bleed_of_all_and_of_nothing() -> None:
    clear = np.full((3, 3, 4), 7, np.uint8)
    clear[..., 3] = 0
    assert not bleed(clear).any()
    solid = np.full((3, 3, 4), 255, np.uint8)
    assert np.array_equal(bleed(solid), solid)


def test_premultiply_rounds_every_pair_to_the_nearest() -> None:
    color, alpha = np.mgrid[:256, :256].astype(np.uint8)
    got = premultiply(np.dstack([color, color, color, alpha]))
    exact = np.floor(color.astype(np.float64) * alpha / 255 + 0.5)
    assert np.array_equal(got[..., 0], exact)
    assert np.array_equal(got[..., 3], alpha)


ANCHORS = {
    "top-left": (0, 0),
    "top": (3, 0),
    "top-right": (7, 0),
    "left": (0, 2),
    "center": (3, 2),
    "right": (7, 2),
    "bottom-left": (0, 5),
    "bottom": (3, 5),
    "bottom-right": (7, 5),
}


@pytest.mark.parametrize(("anchor", "offset"), ANCHORS.items())
def test_a_canvas_holds_the_picture_at_its_anchor(anchor: str, offset: tuple[int, int]) -> None:
    rgba = np.random.default_rng(1).integers(1, 256, (4, 5, 4)).astype(np.uint8)
    framed = canvas(rgba, (9, 12), anchor)
    assert framed.offset == offset
    x, y = offset
    assert np.array_equal(framed.rgba[y : y + 4, x : x + 5], rgba)
    assert np.count_nonzero(framed.rgba) == rgba.size
    stream = BytesIO()
    Image.fromarray(framed.rgba).save(stream, "PNG")
    assert Image.open(stream).getbbox() == (x, y, x + 5, y + 4)


def test_a_canvas_too_small_is_refused() -> None:
    with pytest.raises(UsageError, match="8x9 does not hold 9x9"):
        canvas(np.zeros((9, 9, 4), np.uint8), (9, 8))
    with pytest.raises(UsageError, match="no anchor"):
        canvas(np.zeros((9, 9, 4), np.uint8), (9, 9), "middle")  # type: ignore[arg-type]


@given(st.integers(1, 70), st.integers(1, 70))
@settings(max_examples=30, deadline=None)
def test_frames_hold_the_picture_and_no_more_than_they_must(height: int, width: int) -> None:
    rgba = np.full((height, width, 4), 255, np.uint8)
    for framed, size in (
        (pad(rgba, 3), (height + 6, width + 6)),
        (square(rgba), (max(height, width),) * 2),
        (power_of_two(rgba), (next_power(height), next_power(width))),
    ):
        x, y = framed.offset
        assert framed.rgba.shape[:2] == size
        assert (framed.rgba[y : y + height, x : x + width] == 255).all()
        assert np.count_nonzero(framed.rgba) == rgba.size
    assert pad(rgba, 3).offset == (3, 3)


def test_powers_of_two() -> None:
    assert [next_power(n) for n in (1, 2, 3, 4, 5, 255, 256, 257)] == [1, 2, 4, 4, 8, 256, 256, 512]
