"""Whether a picture looks like pixel art at its own size: few colours, hard steps between."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_FEW_COLORS = 256
_SMALL_SIDE = 256
_GLANCE = 4096  # pixels whose colours are counted first
_LINES = 96
_HARD = 0.85  # of the steps between even areas
_HARDISH = 0.25  # the same where there are many steps between few colours
_MANY_STEPS = 4  # to a colour
_FEWEST_STEPS = 48
_STEP = 12  # levels, of one channel at least: smaller ones are shades


@dataclass(frozen=True)
class ArtLook:
    """What makes a picture look like pixel art, or not."""

    colors: int  # where there are over 256, those of a sample
    hard: float  # 0…1, of the steps between even areas: those with no mixed pixel between
    steps: int  # steps between even areas that were seen
    is_small: bool  # no side above 256

    @property
    def is_art(self) -> bool:
        """Whether it is pixel art: small and of few colours, or of hard steps, and many of them."""
        if self.is_small and self.colors <= _FEW_COLORS:
            return True
        # Drawings have more shades than steps; art of a small palette may mix its own colours.
        if self.steps < max(_FEWEST_STEPS, self.colors):
            return False
        return self.hard >= (_HARDISH if self.steps >= _MANY_STEPS * self.colors else _HARD)

    @property
    def confidence(self) -> float:
        """How sure the look is, 0…1."""
        if not self.is_art:
            return 0.0
        if self.is_small and self.colors <= _FEW_COLORS:
            return 1 - self.colors / (2 * _FEW_COLORS)
        return max(self.hard, 1 - self.colors / self.steps)

    @property
    def reason(self) -> str:
        """Say in words what tells."""
        many = "over " if self.colors > _FEW_COLORS else ""
        colors = f"{many}{min(self.colors, _FEW_COLORS)} colours"
        return f"{colors}, {self.hard:.0%} of {self.steps} steps are hard"


def looks_like_art(picture: NDArray[np.uint8]) -> bool:
    """Whether a picture (H, W, 3 or 4) looks like pixel art that was not enlarged."""
    return art_look(picture).is_art


def art_look(picture: NDArray[np.uint8]) -> ArtLook:
    """Look at a picture's colours and at how hard they step, (H, W, 3 or 4).

    A step is two even areas, of two equal pixels or more, side by side; it is soft where one or
    two mixed pixels lie between them, as antialiasing draws. Outlines are no mixed pixels.
    """
    height, width = picture.shape[:2]
    colors = _count_colors(picture)
    hard = soft = 0
    for lines in (picture, picture.transpose(1, 0, 2)):
        counted = _steps(lines[:: max(1, len(lines) // _LINES)])
        hard, soft = hard + counted[0], soft + counted[1]
    steps = hard + soft
    is_small = max(height, width) <= _SMALL_SIDE
    return ArtLook(colors, hard / steps if steps else 0.0, steps, is_small)


def _steps(lines: NDArray[np.uint8]) -> tuple[int, int]:
    """Count the hard and the soft steps along lines (lines, length, channels)."""
    if lines.shape[1] < 6:
        return 0, 0
    codes = packed_colors(lines)
    same = codes[:, 1:] == codes[:, :-1]  # pixel i and the next
    # An even area ends at pixel i + 1 where it is one with its neighbour and not with the next.
    row, i = np.nonzero(same[:, :-1] & ~same[:, 1:])
    counts = [0, 0]
    for between in (0, 1, 2):
        fits = i + between + 2 < same.shape[1]
        row, i = row[fits], i[fits]
        ends = same[row, i + between + 2]
        at, place = row[ends], i[ends] + 1
        first, last = (lines[at, x].astype(np.int16) for x in (place, place + between + 1))
        is_step = np.abs(first - last).max(axis=1, initial=0) >= _STEP
        for x in range(1, between + 1):
            is_step &= _is_between(first, lines[at, place + x].astype(np.int16), last)
        counts[between > 0] += int(np.count_nonzero(is_step))
        row, i = row[~ends], i[~ends]
    return counts[0], counts[1]


def packed_colors(picture: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """Give every pixel of a picture (H, W, 3 or 4) the number of its colour, (H, W)."""
    packed = np.zeros((*picture.shape[:2], 4), np.uint8)
    packed[..., : picture.shape[2]] = picture
    return np.asarray(packed.view(np.uint32)[..., 0])


def _is_between(
    first: NDArray[np.int16], middle: NDArray[np.int16], last: NDArray[np.int16]
) -> NDArray[np.bool_]:
    """Whether colours (n, channels) lie between two others in every channel."""
    low, high = np.minimum(first, last) - 2, np.maximum(first, last) + 2
    return np.asarray(np.all((middle >= low) & (middle <= high), axis=1))


def _count_colors(picture: NDArray[np.uint8]) -> int:
    """Count the colours, giving up as soon as a glance shows many."""
    height, width = picture.shape[:2]
    stride = max(1, int(np.sqrt(height * width / _GLANCE)))
    seen = len(np.unique(packed_colors(picture[::stride, ::stride])))
    if seen > _FEW_COLORS:
        return seen
    return len(np.unique(packed_colors(picture)))
