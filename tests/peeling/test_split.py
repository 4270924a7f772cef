"""Splitting: touching things come apart, one thing stays one, and a plain ground is nothing."""

import cv2
import numpy as np
from numpy.typing import NDArray

from birefcli.image.types import Matte, Rgb
from birefcli.peeling.instances.split import split_instances


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


Labels = NDArray[np.int32]


COLORS = ((200, 40, 40), (40, 60, 200), (230, 200, 60), (40, 160, 80))


def painted(labels: Labels) -> Rgb:
    """Give every region its colour, and the ground grey."""
    return np.array([(120, 120, 120), *COLORS], np.uint8)[labels]


def disk(x: int, y: int, radius: int) -> NDArray[np.bool_]:
    rows, columns = np.indices((120, 160))
    return (rows - y) ** 2 + (columns - x) ** 2 <= radius**2


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


def test_stripes_do_not_take_a_balloon_apart() -> None:
    stripes = np.indices((120, 160))[1] // 14 % 3 + 1
    labels = np.where(disk(80, 60, 45), stripes, 0).astype(np.int32)
    rgb = cv2.GaussianBlur(painted(labels), (0, 0), 0.8)
    noise = np.random.default_rng(0).integers(-6, 7, rgb.shape)
    rough = np.clip(rgb.astype(int) + noise, 0, 255).astype(np.uint8)
    assert len(split_instances(rough, (labels > 0).astype(np.float32), 64)) == 1


def test_a_face_stays_on_its_head_and_a_head_on_its_body() -> None:
    labels = np.where(disk(80, 84, 30), 2, 0)
    labels = np.where(disk(80, 40, 28), 1, labels)
    labels = np.where(disk(80, 44, 16), 3, labels).astype(np.int32)
    for x in (73, 87):
        labels[disk(x, 40, 4)] = 4
    rgb = painted(labels)
    rgb[labels == 2] = (210, 60, 50)
    assert len(split_instances(rgb, (labels > 0).astype(np.float32), 64)) == 1


def test_turned_pictures_are_taken_apart_alike() -> None:
    labels = np.where(disk(60, 50, 32), 1, np.where(disk(92, 68, 36), 2, 0)).astype(np.int32)
    for turns in range(4):
        turned = np.ascontiguousarray(np.rot90(labels, turns))
        found = split_instances(painted(turned), (turned > 0).astype(np.float32), 64)
        assert len(found) == 2


def test_stripes_of_two_colours_are_one_thing_however_strong_they_are() -> None:
    stripes = np.indices((120, 160)).sum(0) // 11 % 2 + 1
    labels = np.where(disk(80, 60, 42), stripes, 0).astype(np.int32)
    rgb = painted(labels)
    rgb[labels == 1], rgb[labels == 2] = (20, 60, 30), (240, 20, 250)
    assert len(split_instances(rgb, (labels > 0).astype(np.float32), 64)) == 1


def test_a_stem_is_no_thing_of_its_own() -> None:
    labels = np.where(disk(60, 50, 32), 1, np.where(disk(92, 68, 36), 2, 0)).astype(np.int32)
    labels[70:76, 126:140] = 3
    parts = split_instances(painted(labels), (labels > 0).astype(np.float32), 10)
    assert len(parts) == 2


def test_a_belt_drawn_as_a_line_does_not_cut_a_figure_in_two() -> None:
    rows, columns = np.indices((48, 40))
    figure = (rows - 24) ** 2 / 20**2 + (columns - 20) ** 2 / 13**2 <= 1
    inner = cv2.erode(figure.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    rgb = np.full((48, 40, 3), 200, np.uint8)
    rgb[figure] = (10, 10, 10)
    rgb[inner] = np.where(rows < 26, 1, 0)[inner][:, None] * np.uint8(60) + np.uint8(120)
    rgb[26][figure[26]] = (10, 10, 10)
    assert len(split_instances(rgb, figure.astype(np.float32), 12)) == 1


def test_noise_is_one_thing() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (40, 40, 3)).astype(np.uint8)
    assert len(split_instances(rgb, np.ones((40, 40), np.float32), 64)) == 1
