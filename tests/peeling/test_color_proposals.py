"""Colours alone: a plain ground is nothing, and what lies over an object is found."""

import cv2
import numpy as np
import pytest
from fakes import nothing
from numpy.typing import NDArray

from birefcli.image.types import Matte, Rgb
from birefcli.inpaint.membrane import Membrane
from birefcli.peeling.color_proposals import find_occluders, foreground_by_color, is_even_backdrop
from birefcli.peeling.loop import peel
from birefcli.settings.peel import PeelKind, PeelSettings


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


@pytest.mark.parametrize("ground", ["plain", "stripes", "checker", "gradient"])
def test_a_ground_alone_is_no_object(ground: str) -> None:
    y, x = np.indices((96, 96))
    values = {
        "plain": np.full((96, 96), 90),
        "stripes": (x + y) // 9 % 2 * 150 + 40,
        "checker": (x // 12 + y // 12) % 2 * 150 + 40,
        "gradient": x + y,
    }[ground].astype(np.uint8)
    rgb = np.repeat(values[..., None], 3, 2)
    assert not foreground_by_color(rgb).any()
    for kind in PeelKind:
        assert peel(rgb, nothing, Membrane(), PeelSettings(kind=kind)).layers == ()


def test_what_lies_over_a_thing_is_found_though_nobody_proposed_it() -> None:
    rgb, seen = two_disks()
    disk = seen[0] | seen[1]
    rgb[disk] = (20, 40, 200)
    post = np.zeros(disk.shape, bool)
    post[8:82, 58:68] = True
    rgb[post] = (200, 180, 30)
    matte = (disk & ~post).astype(np.float32)
    found = find_occluders(rgb, (matte,), 64)
    assert len(found) == 1
    assert overlap(found[0], post.astype(np.float32)) > 0.95


def test_a_hole_in_a_thing_lies_over_nothing() -> None:
    rgb = np.full((80, 80, 3), 120, np.uint8)
    ring = np.zeros((80, 80), np.uint8)
    cv2.circle(ring, (40, 40), 28, 1, 8)
    rgb[ring > 0] = (20, 40, 200)
    assert find_occluders(rgb, (ring.astype(np.float32),), 64) == ()


def test_even_colours_are_calm_and_noise_is_not() -> None:
    everywhere = np.ones(SIZE, bool)
    for sort in ("plain", "stripes", "checker", "gradient"):
        assert is_even_backdrop(backdrop(sort), everywhere)
    assert not is_even_backdrop(backdrop("rough"), everywhere)
    assert not is_even_backdrop(backdrop("plain"), ~everywhere)
