"""Borders: where something lies over something, its outline goes on; markings end at outlines."""

import numpy as np
from numpy.typing import NDArray

from birefcli.image.types import Rgb
from birefcli.peeling.instances.borders import RegionBorder, RegionBorders, merge_unsupported

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


def border(labels: Labels) -> RegionBorder:
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


def test_what_is_too_small_for_a_thing_goes_to_what_it_looks_like() -> None:
    labels = two_disks()
    labels[disk(35, 60, 4)] = 3
    rgb = painted(labels)
    rgb[labels == 3] = (200, 40, 48)
    joined = merge_unsupported(rgb, labels, 100)
    assert joined.max() == 2
    assert np.array_equal(joined == joined[60, 50], np.isin(labels, (1, 3)))
