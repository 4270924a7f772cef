"""Proposals: in drawn art colours help a segmenter; grounds and photographs gain nothing."""

from collections.abc import Sequence

import cv2
import numpy as np
import pytest
from fakes import nothing
from numpy.typing import NDArray

from birefcli.image.types import Matte, Rgb
from birefcli.peeling.color_proposals import foreground_by_color
from birefcli.peeling.proposals import KnownUnion, SegmenterProposer
from birefcli.scenes.suites.layered import foreground_matte, picture, visible_mattes
from birefcli.scenes.suites.pixel import pixel_scene
from birefcli.settings.peel import PeelSettings
from birefcli.stack.types import PictureKind

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


def proposed(rgb: Rgb, found: Matte, kind: PictureKind, step: int = 1) -> tuple[Matte, ...]:
    return SegmenterProposer(Finds(found), kind, PeelSettings())(
        rgb, np.zeros(SIZE, np.int32), step
    ).mattes


def overlap(one: Matte, other: Matte) -> float:
    return float(np.minimum(one, other).sum() / np.maximum(one, other).sum())


def two_disks() -> tuple[Rgb, list[NDArray[np.bool_]]]:
    """A red disk over a blue one on grey, and the parts of both that are seen."""
    back, front = np.zeros((2, 90, 130), np.uint8)
    cv2.circle(back, (80, 45), 28, 1, -1)
    cv2.circle(front, (50, 45), 28, 1, -1)
    rgb = np.full((90, 130, 3), 120, np.uint8)
    rgb[back > 0], rgb[front > 0] = (20, 40, 200), (210, 30, 30)
    return rgb, [front > 0, (back > 0) & (front == 0)]


@pytest.mark.parametrize("sort", ["plain", "stripes", "checker", "gradient"])
def test_colours_show_what_a_sure_segmenter_missed(sort: str) -> None:
    rgb, (first, second) = with_two_disks(backdrop(sort))
    parts = proposed(rgb, first, PictureKind.FLAT)
    assert len(parts) == 2
    for mask in (first, second):
        best = max(np.minimum(p, mask).sum() / np.maximum(p, mask).sum() for p in parts)
        assert best > 0.95


def test_a_half_found_thing_is_whole_by_its_colour() -> None:
    rgb, (first, _) = with_two_disks(backdrop("plain"))
    half = first.copy()
    half[:45] = 0
    assert any(
        np.array_equal(part > 0.5, first > 0.5) for part in proposed(rgb, half, PictureKind.FLAT)
    )


def test_colours_are_asked_once_and_never_of_photographs() -> None:
    rgb, (first, _) = with_two_disks(backdrop("plain"))
    for kind, step in ((PictureKind.PHOTO, 1), (PictureKind.FLAT, 2)):
        parts = proposed(rgb, first, kind, step)
        assert len(parts) == 1 and np.array_equal(parts[0], first)


def test_colours_of_a_rough_backdrop_tell_nothing() -> None:
    rgb, (first, second) = with_two_disks(backdrop("rough"))
    assert foreground_by_color(rgb)[second > 0].any()
    assert len(proposed(rgb, first, PictureKind.FLAT)) == 1
    nothing = np.zeros(SIZE, np.float32)
    assert proposed(rgb, nothing, PictureKind.FLAT) == ()


@pytest.mark.parametrize("sort", ["plain", "stripes", "checker", "gradient", "rough"])
def test_a_backdrop_alone_proposes_nothing(sort: str) -> None:
    nothing = np.zeros(SIZE, np.float32)
    assert proposed(backdrop(sort), nothing, PictureKind.FLAT) == ()


def test_a_known_union_is_taken_apart_once() -> None:
    scores = []
    for seed in range(20_000, 20_003):
        scene = pixel_scene(np.random.default_rng(seed), seed, 64)
        settings = PeelSettings()
        proposer = KnownUnion(foreground_matte(scene), PictureKind.PIXEL, settings)
        rgb = picture(scene)
        proposed = proposer(rgb, np.zeros(scene.size, np.int32), 1).mattes
        assert proposer(rgb, np.zeros(scene.size, np.int32), 2).mattes == ()
        for matte in visible_mattes(scene).values():
            scores.append(max(overlap(matte, one) for one in proposed))
    assert np.mean(scores) > 0.7


def test_what_is_known_is_not_proposed_again() -> None:
    rgb, seen = two_disks()
    known = np.where(seen[0], 1, 0).astype(np.int32)
    proposer = SegmenterProposer(nothing, PictureKind.FLAT, PeelSettings())
    proposed = proposer(rgb, known, 1).mattes
    assert len(proposed) == 1
    assert not (proposed[0] > 0)[seen[0]].any()
