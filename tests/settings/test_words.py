"""How words become values: choices, numbers, sizes, durations and bars."""

import math

import pytest

from birefcli.settings.cutout import Product
from birefcli.settings.synth import Suite
from birefcli.settings.words import (
    BARS,
    DURATION,
    LOW_HIGH,
    NAME,
    NAMES,
    ORDER,
    SIZE,
    Bar,
    Words,
    several,
)


@pytest.mark.parametrize(
    ("words", "text", "value"),
    [
        (several(Product), "mask,cutout,mask", (Product.MASK, Product.CUTOUT)),
        (several(Suite, everything="all"), "flat, all", tuple(Suite)),
        (NAMES, "mae, F,mae", ("mae", "F")),
        (BARS, "S=0.5,MAE=-inf", (Bar("S", 0.5), Bar("MAE", -math.inf))),
        (LOW_HIGH, "0.1,0.9", (0.1, 0.9)),
        (ORDER, "2,1,3", (2, 1, 3)),
        (SIZE, "640x480", (480, 640)),
        (SIZE, "512", (512, 512)),
        (DURATION, "90s", 1.5),
        (DURATION, "2h", 120),
    ],
)
def test_words_are_read_and_shown_so_that_they_read_the_same(
    words: Words[object], text: str, value: object
) -> None:
    assert words.read(text) == value
    assert words.read(words.show(value)) == value


@pytest.mark.parametrize(
    ("words", "text", "sentence"),
    [
        (several(Product), "mask,gif", "'gif' is not one of cutout, mask, preview"),
        (several(Suite), "all", "'all' is not one of flat"),
        (LOW_HIGH, "1", "'1' is not LOW,HIGH"),
        (ORDER, "2;1", "'2;1' is not like 2,1,3"),
        (SIZE, "1x2x3", "is not like 640x480"),
        (DURATION, "25", "is not like 90s"),
        (DURATION, "nanm", "longer than nothing"),
        (DURATION, "0s", "longer than nothing"),
    ],
)
def test_what_cannot_be_read_is_said_in_a_sentence(
    words: Words[object], text: str, sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        words.read(text)


def test_names_are_checked_against_a_table_and_written_as_it_writes_them() -> None:
    known = ("S", "MAE")
    assert NAME.check and NAMES.check and BARS.check
    assert NAME.check("mae", known) == "MAE"
    assert NAMES.check(("mae", "MAE", "s"), known) == ("MAE", "S")
    assert BARS.check((Bar("mae", 0.1),), known) == (Bar("MAE", 0.1),)
    with pytest.raises(ValueError, match="'psnr' is not one of S, MAE"):
        BARS.check((Bar("psnr", 1),), known)


def test_a_bar_says_how_it_is_missed() -> None:
    bar = Bar("any", 0.5)
    assert bar.shortfall(0.5, is_error=True) is None and bar.shortfall(0.5, is_error=False) is None
    assert bar.shortfall(0.6, is_error=True) == "is 0.6, above 0.5"
    assert bar.shortfall(0.4, is_error=False) == "is 0.4, below 0.5"
    assert bar.shortfall(math.nan, is_error=True) == "has no value"
    for wrong in ("S", "S=", "S=x", "S=nan", ""):
        with pytest.raises(ValueError, match="is not like NAME="):
            BARS.read(wrong)
