"""The LayerD score of stacks."""

import numpy as np
import pytest
from piles import disk, ground

from birefcli.metrics.stacks.layerd import (
    LayerdScore,
    MergedLayers,
    ScoreCache,
    aligned,
    grouped,
    layerd_scores,
)


def test_layers_that_do_not_meet_count_as_one() -> None:
    apart = [disk(12, reach=8), disk(50, 1, reach=8)]
    assert len(grouped(ground(), apart, 8)) == 2
    assert len(grouped(ground(), [disk(20), disk(30, 1)], 8)) == 3
    # Two side by side over a third lie in one round, and it in the next.
    assert len(grouped(ground(), [disk(32, 2, reach=20), *apart], 8)) == 3
    # In a row, each under the one before it, every one has a round of its own.
    assert len(grouped(ground(), [disk(16 * i, i, reach=10) for i in (1, 2, 3)], 8)) == 4
    stray = disk(50, 1, reach=8)
    stray[24, 12] = (9, 9, 9, 1)
    for pile in ([apart[0], stray], [stray, apart[0]]):
        assert len(grouped(ground(), pile, 8)) == 2
        assert len(grouped(ground(), pile, 0)) == 3


@pytest.mark.parametrize("is_turned", [False, True])
def test_the_alignment_is_the_cheapest_of_all_paths(is_turned: bool) -> None:
    true = grouped(ground(), [disk(20), disk(28, 1), disk(36, 2)], 8)
    mine = grouped(ground(1), [disk(24, 5), disk(30, 6)], 8)
    true, mine = (mine, true) if is_turned else (true, mine)
    ledger = ScoreCache()

    def paths(i: int, j: int) -> list[list[LayerdScore]]:
        here = ledger.score(true[i], mine[j])
        before = [
            path
            for a, b in ((i - 1, j - 1), (i - 1, j), (i, j - 1))
            if a >= 0 and b >= 0
            for path in paths(a, b)
        ]
        return [[*path, here] for path in before] or [[here]]

    best = min(paths(len(true) - 1, len(mine) - 1), key=lambda path: sum(s.cost for s in path))
    score = aligned(true, mine, ledger)
    assert score.rgb == pytest.approx(np.mean([step.rgb for step in best]))
    assert score.iou == pytest.approx(np.mean([step.iou for step in best]))


def test_more_merges_never_bring_piles_further_apart() -> None:
    for seed in range(3):
        rng = np.random.default_rng(seed)
        true, mine = (
            (ground(), [disk(int(x), int(x)) for x in rng.integers(10, 54, count)])
            for count in (3, 4)
        )
        costs = [at.cost for at in layerd_scores(true, mine, 8)]
        assert len(costs) == 6 and costs == sorted(costs, reverse=True)
        assert costs[-1] < costs[0]


def test_an_object_in_two_pieces_is_mended_by_one_merge() -> None:
    whole = disk(30)
    upper, lower = whole.copy(), whole.copy()
    upper[24:], lower[:23] = 0, 0  # they share a row
    scores = layerd_scores((ground(), [whole]), (ground(), [lower, upper]), 8)
    assert scores[0].iou < 0.95
    assert scores[1].rgb == pytest.approx(0, abs=1e-6) and scores[1].iou > 0.99


def test_a_sheet_over_another_mixes_as_layers_do() -> None:
    below, above = MergedLayers.of(disk(20)), MergedLayers.of(disk(30, 1))
    both = below.under(above)
    for y, x in ((24, 10), (24, 17), (24, 43), (24, 25)):
        a, b = above.alpha[y, x], below.alpha[y, x]
        alpha = a + b * (1 - a)
        color = (a * above.color[y, x] + b * (1 - a) * below.color[y, x]) / max(alpha, 1e-6)
        assert both.alpha[y, x] == pytest.approx(alpha, abs=1e-5)
        assert both.color[y, x] == pytest.approx(color, abs=1e-5)
