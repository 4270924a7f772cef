"""Rectangles placed on a sheet as small as can be found, never turned and never overlapping."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

RectSize: TypeAlias = tuple[int, int]  # (height, width)

_WIDTHS = 24  # how many widths of a sheet are tried


@dataclass(frozen=True)
class Placed:
    """The size of a sheet, and x and y of every rectangle's corner."""

    size: RectSize
    corners: tuple[tuple[int, int], ...]


def place(
    sizes: Sequence[RectSize], *, padding: int, power_of_two: bool, max_size: int
) -> Placed | None:
    """Return the smallest sheet found, of alike ones the squarest; None where none is allowed.

    Rectangles are laid from the tallest on, each as low as the skyline of those before it allows
    (Jylänki, "A Thousand Ways to Pack the Bin", 2010), for several widths of the sheet.
    """
    # A rectangle brings the padding at its right and below it, the sheet that at left and top.
    cells = [(height + padding, width + padding) for height, width in sizes]
    order = sorted(range(len(cells)), key=lambda i: (-cells[i][0], -cells[i][1], i))
    best: tuple[tuple[float, float, int], Placed] | None = None
    for width in _widths(cells, padding, power_of_two=power_of_two, max_size=max_size):
        corners, right, bottom = _on_skyline([cells[i] for i in order], width - padding)
        size = (bottom + padding, width if power_of_two else right + padding)
        if power_of_two:
            size = (next_power(size[0]), size[1])
        if max(size) > max_size:
            continue
        # A sheet twice as long as wide must be a twentieth smaller to be worth it.
        slope = abs(math.log2(size[0] / size[1]))
        worth = (size[0] * size[1] * (1 + 0.05 * slope), slope, size[0])
        if best is None or worth < best[0]:
            place_of = dict(zip(order, corners, strict=True))
            ordered = (place_of[i] for i in range(len(cells)))
            best = worth, Placed(size, tuple((x + padding, y + padding) for x, y in ordered))
    return best[1] if best else None


def _widths(
    cells: Sequence[RectSize], padding: int, *, power_of_two: bool, max_size: int
) -> Iterator[int]:
    """Give the widths of a sheet that are worth trying."""
    widest = max(width for _, width in cells) + padding
    if power_of_two:
        width = next_power(widest)
        while width <= max_size:
            yield width
            width *= 2
        return
    side = sum(height * width for height, width in cells) ** 0.5 + padding
    # From half of a square's side to twice of it, in even steps of the ratio.
    tried = {max(widest, round(side * 2 ** (2 * i / _WIDTHS - 1))) for i in range(_WIDTHS + 1)}
    yield from sorted(width for width in {*tried, max(widest, max_size)} if width <= max_size)


def _on_skyline(cells: Sequence[RectSize], across: int) -> tuple[list[tuple[int, int]], int, int]:
    """Lay cells one after the other; give their corners, and how far right and down they reach."""
    # The skyline: (x, y, width) from left to right; what lies above y there is taken.
    skyline = [(0, 0, across)]
    corners = []
    right = bottom = 0
    for height, width in cells:
        y, x = min(_spots(skyline, width, across))
        corners.append((x, y))
        right, bottom = max(right, x + width), max(bottom, y + height)
        skyline = _raised(skyline, x, width, y + height)
    return corners, right, bottom


def _spots(
    skyline: Sequence[tuple[int, int, int]], width: int, across: int
) -> Iterator[tuple[int, int]]:
    """Give (y, x) of every place where a cell of that width can lie, its left on a step."""
    for i, (x, y, _) in enumerate(skyline):
        if x + width > across:
            return
        for left, level, _ in skyline[i:]:
            if left >= x + width:
                break
            y = max(y, level)
        yield y, x


def _raised(
    skyline: Sequence[tuple[int, int, int]], x: int, width: int, level: int
) -> list[tuple[int, int, int]]:
    """Return the skyline with a cell on it."""
    pieces = [(x, level, width)]
    for left, y, w in skyline:
        if left < x:
            pieces.append((left, y, min(w, x - left)))
        if left + w > x + width:
            begin = max(left, x + width)
            pieces.append((begin, y, left + w - begin))
    merged: list[tuple[int, int, int]] = []
    for left, y, w in sorted(pieces):
        if merged and merged[-1][1] == y:
            merged[-1] = (merged[-1][0], y, merged[-1][2] + w)
        else:
            merged.append((left, y, w))
    return merged


def next_power(length: int) -> int:
    """Return the smallest power of two that is not below."""
    return 1 << max(length - 1, 0).bit_length()
