"""What every written animation needs: the part that changes, and times in whole steps."""

import math
from collections.abc import Sequence

import numpy as np

from birefcli.image.types import Mask, Rgba


def changed(before: Rgba, after: Rgba) -> Mask:
    """Tell which pixels (H, W) differ, in colour or in alpha."""
    return np.asarray((before != after).any(axis=2), np.bool_)


def box_around(mask: Mask) -> tuple[int, int, int, int]:
    """Return (left, top, right, bottom) around the mask; one pixel where there is nothing."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not rows.size:
        return 0, 0, 1, 1
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def cut(rgba: Rgba, box: tuple[int, int, int, int]) -> Rgba:
    """Return what lies in the box, as a view."""
    left, top, right, bottom = box
    return rgba[top:bottom, left:right]


def whole_durations(durations: Sequence[float], *, step: int, shortest: int = 0) -> list[int]:
    """Round times to multiples of `step` so that every frame begins as near as can be to its time.

    What is longer than one step takes at least `shortest`.
    """
    whole: list[int] = []
    begin, due = 0, 0.0
    for duration in durations:
        due += duration
        least = shortest if duration > step else 0
        whole.append(max(least, step * math.floor((due - begin) / step + 0.5)))
        begin += whole[-1]
    return whole
