"""Regions follow colours and stay inside their mask."""

import cv2
import numpy as np
from numpy.typing import NDArray

from birefcli.image.types import Rgb
from birefcli.peeling.instances.regions import segment_regions


def two_disks() -> tuple[Rgb, list[NDArray[np.bool_]]]:
    """A red disk over a blue one on grey, and the parts of both that are seen."""
    back, front = np.zeros((2, 90, 130), np.uint8)
    cv2.circle(back, (80, 45), 28, 1, -1)
    cv2.circle(front, (50, 45), 28, 1, -1)
    rgb = np.full((90, 130, 3), 120, np.uint8)
    rgb[back > 0], rgb[front > 0] = (20, 40, 200), (210, 30, 30)
    return rgb, [front > 0, (back > 0) & (front == 0)]


def test_regions_follow_colours_and_stay_inside_the_mask() -> None:
    rgb, seen = two_disks()
    mask = seen[0] | seen[1]
    regions = segment_regions(rgb, mask)
    assert np.array_equal(regions > 0, mask)
    assert regions.max() == 2
    assert all(len(np.unique(regions[part])) == 1 for part in seen)
