"""A series of frames treated as one: alpha that holds still, one crop box and one pivot."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from birefcli.matte.morphology import Box, pad_box

_T = TypeVar("_T", np.uint8, np.float32)


@dataclass(frozen=True)
class SeriesFrame:
    """What all frames of a series are cropped to, and the one point they turn about."""

    box: Box
    pivot: tuple[float, float]  # x and y in the whole frame


def steady(
    alphas: Sequence[NDArray[_T]], frames: Sequence[NDArray[np.uint8]], *, is_loop: bool = False
) -> list[NDArray[_T]]:
    """Return alphas (H, W) that change from frame to frame only where the picture does.

    As long as a pixel of the frames (H, W, C) keeps its colour it has one alpha: the median of
    what it was given, which of hard alpha is the majority; a tie goes to the object. In a loop
    the first frame follows the last.
    """
    if len(alphas) != len(frames):
        raise ValueError(f"{len(alphas)} alphas for {len(frames)} frames")
    given = np.stack(list(alphas))
    # Whether a pixel looks as it did in the frame before; the first frame's is the last one.
    is_same = np.stack([(a == b).all(axis=2) for a, b in zip(frames, _before(frames), strict=True)])
    if not is_loop:
        is_same[0] = False
    is_moving = is_same & (given != np.roll(given, 1, axis=0))
    y, x = np.nonzero(is_moving.any(axis=0))
    if not y.size:
        return list(given)
    values = given[:, y, x]  # (frames, pixels)
    runs = _runs(is_same[:, y, x])
    groups = (runs + np.arange(values.shape[1]) * (len(frames) + 1)).ravel()
    order = np.lexsort((values.ravel(), groups))
    _, start, number, count = np.unique(
        groups[order], return_index=True, return_inverse=True, return_counts=True
    )
    medians = values.ravel()[order][start + count // 2]
    result = np.empty_like(values.ravel())
    result[order] = medians[number]
    given[:, y, x] = result.reshape(values.shape)
    return list(given)


def series_frame(
    alphas: Sequence[NDArray[Any]], *, threshold: float = 0, margin: int = 0
) -> SeriesFrame | None:
    """Return the box around all that is above the threshold in any frame (H, W), and its pivot.

    The pivot is the bottom centre of that box before the margin. None where nothing is found.
    """
    is_seen = np.any([alpha > threshold for alpha in alphas], axis=0)
    rows, columns = np.flatnonzero(is_seen.any(axis=1)), np.flatnonzero(is_seen.any(axis=0))
    if not rows.size:
        return None
    box = (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
    pivot = ((box[0] + box[2]) / 2, float(box[3]))
    return SeriesFrame(pad_box(box, margin, (is_seen.shape[0], is_seen.shape[1])), pivot)


def _before(frames: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.uint8]]:
    return [frames[-1], *frames[:-1]]


def _runs(is_same: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Number the runs of equal frames of every pixel; a run over the end of a loop is one."""
    runs = np.cumsum(~is_same, axis=0)
    # Before its first change a pixel of a loop still is in the run that ends the series.
    return np.where(runs == 0, runs[-1], runs)
