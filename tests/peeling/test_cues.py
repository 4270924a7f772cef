"""Cues: outlines tell who is in front, whichever way round and wherever they are asked."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from birefcli.peeling.order.cues import OcclusionCues, compare_pair, hull_cue, junction_cue

Labels = NDArray[np.int32]


def disks(front: int = 1, behind: int = 2) -> Labels:
    """A disk that covers part of another."""
    labels = np.zeros((90, 120), np.int32)
    cv2.circle(labels, (70, 45), 30, behind, -1)
    cv2.circle(labels, (45, 45), 28, front, -1)
    return labels


def test_a_disk_over_a_disk_is_in_front() -> None:
    cues = compare_pair(disks(), 1, 2)
    assert cues.hull > 0.5 and cues.junction > 0.5 and cues.score > 0.5


def test_votes_are_the_same_from_both_sides() -> None:
    labels = disks()
    one, other = compare_pair(labels, 1, 2), compare_pair(labels, 2, 1)
    assert one.score == pytest.approx(-other.score)
    assert one.swapped() == other


def test_turned_and_mirrored_pictures_give_the_same_order() -> None:
    for turns in range(4):
        for flip in (False, True):
            labels = np.ascontiguousarray(np.rot90(disks()[:, ::-1] if flip else disks(), turns))
            assert compare_pair(labels, 1, 2).score > 0.5


def test_a_bar_across_a_disk_is_in_front() -> None:
    labels = np.zeros((80, 80), np.int32)
    cv2.circle(labels, (40, 40), 25, 2, -1)
    labels[34:46, 5:75] = 1
    assert hull_cue(labels == 1, labels == 2) > 0.9
    assert compare_pair(labels, 1, 2).score > 0.9


def test_the_outline_that_goes_straight_on_is_in_front() -> None:
    # A wall, and a plank that ends at it: no hull says anything, both are convex.
    labels = np.zeros((60, 60), np.int32)
    labels[5:55, 10:30] = 1
    labels[20:40, 30:55] = 2
    assert junction_cue(labels == 1, labels == 2) > 1


def test_depth_speaks_only_where_outlines_do_not() -> None:
    assert OcclusionCues(0.9, 0.9, -1).score == 1
    assert OcclusionCues(0.1, 0.0, -1).score == pytest.approx(-0.9)
    labels = np.zeros((40, 40), np.int32)
    labels[10:30, 5:20], labels[10:30, 20:35] = 1, 2
    disparity = np.where(labels == 1, np.float32(5), np.float32(1))
    assert compare_pair(labels, 1, 2).score == pytest.approx(0, abs=0.2)
    assert compare_pair(labels, 1, 2, disparity).score > 0.5


def test_doubt_near_the_border_tells_what_is_covered() -> None:
    # On the whole the second is held for uncovered as much as the first, but not beside it.
    labels = np.zeros((100, 200), np.int32)
    labels[10:90, 10:60], labels[10:90, 60:190] = 1, 2
    front = np.where(labels > 0, np.float32(0.8), np.float32(0))
    front[:, 60:80], front[:, 80:190] = 0.3, 0.9
    assert compare_pair(labels, 1, 2, front=front).score == 1
    assert compare_pair(labels, 2, 1, front=front).score == -1


def test_a_network_outweighs_outlines_only_where_it_is_plain() -> None:
    assert OcclusionCues(1, 1.5, front=-0.7).score == -1
    assert OcclusionCues(1, 1.5, front=-0.1).score > 0
    assert OcclusionCues(1, 1.5, front=-0.7).swapped().score == 1
