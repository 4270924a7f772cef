"""The occlusion graph: who touches whom, who is exposed, and edges without cycles."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from birefcli.peeling.order.cues import OcclusionCues
from birefcli.peeling.order.graph import OcclusionOrder, find_order, touching_pairs, without_cycles
from birefcli.scenes.suites.flat import flat_scene
from birefcli.scenes.suites.layered import LayeredScene, pairs, visible_mattes
from birefcli.scenes.suites.texture import texture_scene

Labels = NDArray[np.int32]


def visible_labels(scene: LayeredScene) -> Labels:
    seen = visible_mattes(scene)
    mattes = np.stack([np.zeros(scene.size, np.float32), *seen.values()])
    return np.where(mattes.sum(0) > 0.5, mattes.argmax(0), 0).astype(np.int32)


SIZE = (80, 120)


def test_what_does_not_touch_is_not_judged() -> None:
    labels = np.zeros((40, 40), np.int32)
    labels[5:15, 5:15], labels[5:15, 18:30] = 1, 2
    assert touching_pairs(labels) == []
    labels[5:15, 16:18] = 2
    assert touching_pairs(labels) == [(1, 2)]
    assert find_order(labels * 0).front_set(-0.1) == ()


def test_what_a_network_leaves_out_waits_until_it_looks_again() -> None:
    labels = np.zeros((60, 100), np.int32)
    labels[10:30, 10:30], labels[10:30, 40:60], labels[10:30, 70:90] = 1, 2, 3
    front = np.zeros((60, 100), np.float32)
    assert find_order(labels, front=front).front_set(-0.1) == (1, 2, 3)
    front[labels == 1], front[labels == 3] = 0.9, 0.6
    order = find_order(labels, front=front)
    assert order.front_set(-0.1) == (1, 3)
    assert order.certainty(1) > order.certainty(3) > order.certainty(2)


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


def test_what_is_held_for_uncovered_is_in_front() -> None:
    # Two boxes side by side: nothing in their outlines says who is in front.
    labels = np.zeros(SIZE, np.int32)
    labels[20:60, 20:60], labels[20:60, 60:100] = 1, 2
    first, second = np.where(labels == 1, 1, 0), np.where(labels == 2, 1, 0)
    told = [find_order(labels, front=np.asarray(f, np.float32)).cues for f in (first, second)]
    assert told[0][1, 2].score == pytest.approx(1)
    assert told[1][1, 2].score == pytest.approx(-1)
    assert told[0][2, 1].score == -told[0][1, 2].score
