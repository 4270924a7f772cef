"""The metrics of stacks: what is the same scores best, and against slow and obvious ones."""

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from piles import SIZE, disk, disks, told

from birefcli.image.types import Matte
from birefcli.metrics.stacks.layerd import layerd_scores
from birefcli.metrics.stacks.match import assign, match, soft_iou
from birefcli.metrics.stacks.measure import measure_stack, outline_band
from birefcli.metrics.stacks.table import STACK_METRICS, StackMetric
from birefcli.metrics.stacks.tally import StackTally
from birefcli.metrics.stacks.truth import PredictedStack, left_visible, mattes_of, truth_of
from birefcli.scenes.suites.draw import draw_suite
from birefcli.scenes.suites.layered import LayerRole, picture
from birefcli.settings.synth import Suite

# ---- what is the same scores best, and what is worse scores less -------------------------------


@pytest.mark.parametrize(("suite", "seed"), [(Suite.FLAT, 0), (Suite.PIXEL, 1), (Suite.HARD, 1)])
def test_the_truth_itself_scores_best(suite: Suite, seed: int) -> None:
    truth = truth_of(draw_suite(suite, seed, 96))
    invented = np.any([matte > 0.5 for matte in truth.mattes], axis=0)
    found = measure_stack(truth, PredictedStack(truth.background, truth.layers, invented))
    for name in ("matched", "first-iou", "order", "tau", "visible-iou", "amodal-iou"):
        assert found[name] == pytest.approx(1) or np.isnan(found[name])
    for name in ("missed", "extra", "abstained", "band-sad", "color", "edge-color"):
        assert found[name] == pytest.approx(0, abs=1e-3) or np.isnan(found[name])
    assert found["matched"] == 1 and found["background"] == 0 and found["layers-off"] == 0
    for least in (0, 8):
        pile = truth.background, truth.layers
        for at in layerd_scores(pile, pile, least):
            assert (at.rgb, at.iou) == (0, pytest.approx(1))


def test_objects_in_the_wrong_order_are_no_longer_right() -> None:
    truth = disks(22, 38)
    assert truth.pairs == ((1, 0),)
    right, wrong = told(truth, *truth.layers), told(truth, *truth.layers[::-1])
    assert measure_stack(truth, right)["order"] == measure_stack(truth, right)["tau"] == 1
    assert measure_stack(truth, wrong)["order"] == 0
    assert measure_stack(truth, wrong)["tau"] == -1


def test_pairs_that_were_not_both_found_are_abstained_from() -> None:
    truth = disks(14, 30, 46)
    found = measure_stack(truth, told(truth, *truth.layers[:2]))
    assert (found["order"], found["abstained"], found["missed"]) == (1, 0.5, 1)
    assert np.isnan(measure_stack(truth, told(truth))["order"])


def test_layers_too_many_and_twice_are_counted() -> None:
    truth = disks(14)
    found = measure_stack(truth, told(truth, truth.layers[0], truth.layers[0], disk(50, reach=8)))
    # The upper of two that are the same covers the lower one.
    assert (found["matched"], found["extra"], found["duplicates"]) == (1, 2, 1)
    assert found["layers-off"] == 2


def test_nothing_found_where_nothing_is_was_left_alone() -> None:
    truth = disks()
    assert measure_stack(truth, told(truth))["left-alone"] == 1
    assert measure_stack(truth, told(truth, disk(20)))["left-alone"] == 0
    assert np.isnan(measure_stack(truth, told(truth))["matched"])


def test_what_shows_through_a_knot_has_no_order() -> None:
    scene = draw_suite(Suite.HARD, 0, 96)
    assert any(layer.kind == LayerRole.PART for layer in scene.layers)
    assert truth_of(scene).pairs == ()


# ---- against slow and obvious ones -------------------------------------------------------------


def test_the_assignment_is_the_best_of_all() -> None:
    rng = np.random.default_rng(0)
    for rows, columns in [(1, 1), (2, 4), (4, 2), (4, 5), (5, 5), (0, 3), (3, 0)]:
        for gain in (rng.random((rows, columns)), rng.integers(0, 3, (rows, columns)) / 2):
            wide = gain if rows <= columns else gain.T
            best = max(
                (
                    sum(wide[i, j] for i, j in enumerate(chosen))
                    for chosen in permutations(range(wide.shape[1]), wide.shape[0])
                ),
                default=0,
            )
            pairs = assign(gain)
            assert sum(gain[i, j] for i, j in pairs) == pytest.approx(best)
            assert len({i for i, _ in pairs}) == len({j for _, j in pairs}) == min(rows, columns)


def test_soft_overlap_is_the_lower_values_over_the_higher_ones() -> None:
    rng = np.random.default_rng(1)
    one, other = (rng.random((5, 7)).astype(np.float32) for _ in range(2))
    both = list(zip(one.ravel(), other.ravel(), strict=True))
    slow = sum(min(pair) for pair in both) / sum(max(pair) for pair in both)
    assert soft_iou(one, other) == pytest.approx(slow)
    nothing = np.zeros((5, 7), np.float32)
    assert (soft_iou(nothing, nothing), soft_iou(one, nothing)) == (1, 0)


def test_layers_above_hide_what_lies_below() -> None:
    mattes = mattes_of([disk(20), disk(30, 1), disk(36, 2)])
    for i, seen in enumerate(left_visible(mattes)):
        for y, x in ((24, 20), (24, 28), (24, 33), (12, 30)):
            slow = mattes[i][y, x]
            for above in mattes[i + 1 :]:
                slow *= 1 - above[y, x]
            assert seen[y, x] == pytest.approx(slow)


def test_what_an_object_hides_of_itself_is_not_held_against_a_matching() -> None:
    truth = disks(22, 38)
    whole = match(truth.mattes, truth.mattes)
    assert whole.layer_of == {0: 0, 1: 1}
    faint: list[Matte] = [matte * np.float32(0.4) for matte in truth.mattes]
    assert match(truth.visible, faint).layer_of == {}


def test_colors_are_compared_pixel_by_pixel() -> None:
    truth = disks(22, 38)
    layers = [layer.copy() for layer in truth.layers]
    layers[0][..., 0] = np.where(layers[0][..., 3] > 0, layers[0][..., 0] // 2, 0)
    found = measure_stack(truth, told(truth, *layers))
    inside, edge, hidden = [], [], []
    for true, mine, matte, seen in zip(
        truth.layers, layers, truth.mattes, truth.visible, strict=True
    ):
        sums: dict[str, list[float]] = {"inside": [], "edge": [], "hidden": []}
        for y, x in np.ndindex(*SIZE):
            apart = float(np.abs(true[y, x, :3].astype(int) - mine[y, x, :3]).mean())
            if seen[y, x] > 0.95:
                sums["inside"].append(apart)
            if 0.05 < matte[y, x] < 0.95 and seen[y, x] > 0.95 * matte[y, x]:
                sums["edge"].append(apart)
            if matte[y, x] > 0.5 and seen[y, x] < 0.5 * matte[y, x]:
                sums["hidden"].append(apart)
        inside.append(np.mean(sums["inside"]))
        edge.append(np.mean(sums["edge"]))
        if len(sums["hidden"]) >= 40:
            hidden.append(np.mean(sums["hidden"]))
    assert found["color"] == pytest.approx(np.mean(inside), abs=1e-6)
    assert found["edge-color"] == pytest.approx(np.mean(edge), abs=1e-6)
    assert found["hidden-color"] == pytest.approx(np.mean(hidden), abs=1e-6)
    assert found["edge-color"] > 5 and found["hidden-found"] == 1


def test_a_hidden_part_that_was_not_completed_is_not_found() -> None:
    truth = disks(22, 38)
    seen = truth.layers[0].copy()
    seen[truth.visible[0] < 0.5] = 0
    found = measure_stack(truth, told(truth, seen, truth.layers[1]))
    assert found["hidden-found"] < 0.1 and found["visible-iou"] > 0.9
    assert found["amodal-iou"] < found["visible-iou"]


def test_the_band_is_what_is_near_an_outline() -> None:
    matte = mattes_of([disk(30)])[0]
    band = outline_band(matte)
    y, x = np.nonzero(np.abs(np.diff((matte > 0.5).astype(int), axis=1)))
    assert band[24, 16] and band[24, 20] and not band[24, 30] and not band[24, 5]
    assert band[y, x].all()


def test_new_colors_in_a_fill_are_seen() -> None:
    truth = replace(disks(22), has_palette=True)
    invented = truth.mattes[0] > 0.5
    background = truth.background.copy()
    background[24, 22] = (1, 2, 255)
    background[24, 23] = truth.background[0, 0]
    found = measure_stack(truth, PredictedStack(background, truth.layers, invented))
    assert found["new-colors"] == pytest.approx(1 / invented.sum())
    assert found["exact-fill"] == pytest.approx(1 - 2 / invented.sum())


def test_scenes_compose_to_what_is_peeled() -> None:
    scene = draw_suite(Suite.SCENE, 10_000, 64)
    truth = truth_of(scene)
    assert truth.is_shadowed.any() == any(layer.kind == LayerRole.SHADOW for layer in scene.layers)
    is_plain = ~np.any([matte > 0 for matte in truth.mattes], axis=0) & ~truth.is_shadowed
    assert (picture(scene)[is_plain] == truth.background[is_plain]).all()


# ---- many scenes -------------------------------------------------------------------------------


def test_every_stack_metric_has_its_own_name() -> None:
    assert len({metric.name for metric in STACK_METRICS}) == len(STACK_METRICS)


def test_means_the_worst_and_intervals_are_those_of_the_scenes_that_have_a_value() -> None:
    order, error = StackMetric("order"), StackMetric("seconds", is_error=True)
    ours, other = StackTally("peel"), StackTally("B1")
    for seed in range(21):
        value = np.nan if seed == 20 else seed / 20
        ours.rows[Suite.FLAT, seed] = {"order": value, "seconds": seed}
        other.rows[Suite.FLAT, seed] = {"order": value - 0.25, "seconds": seed}
    assert ours.mean(Suite.FLAT, order) == pytest.approx(np.mean(np.arange(20) / 20))
    assert ours.worst(Suite.FLAT, order) == pytest.approx(np.quantile(np.arange(20) / 20, 0.05))
    assert ours.worst(Suite.FLAT, error) == pytest.approx(np.quantile(np.arange(21), 0.95))
    found = other.minus(ours, Suite.FLAT, order)
    assert (found.low, found.mean, found.high) == pytest.approx((-0.25,) * 3)
    assert np.isnan(ours.mean(Suite.HARD, order))
    assert np.isnan(other.minus(ours, Suite.HARD, order).mean)
