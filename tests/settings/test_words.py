"""How words become values: choices, numbers, sizes, durations and bars."""

import math

import pytest

from birefcli.settings.cutout import Product
from birefcli.settings.evaluate import METRICS as METRIC_WORDS
from birefcli.settings.evaluate import SEGMENTATION, EvalSettings, Metric
from birefcli.settings.evaluate_stacks import METRICS, EvalPeelSettings
from birefcli.settings.options import settings_of
from birefcli.settings.synth import Suite
from birefcli.settings.words import DURATION, LOW_HIGH, ORDER, SIZE, Words, several


@pytest.mark.parametrize(
    ("words", "text", "value"),
    [
        (several(Product), "mask,cutout,mask", (Product.MASK, Product.CUTOUT)),
        (several(Suite, everything="all"), "flat, all", tuple(Suite)),
        (METRIC_WORDS, "mae,F", (Metric.MAE, Metric.MAX_F, Metric.MEAN_F, Metric.ADP_F)),
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
        (METRIC_WORDS, "psnr", "'psnr' is not one of S, maxF"),
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


@pytest.mark.parametrize(
    ("record", "name"), [(EvalSettings, "MAE"), (EvalPeelSettings, "differing-px")]
)
def test_bars_are_read_by_one_parser_in_both_commands(record: type, name: str) -> None:
    (bars,) = (one.option.words for one in settings_of(record) if one.name == "fail_below")
    assert bars is not None
    first, second = bars.read(f"{name}=0.5,{name.upper()}=-inf")
    assert first.metric == second.metric and first.metric.is_error
    assert first.is_met(0.5) and not first.is_met(0.6) and first.side == "above"
    assert not first.is_met(math.nan)
    for wrong in (name, f"{name}=", f"{name}=x", f"{name}=nan", "beauty=1", ""):
        with pytest.raises(ValueError, match=r"is not (like|one of)"):
            bars.read(wrong)


def test_groups_of_metrics_are_shown_by_their_name() -> None:
    assert METRIC_WORDS.show(SEGMENTATION) == "segmentation"
    assert METRIC_WORDS.show((Metric.S, Metric.MAE)) == "S,MAE"
    assert len({metric.name for metric in METRICS}) == len(METRICS)
