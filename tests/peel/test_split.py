"""Splitting: touching things come apart, one thing stays one, and a plain ground is nothing."""

import cv2
import numpy as np
import pytest
from fakes import nothing
from numpy.typing import NDArray

from birefcli.image.types import Matte, Rgb
from birefcli.inpaint.membrane import Membrane
from birefcli.matte.pixelart import find_grid
from birefcli.peel.assemble import recomposed
from birefcli.peel.instances.regions import segment_regions
from birefcli.peel.instances.split import split_instances
from birefcli.peel.kind_detection import detect_kind, is_flat
from birefcli.peel.loop import peel
from birefcli.peel.proposals import (
    KnownUnion,
    SegmenterProposer,
    find_occluders,
    foreground_by_color,
)
from birefcli.scenes.suites.layered import foreground_matte, picture, visible_mattes
from birefcli.scenes.suites.pixel import pixel_scene
from birefcli.settings.peel import PeelKind, PeelSettings
from birefcli.stack.types import Kind


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


def striped_disk() -> tuple[Rgb, NDArray[np.bool_]]:
    mask = np.zeros((90, 90), np.uint8)
    cv2.circle(mask, (45, 45), 30, 1, -1)
    rgb = np.full((90, 90, 3), 120, np.uint8)
    stripes = (np.indices((90, 90)).sum(0) // 12 % 2) > 0
    rgb[mask > 0] = np.where(stripes[..., None], np.uint8(240), np.uint8(30))[mask > 0]
    return rgb, mask > 0


def test_two_touching_things_come_apart() -> None:
    rgb, seen = two_disks()
    union = (seen[0] | seen[1]).astype(np.float32)
    parts = split_instances(rgb, union, 64)
    assert len(parts) == 2
    for mask in seen:
        assert max(overlap(part, mask.astype(np.float32)) for part in parts) > 0.95
    assert np.array_equal(sum(parts), union)


def test_markings_do_not_take_one_thing_apart() -> None:
    rgb, mask = striped_disk()
    assert len(split_instances(rgb, mask.astype(np.float32), 64)) == 1


def test_things_apart_are_several_and_specks_are_none() -> None:
    matte = np.zeros((60, 90), np.float32)
    matte[10:30, 10:30] = matte[35:55, 60:80] = 1
    matte[5, 70] = 1
    rgb = np.random.default_rng(0).integers(0, 99, (60, 90, 3)).astype(np.uint8)
    parts = split_instances(rgb, matte, 64)
    assert len(parts) == 2
    # A soft pixel or a speck is nobody's but its nearest neighbour's; nothing is lost.
    assert np.array_equal(sum(parts), matte)


def test_the_parts_of_a_broken_thin_thing_stay_together() -> None:
    matte = np.zeros((60, 90), np.float32)
    matte[28:32, 10:80] = 1
    matte[:, 45] = 0
    rgb = np.full((60, 90, 3), 50, np.uint8)
    assert len(split_instances(rgb, matte, 64)) == 1


def test_nothing_holds_no_things() -> None:
    empty = np.zeros((20, 20), np.float32)
    assert split_instances(np.zeros((20, 20, 3), np.uint8), empty, 64) == ()


def test_regions_follow_colours_and_stay_inside_the_mask() -> None:
    rgb, seen = two_disks()
    mask = seen[0] | seen[1]
    regions = segment_regions(rgb, mask)
    assert np.array_equal(regions > 0, mask)
    assert regions.max() == 2
    assert all(len(np.unique(regions[part])) == 1 for part in seen)


def test_flat_art_is_peeled_without_any_segmenter() -> None:
    rgb, seen = two_disks()
    stack = peel(rgb, nothing, Membrane(), PeelSettings(kind=PeelKind.FLAT))
    assert np.array_equal(recomposed(stack)[..., :3], rgb)
    assert len(stack.layers) == 2
    _, front = (layer.rgba[..., 3] / np.float32(255) for layer in stack.layers)
    assert overlap(front, seen[0].astype(np.float32)) > 0.95
    # The one behind goes on behind the one in front.
    assert stack.layers[0].evidence.hidden_px > 100
    assert stack.edges[0].front == 2 and stack.edges[0].behind == 1
    assert np.abs(stack.background[..., :3].astype(int) - 120).mean() < 1


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


def test_a_known_union_is_taken_apart_once() -> None:
    scores = []
    for seed in range(20_000, 20_003):
        scene = pixel_scene(np.random.default_rng(seed), seed, 64)
        settings = PeelSettings()
        proposer = KnownUnion(foreground_matte(scene), Kind.PIXEL, settings)
        rgb = picture(scene)
        proposed = proposer(rgb, np.zeros(scene.size, np.int32), 1).mattes
        assert proposer(rgb, np.zeros(scene.size, np.int32), 2).mattes == ()
        for matte in visible_mattes(scene).values():
            scores.append(max(overlap(matte, one) for one in proposed))
    assert np.mean(scores) > 0.7


def test_what_is_known_is_not_proposed_again() -> None:
    rgb, seen = two_disks()
    known = np.where(seen[0], 1, 0).astype(np.int32)
    proposer = SegmenterProposer(nothing, Kind.FLAT, PeelSettings())
    proposed = proposer(rgb, known, 1).mattes
    assert len(proposed) == 1
    assert not (proposed[0] > 0)[seen[0]].any()


def test_the_grid_of_enlarged_art_is_found_wherever_it_begins() -> None:
    art = np.random.default_rng(0).integers(0, 4, (24, 30, 3)).astype(np.uint8) * 60
    for factor in (2, 3, 5):
        whole = np.repeat(np.repeat(art, factor, 0), factor, 1)
        for top, left in ((0, 0), (1, 0), (1, 1)):
            cut = whole[top:, left:]
            grid = find_grid(cut)
            assert grid is not None and grid.step == factor
            native = grid.native(cut)
            assert np.array_equal(native, art)
            assert np.array_equal(grid.enlarged(native, (cut.shape[0], cut.shape[1])), cut)


def test_kinds_are_told_apart() -> None:
    rng = np.random.default_rng(0)
    photo = cv2.GaussianBlur(rng.integers(0, 256, (300, 300, 3)).astype(np.uint8), (0, 0), 3)
    photo = np.clip((photo.astype(int) - 128) * 6 + 128, 0, 255).astype(np.uint8)
    flat = np.full((300, 300, 3), 200, np.uint8)
    cv2.circle(flat, (150, 150), 80, (200, 40, 60), -1, cv2.LINE_AA)
    assert not is_flat(photo, is_jpeg=False) and is_flat(flat, is_jpeg=False)
    assert detect_kind(photo, PeelKind.AUTO, is_jpeg=False).kind == Kind.PHOTO
    assert detect_kind(flat, PeelKind.AUTO, is_jpeg=False).kind == Kind.FLAT
    assert detect_kind(flat, PeelKind.PHOTO, is_jpeg=False).kind == Kind.PHOTO
    noisy = np.clip(flat.astype(int) + rng.integers(-1, 2, flat.shape), 0, 255).astype(np.uint8)
    assert is_flat(noisy, is_jpeg=True)


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
