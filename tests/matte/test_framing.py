"""Frames for engines: their order, where things lie in them, and what is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cuts import go, pixels
from PIL import Image

from birefcli.batch.report import Status
from birefcli.errors import UsageError
from birefcli.matte.framing import framed
from birefcli.settings.cut import CutSettings
from birefcli.settings.cutout import Anchor, Format, Product


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def settings(**values: Any) -> CutSettings:
    return CutSettings(inputs=("x",), **values)


def sprite() -> np.ndarray:
    """A red block with a soft side, off the middle of a clear picture."""
    rgba = np.zeros((20, 30, 4), np.uint8)
    rgba[4:10, 6:16] = (200, 40, 20, 255)
    rgba[4:10, 15, 3] = 100
    Image.fromarray(rgba).save("a.png")
    return rgba


def test_steps_come_in_their_order_and_the_offset_adds_up() -> None:
    array = np.arange(1, 13, dtype=np.uint8).reshape(3, 4)
    asked = settings(pad=1, square=True, canvas=(9, 7), anchor=Anchor.BOTTOM_RIGHT, pot=True)
    result = framed(array, (1, 0, 4, 2), asked)
    x, y = result.offset
    assert result.rgba.shape == (16, 8)
    assert (result.rgba[y : y + 2, x : x + 3] == array[:2, 1:4]).all()
    assert np.count_nonzero(result.rgba) == 6
    # One pixel of padding stays at the right and at the bottom.
    assert (x + 3, y + 2) == (7, 15)


@pytest.mark.parametrize(
    ("values", "shape"),
    [
        ({"pad": 3}, (26, 36)),
        ({"square": True}, (30, 30)),
        ({"canvas": (40, 50)}, (40, 50)),
        ({"pot": True}, (32, 32)),
        ({"crop": True, "margin": 1, "pad": 2}, (12, 16)),
    ],
)
def test_every_frame_reaches_cutout_mask_and_report(
    values: dict[str, Any], shape: tuple[int, int]
) -> None:
    whole = sprite()
    (outcome,) = go("a.png", out="out", emit=(Product.CUTOUT, Product.MASK), **values)
    assert outcome.cut is not None and outcome.status == Status.DONE
    cutout, mask = pixels("out/a.png"), pixels("out/a_mask.png")
    assert cutout.shape == (*shape, 4) and mask.shape == shape
    assert (cutout[..., 3] == mask).all()
    left, top, right, bottom = outcome.box or (0, 0, 30, 20)
    x, y = outcome.cut.offset
    placed = cutout[y : y + bottom - top, x : x + right - left]
    assert (placed == whole[top:bottom, left:right]).all()
    assert np.count_nonzero(cutout[..., 3]) == np.count_nonzero(whole[..., 3])


def test_the_anchor_holds_it_at_an_edge() -> None:
    sprite()
    (outcome,) = go("a.png", out="a.out.png", crop=True, canvas=(40, 40), anchor=Anchor.BOTTOM)
    assert outcome.cut is not None and outcome.cut.offset == (15, 34)


def test_a_canvas_that_is_too_small_fails_one_picture_in_one_sentence() -> None:
    sprite()
    (outcome,) = go("a.png", canvas=(10, 10))
    assert outcome.status == Status.FAILED and outcome.reason == "canvas"
    assert "a canvas of 10x10 does not hold 30x20" in outcome.message


def test_colour_is_spread_under_alpha_0_after_framing() -> None:
    sprite()
    go("a.png", out="near.png", bleed=2, crop=True, pad=4)
    go("a.png", out="all.png", bleed="all", crop=True, pad=4)
    go("a.png", out="old.png", bleed=True, crop=True, pad=4)
    near, everywhere = pixels("near.png"), pixels("all.png")
    assert (everywhere[..., :3] == (200, 40, 20)).all()
    assert not near[0, 0, :3].any() and (near[2, 8, :3] == (200, 40, 20)).all()
    assert (near[..., 3] == everywhere[..., 3]).all()
    assert (pixels("old.png") == everywhere).all()


def test_colours_are_stored_times_alpha() -> None:
    sprite()
    go("a.png", out="b.png", premultiply=True)
    stored = pixels("b.png")
    assert stored[5, 15].tolist() == [78, 16, 8, 100] and stored[5, 8].tolist() == [
        200,
        40,
        20,
        255,
    ]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"bleed": 16, "background": "white"}, "--bleed needs alpha, which --background"),
        ({"bleed": 16, "format": Format.JPG}, "--bleed needs alpha, which jpg"),
        ({"bleed": "some"}, "--bleed takes a number of pixels or all"),
        ({"bleed": 16, "premultiply": True}, "leave out --premultiply"),
        ({"premultiply": True, "background": "red"}, "--premultiply needs alpha"),
        ({"premultiply": True, "emit": (Product.MASK,)}, "is for cutouts"),
        ({"anchor": Anchor.TOP}, "--anchor needs --square, --canvas or --pot"),
        ({"canvas": (0, 4)}, "--canvas takes"),
        ({"key": "off", "key_tolerance": 3}, "--key-tolerance needs a ground"),
    ],
)
def test_what_makes_no_sense_is_refused(values: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        settings(**values)


def test_special_alpha_is_refused_for_a_file_that_is_named_jpg() -> None:
    sprite()
    with pytest.raises(UsageError, match=r"--bleed needs alpha, which .*b.jpg has not"):
        go("a.png", out="b.jpg", bleed=16)
