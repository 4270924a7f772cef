"""Which layer is which object: soft overlap, and the best assignment of one to the other."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from birefcli.image import Matte

LEAST_IOU = 0.5  # from which a layer counts as an object
DUPLICATE_IOU = 0.6

_Table = NDArray[np.float64]


@dataclass(frozen=True)
class Matching:
    """Layers and objects by place in their stacks."""

    layer_of: dict[int, int]  # by object
    iou: dict[int, float]  # of what is visible, by object
    extra: tuple[int, ...]  # layers that are no object
    duplicates: int  # pairs of layers that show the same


def soft_iou(one: Matte, other: Matte) -> float:
    """Give the sum of the lower values over that of the higher ones; 1 where both are empty."""
    common = float(np.minimum(one, other).sum(dtype=np.float64))
    both = float(one.sum(dtype=np.float64) + other.sum(dtype=np.float64)) - common
    return common / both if both > 0 else 1.0


def match(
    true: Sequence[Matte], predicted: Sequence[Matte], whole: Sequence[Matte] | None = None
) -> Matching:
    """Match visible mattes (H, W) one to one; `whole` are the layers with what is hidden."""
    table = np.array([[soft_iou(a, b) for b in predicted] for a in true], np.float64)
    pairs = [(i, j) for i, j in assign(table.reshape(len(true), len(predicted)))]
    pairs = [(i, j) for i, j in pairs if table[i, j] >= LEAST_IOU]
    taken = {j for _, j in pairs}
    whole = predicted if whole is None else whole
    alike = [
        soft_iou(whole[i], whole[j]) > DUPLICATE_IOU for i in range(len(whole)) for j in range(i)
    ]
    return Matching(
        dict(pairs),
        {i: float(table[i, j]) for i, j in pairs},
        tuple(j for j in range(len(predicted)) if j not in taken),
        sum(alike),
    )


def assign(gain: _Table) -> list[tuple[int, int]]:
    """Pair rows with columns one to one, as many as there can be, for the largest sum of gains.

    Kuhn, "The Hungarian method for the assignment problem", 1955, by shortest paths: rows join
    one by one, and prices of rows and columns keep every reduced cost at 0 or above.
    """
    if gain.shape[0] > gain.shape[1]:
        return sorted((i, j) for j, i in assign(gain.T))
    rows, columns = gain.shape
    row_price, column_price = np.zeros(rows), np.zeros(columns)
    row_of = np.full(columns, -1)
    for start in range(rows):
        # The cheapest way from the new row to each column, and the column before it.
        cost = np.full(columns, np.inf)
        before = np.full(columns, -1)
        is_done = np.zeros(columns, bool)
        row, column, so_far = start, -1, 0.0
        while row >= 0:
            through = so_far - gain[row] - row_price[row] - column_price
            is_better = ~is_done & (through < cost)
            cost[is_better], before[is_better] = through[is_better], column
            column = int(np.argmin(np.where(is_done, np.inf, cost)))
            so_far, is_done[column] = float(cost[column]), True
            row = int(row_of[column])
        for j in np.flatnonzero(is_done):
            rest = so_far - cost[j]
            column_price[j] -= rest
            if row_of[j] >= 0:
                row_price[row_of[j]] += rest
        row_price[start] += so_far
        while column >= 0:
            earlier = int(before[column])
            row_of[column] = start if earlier < 0 else row_of[earlier]
            column = earlier
    return sorted((int(i), j) for j, i in enumerate(row_of) if i >= 0)
