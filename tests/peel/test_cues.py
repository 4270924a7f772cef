"""Who is in front: outlines tell, whichever way round and wherever they are asked."""

from itertools import pairwise

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from birefcli.peel.instances.instance import Instance
from birefcli.peel.order.cues import (
    OcclusionCues,
    OcclusionOrder,
    compare_pair,
    find_order,
    hull_cue,
    junction_cue,
    touching_pairs,
    without_cycles,
)
from birefcli.peel.order.priority import sort_by_priority
from birefcli.scenes.suites.flat import flat_scene
from birefcli.scenes.suites.layered import LayeredScene, pairs, visible_mattes
from birefcli.scenes.suites.texture import texture_scene
from birefcli.stack.types import Kind

Labels = NDArray[np.int32]


def disks(front: int = 1, behind: int = 2) -> Labels:
    """A disk that covers part of another."""
    labels = np.zeros((90, 120), np.int32)
    cv2.circle(labels, (70, 45), 30, behind, -1)
    cv2.circle(labels, (45, 45), 28, front, -1)
    return labels


def visible_labels(scene: LayeredScene) -> Labels:
    seen = visible_mattes(scene)
    mattes = np.stack([np.zeros(scene.size, np.float32), *seen.values()])
    return np.where(mattes.sum(0) > 0.5, mattes.argmax(0), 0).astype(np.int32)


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


def test_what_does_not_touch_is_not_judged() -> None:
    labels = np.zeros((40, 40), np.int32)
    labels[5:15, 5:15], labels[5:15, 18:30] = 1, 2
    assert touching_pairs(labels) == []
    labels[5:15, 16:18] = 2
    assert touching_pairs(labels) == [(1, 2)]
    assert find_order(labels * 0).front_set(-0.1) == ()


def test_depth_speaks_only_where_outlines_do_not() -> None:
    assert OcclusionCues(0.9, 0.9, -1).score == 1
    assert OcclusionCues(0.1, 0.0, -1).score == pytest.approx(-0.9)
    labels = np.zeros((40, 40), np.int32)
    labels[10:30, 5:20], labels[10:30, 20:35] = 1, 2
    disparity = np.where(labels == 1, np.float32(5), np.float32(1))
    assert compare_pair(labels, 1, 2).score == pytest.approx(0, abs=0.2)
    assert compare_pair(labels, 1, 2, disparity).score > 0.5


def test_what_a_network_leaves_out_waits_until_it_looks_again() -> None:
    labels = np.zeros((60, 100), np.int32)
    labels[10:30, 10:30], labels[10:30, 40:60], labels[10:30, 70:90] = 1, 2, 3
    front = np.zeros((60, 100), np.float32)
    assert find_order(labels, front=front).front_set(-0.1) == (1, 2, 3)
    front[labels == 1], front[labels == 3] = 0.9, 0.6
    order = find_order(labels, front=front)
    assert order.front_set(-0.1) == (1, 3)
    assert order.certainty(1) > order.certainty(3) > order.certainty(2)


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


def test_the_front_set_is_never_empty() -> None:
    knot = {
        (1, 2): OcclusionCues(1, 0),
        (2, 3): OcclusionCues(0.6, 0),
        (3, 1): OcclusionCues(0.5, 0),
    }
    knot |= {(b, a): cues.swapped() for (a, b), cues in knot.items()}
    order = OcclusionOrder((1, 2, 3), knot)
    assert order.front_set(-0.1) == (1,)
    assert order.exposure(1) == -0.5


def test_every_cycle_loses_its_weakest_edge() -> None:
    scores = {(1, 2): 0.9, (2, 3): 0.3, (3, 1): 0.6, (3, 4): 0.1}
    kept, cycles = without_cycles(scores)
    assert set(kept) == {(1, 2), (3, 1), (3, 4)}
    assert cycles == ((1, 2, 3),)
    chain = dict.fromkeys(pairwise(range(20)), 0.5)
    assert without_cycles(chain) == (chain, ())


@pytest.mark.parametrize(("draw", "least"), [(flat_scene, 0.8), (texture_scene, 0.9)])
def test_most_pairs_of_a_suite_are_put_in_order(draw, least: float) -> None:  # type: ignore[no-untyped-def]
    right = []
    for seed in range(20_000, 20_008):
        scene = draw(np.random.default_rng(seed), seed, 160)
        order = find_order(visible_labels(scene))
        for pair in pairs(scene):
            cues = order.cues.get((pair.front, pair.behind))
            if cues is not None and pair.overlap >= 20:
                right.append(cues.score > 0)
    assert len(right) > 10
    assert np.mean(right) >= least


@pytest.mark.parametrize("kind", list(Kind))
def test_things_that_only_shimmer_have_a_rank_too(kind: Kind) -> None:
    """What was lifted before may have taken all but a haze of a thing."""
    rgb = np.random.default_rng(0).integers(0, 256, (20, 30, 3)).astype(np.uint8)
    haze = np.zeros((20, 30), np.float32)
    haze[5:9, 5:9] = 0.3
    solid = np.zeros((20, 30), np.float32)
    solid[2:18, 10:28] = 1
    mattes = (haze, solid, np.zeros((20, 30), np.float32))
    things = [Instance(number, matte, 1, 1) for number, matte in enumerate(mattes, 1)]
    disparity = np.asarray(solid * 3, np.float32)
    for depth in (None, disparity):
        found = sort_by_priority(things, rgb, kind, depth)
        assert sorted(thing.number for thing in found) == [1, 2, 3]
