"""Borders: where something lies over something, its outline goes on; markings end at outlines."""

import cv2
import numpy as np
from numpy.typing import NDArray

from birefcli.image.types import Rgb
from birefcli.peel.instances.borders import Border, RegionBorders, merge_unsupported
from birefcli.peel.instances.split import split_instances

Labels = NDArray[np.int32]
COLORS = ((200, 40, 40), (40, 60, 200), (230, 200, 60), (40, 160, 80))


def painted(labels: Labels) -> Rgb:
    """Give every region its colour, and the ground grey."""
    return np.array([(120, 120, 120), *COLORS], np.uint8)[labels]


def disk(x: int, y: int, radius: int) -> NDArray[np.bool_]:
    rows, columns = np.indices((120, 160))
    return (rows - y) ** 2 + (columns - x) ** 2 <= radius**2


def two_disks() -> Labels:
    """A disk over another."""
    return np.where(disk(55, 60, 32), 1, np.where(disk(92, 60, 36), 2, 0)).astype(np.int32)


def halved_disk() -> Labels:
    """One disk of two colours."""
    sides = np.where(np.indices((120, 160))[1] < 80, 1, 2)
    return np.where(disk(80, 60, 40), sides, 0).astype(np.int32)


def border(labels: Labels) -> Border:
    return RegionBorders(painted(labels), labels).between(1, 2)


def test_what_lies_in_front_halves_a_disk_at_the_ends_of_its_border() -> None:
    assert border(two_disks()).corner < 0.1
    assert border(halved_disk()).corner > 0.2
    assert border(two_disks()).evidence > 1 > border(halved_disk()).evidence + 1


def test_a_border_tells_the_same_from_both_sides() -> None:
    labels = two_disks()
    borders = RegionBorders(painted(labels), labels)
    assert borders.between(1, 2) == borders.between(2, 1)


def test_what_is_enclosed_is_a_marking() -> None:
    labels = np.where(disk(80, 60, 14), 2, np.where(disk(80, 60, 40), 1, 0)).astype(np.int32)
    assert border(labels).enclosed == 1
    assert merge_unsupported(painted(labels), labels, 30).max() == 1


def test_a_light_and_a_dark_side_of_one_chroma_are_hardly_two_things() -> None:
    labels = two_disks()
    rgb = painted(labels)
    rgb[labels == 1], rgb[labels == 2] = (210, 205, 200), (90, 86, 84)
    shaded = RegionBorders(rgb, labels).between(1, 2)
    assert shaded.chroma > 0.9 > 0.1 > border(labels).chroma
    assert shaded.evidence < border(labels).evidence - 2


def test_a_step_in_depth_speaks_for_two_things() -> None:
    labels = two_disks()
    disparity = np.where(labels == 1, np.float32(9), np.float32(3))
    deep = RegionBorders(painted(labels), labels, disparity).between(1, 2)
    assert deep.evidence > border(labels).evidence + 1


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


def test_what_is_too_small_for_a_thing_goes_to_what_it_looks_like() -> None:
    labels = two_disks()
    labels[disk(35, 60, 4)] = 3
    rgb = painted(labels)
    rgb[labels == 3] = (200, 40, 48)
    joined = merge_unsupported(rgb, labels, 100)
    assert joined.max() == 2
    assert np.array_equal(joined == joined[60, 50], np.isin(labels, (1, 3)))


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
