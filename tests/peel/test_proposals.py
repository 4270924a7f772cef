"""Proposals: in drawn art colours help a segmenter; grounds and photographs gain nothing."""

from collections.abc import Sequence

import cv2
import numpy as np
import pytest

from birefcli.image.types import Matte, Rgb
from birefcli.peel.proposals import SegmenterProposer, foreground_by_color, is_even_backdrop
from birefcli.settings.peel import PeelSettings
from birefcli.stack.types import Kind

SIZE = (100, 140)


def backdrop(sort: str) -> Rgb:
    """A ground (H, W, 3) that is plain, patterned, or rough."""
    y, x = np.indices(SIZE)
    values = {
        "plain": np.full(SIZE, 90),
        "stripes": (x + y) // 20 % 2 * 90 + 40,
        "checker": (x // 12 + y // 12) % 2 * 90 + 40,
        "gradient": x // 2 + y // 2,
        "rough": np.random.default_rng(0).integers(40, 200, SIZE),
    }[sort]
    return np.repeat(values.astype(np.uint8)[..., None], 3, 2)


def with_two_disks(rgb: Rgb) -> tuple[Rgb, list[Matte]]:
    masks = np.zeros((2, *SIZE), np.uint8)
    cv2.circle(masks[0], (40, 50), 20, 1, -1)
    cv2.circle(masks[1], (98, 50), 20, 1, -1)
    rgb = rgb.copy()
    rgb[masks[0] > 0], rgb[masks[1] > 0] = (220, 40, 40), (40, 60, 220)
    return rgb, [mask.astype(np.float32) for mask in masks]


class Finds:
    """A segmenter that finds one given matte in every picture."""

    def __init__(self, matte: Matte) -> None:
        self.matte = matte

    def __call__(self, images: Sequence[Rgb]) -> list[Matte]:
        return [self.matte for _ in images]


def proposed(rgb: Rgb, found: Matte, kind: Kind, step: int = 1) -> tuple[Matte, ...]:
    return SegmenterProposer(Finds(found), kind, PeelSettings())(
        rgb, np.zeros(SIZE, np.int32), step
    ).mattes


@pytest.mark.parametrize("sort", ["plain", "stripes", "checker", "gradient"])
def test_colours_show_what_a_sure_segmenter_missed(sort: str) -> None:
    rgb, (first, second) = with_two_disks(backdrop(sort))
    parts = proposed(rgb, first, Kind.FLAT)
    assert len(parts) == 2
    for mask in (first, second):
        best = max(np.minimum(p, mask).sum() / np.maximum(p, mask).sum() for p in parts)
        assert best > 0.95


def test_a_half_found_thing_is_whole_by_its_colour() -> None:
    rgb, (first, _) = with_two_disks(backdrop("plain"))
    half = first.copy()
    half[:45] = 0
    assert any(np.array_equal(part > 0.5, first > 0.5) for part in proposed(rgb, half, Kind.FLAT))


def test_colours_are_asked_once_and_never_of_photographs() -> None:
    rgb, (first, _) = with_two_disks(backdrop("plain"))
    for kind, step in ((Kind.PHOTO, 1), (Kind.FLAT, 2)):
        parts = proposed(rgb, first, kind, step)
        assert len(parts) == 1 and np.array_equal(parts[0], first)


def test_colours_of_a_rough_backdrop_tell_nothing() -> None:
    rgb, (first, second) = with_two_disks(backdrop("rough"))
    assert foreground_by_color(rgb)[second > 0].any()
    assert len(proposed(rgb, first, Kind.FLAT)) == 1
    nothing = np.zeros(SIZE, np.float32)
    assert proposed(rgb, nothing, Kind.FLAT) == ()


@pytest.mark.parametrize("sort", ["plain", "stripes", "checker", "gradient", "rough"])
def test_a_backdrop_alone_proposes_nothing(sort: str) -> None:
    nothing = np.zeros(SIZE, np.float32)
    assert proposed(backdrop(sort), nothing, Kind.FLAT) == ()


def test_even_colours_are_calm_and_noise_is_not() -> None:
    everywhere = np.ones(SIZE, bool)
    for sort in ("plain", "stripes", "checker", "gradient"):
        assert is_even_backdrop(backdrop(sort), everywhere)
    assert not is_even_backdrop(backdrop("rough"), everywhere)
    assert not is_even_backdrop(backdrop("plain"), ~everywhere)
