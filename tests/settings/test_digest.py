"""The digest of settings: it follows from the fields, and keeps its value, so old results stay."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from birefcli.settings.cut import CutSettings, OnEmpty
from birefcli.settings.cutout import AlphaMode, Format, Product
from birefcli.settings.digest import deciding, recalled, settings_digest
from birefcli.settings.model import ModelSettings, Precision, TileOrder
from birefcli.settings.options import settings_of
from birefcli.settings.peel import PeelBy, PeelCommand, PeelSettings

OLD = ModelSettings(model="x", tile_order=TileOrder.OLD, precision=Precision.FP16)
BOTH = (Product.MASK, Product.CUTOUT)


# The digests of these settings as journals hold them since the first release of `cut`.
@pytest.mark.parametrize(
    ("digest", "settings"),
    [
        ("06f54874513562d7", {}),
        (
            "79c1f384b7df57b6",
            {"emit": BOTH, "mask_bits": 16, "format": Format.PNG, "levels": (0.1, 0.9)},
        ),
        (
            "def57d4495c39692",
            {
                **{"crop": True, "margin": 4, "background": "white", "on_empty": OnEmpty.SKIP},
                **{"quality": 90, "format": Format.JPG, "model": OLD},
            },
        ),
        (
            "d4c717cf2e13f6e4",
            {"redo": True, "alpha": AlphaMode.HARD, "threshold": 0.25, "grow": 2, "min_area": 9},
        ),
    ],
)
def test_the_digest_of_a_cut_never_changes(digest: str, settings: dict[str, Any]) -> None:
    assert settings_digest(CutSettings(inputs=("a",), **settings)) == digest


@pytest.mark.parametrize(
    ("digest", "settings"),
    [
        ("3d7d1008db2db584", {}),
        (
            "d8d8d00d9c399909",
            {
                "peel": PeelSettings(
                    max_layers=3, by=PeelBy.GROUP, min_share=0.02, seed=7, max_seconds=4.5
                ),
                "formats": ("svg", "png"),
            },
        ),
        (
            "1105b68e7ed6830e",
            {
                **{"inpaint": "membrane", "depth": "auto", "explain": True, "redo": True},
                "model": ModelSettings(precision=Precision.BF16),
            },
        ),
    ],
)
def test_the_digest_of_a_peel_never_changes(digest: str, settings: dict[str, Any]) -> None:
    asked = PeelCommand(inputs=("a",), **settings)
    assert settings_digest(asked, lama=None, beside="b") == digest


@pytest.mark.parametrize("record", [CutSettings, PeelCommand])
def test_only_what_changes_bytes_is_in_the_digest(record: Any) -> None:
    plain = record(inputs=("x",))
    run = {"out": "z", "redo": True, "report": Path("r"), "quiet": True, "max_pixels": 5}
    other = replace(plain, **run, inputs=("y",), given=frozenset({"out"}))
    assert settings_digest(other) == settings_digest(plain)
    changing = {one.name for one in settings_of(record) if one.option.changes_bytes}
    assert not changing & {"model", "device", "offline", "dry_run", "fail_fast", *run}
    old = [one for one in settings_of(record) if not one.option.is_new]
    assert {one.key for one in old if one.name in changing} == set(deciding(plain))


def test_a_new_setting_is_in_the_digest_once_it_is_used() -> None:
    plain = CutSettings(inputs=("a",))
    assert "split" not in deciding(plain)
    split = replace(plain, split=True)
    assert deciding(split) == {**deciding(plain), "split": True}
    assert settings_digest(split) != settings_digest(plain)


def test_a_new_option_is_in_the_digest_only_where_it_is_used() -> None:
    plain = CutSettings(inputs=("a",))
    for used in ({"key": "off"}, {"key_tolerance": 0}, {"pad": 1}, {"square": True}, {"pot": True}):
        assert settings_digest(CutSettings(inputs=("a",), **used)) != settings_digest(plain)


def test_the_order_of_formats_says_nothing_and_that_of_products_does() -> None:
    formats = ("png", "svg")
    one, two = (PeelCommand(inputs=("a",), formats=order) for order in (formats, formats[::-1]))
    assert settings_digest(one) == settings_digest(two)
    one, two = (CutSettings(inputs=("a",), emit=order) for order in (BOTH, BOTH[::-1]))
    assert settings_digest(one) != settings_digest(two)


def test_a_manifest_tells_the_settings_again_but_for_those_that_are_given() -> None:
    first = PeelSettings(max_layers=3, by=PeelBy.GROUP, min_share=0.02, is_jpeg=True)
    told = deciding(first)
    assert "min_area" in told and "min_share" not in told
    assert recalled(PeelSettings(), told, ()) == first
    asked = PeelSettings(max_layers=8, by=PeelBy.GROUP)
    assert recalled(asked, told, {"max_layers"}) == replace(first, max_layers=8)
    assert recalled(asked, {}, ()) == asked
