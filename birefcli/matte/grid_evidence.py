"""What a few lines of a picture tell about its grid: where its colours step and bend."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from birefcli.matte.art_look import packed_colors
from birefcli.matte.linear_resampling import LinearSteps

LARGEST_SCALE = 16
_SAMPLE = 200_000  # pixels that are looked at along one axis
_FEWEST_LINES = 48
_LARGEST_STEP = 64.0  # levels: larger ones count as this
_ON_GRID = 0.85  # of the steps of sampled lines, to look at the whole picture
_ROUNDED = 1.5  # levels that rounding to 8 bits bends a straight line
_QUIET_STEP = 0.5  # of the steps' energy on the grid, the most beside it
_QUIET_BLOCK = 0.1  # the same at the size of JPEG's own blocks
_QUIET_BEND = 0.3  # the same for bends
_UNEQUAL_PAIR = 0.1  # of the bends' energy
_LINEAR_ERROR = 0.7  # levels, root mean square
_ROUGH = 6.0  # levels from pixel to pixel that noise may step
_ROUGH_CELLS = 0.2  # of the cells in which anything happens
_EDGE = 0.05  # of the most that a place counts
_FEWEST_EDGES = 6  # places on the grid where something steps
_CLEAN_COLORS = 64
_JAGGED = 24.0  # levels from pixel to pixel that noise hardly steps
_JAGGED_STEPS = 0.06  # of the steps within cells


@dataclass(frozen=True)
class Lines:
    """Lines of a picture, sampled along one axis, and what changes from pixel to pixel."""

    codes: NDArray[np.uint32]  # (lines, length): one number a colour
    luma: NDArray[np.float32]  # (lines, length), in levels
    steps: NDArray[np.intp]  # (length - 1,): in how many lines the colour changes after a pixel
    energy: NDArray[np.float64]  # (length - 1,): the squared steps of the luma
    bends: NDArray[
        np.float64
    ]  # (length - 2,): its squared second differences, less what rounding does

    @property
    def length(self) -> int:
        """The pixels of a line."""
        return int(self.codes.shape[1])


def sample_lines(picture: NDArray[np.uint8], axis: int) -> Lines:
    """Sample lines of a picture (H, W, 3 or 4) along an axis: 1 for rows, 0 for columns."""
    across, length = picture.shape[1 - axis], picture.shape[axis]
    count = min(across, max(_FEWEST_LINES, _SAMPLE // max(length, 1)))
    # Unevenly, lest patterns that repeat are always met at the same place.
    shift = (np.arange(count) * 0.618034) % 1
    at = ((np.arange(count) + shift) * across / count).astype(np.intp)
    lines = picture[at] if axis == 1 else picture[:, at].transpose(1, 0, 2)
    codes = packed_colors(lines)
    red, green, blue = (lines[..., i].astype(np.int16) for i in range(3))
    luma = np.asarray((red + 2 * green + blue) * np.float32(0.25), np.float32)
    step = np.diff(luma, axis=1)
    bend = np.clip(np.abs(np.diff(step, axis=1)) - _ROUNDED, 0, _LARGEST_STEP)
    step = np.clip(step, -_LARGEST_STEP, _LARGEST_STEP)
    return Lines(
        codes,
        luma,
        np.count_nonzero(codes[:, 1:] != codes[:, :-1], axis=0),
        np.einsum("ij,ij->j", step, step).astype(np.float64),
        np.einsum("ij,ij->j", bend, bend).astype(np.float64),
    )


def exact_start(lines: Lines, scale: int) -> int | None:
    """Return where cells of a scale begin if nearly all colours step there; None if not."""
    counts = fold(lines.steps, scale, 1)[0]
    start = int(np.argmax(counts))
    return start if counts[start] >= _ON_GRID * counts.sum() else None


def lossy_start(lines: Lines, scale: int) -> tuple[int, float] | None:
    """Return where cells begin if the luma steps there only, but for noise, and how clearly."""
    # A few long edges must not outvote the rest, as in drawings: no place counts for more than
    # half of what each place on the grid has if all happens there.
    most = 0.5 * scale * float(lines.energy.mean())
    sums, counts = fold(np.minimum(lines.energy, most), scale, 1)
    means = sums / np.maximum(counts, 1)
    start = int(np.argmax(means))
    quiet = _ratio(float(np.delete(means, start).max()), float(means[start]))
    edges = int(np.count_nonzero(lines.energy[(start - 1) % scale :: scale] > _EDGE * most))
    most_quiet = _QUIET_BLOCK if scale % 8 == 0 else _QUIET_STEP
    if quiet > most_quiet or edges < _FEWEST_EDGES:
        return None
    if not _is_noise_within(lines.luma, scale, start) or _is_clean(lines.codes):
        return None
    return start, 1 - quiet


def linear_start(lines: Lines, scale: int) -> tuple[int, float] | None:
    """Return where cells begin if the luma is straight between their centres, and how clearly."""
    found = _pair_start(lines) if scale == 2 else _bend_start(lines, scale)
    if found is None or linear_error(lines, scale, found[0]) > _LINEAR_ERROR:
        return None
    return found


def linear_error(lines: Lines, scale: int, start: int) -> float:
    """Return the error, in levels, of lines as bilinear enlargements: root mean square."""
    steps = LinearSteps.along(lines.length, scale, start)
    pixels = lines.luma[:: max(1, len(lines.luma) // 64)].T.astype(np.float64)
    return float(np.sqrt(np.mean((steps.render(steps.invert(pixels)) - pixels) ** 2)))


def fold(
    values: NDArray[np.generic], scale: int, first: int
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Sum values along a line, and count them, by their place modulo the scale.

    `first` is the place of the first value.
    """
    at = (np.arange(len(values)) + first) % scale
    sums = np.asarray(np.bincount(at, values, scale), np.float64)
    return sums, np.bincount(at, minlength=scale)


def _bend_start(lines: Lines, scale: int) -> tuple[int, float] | None:
    """Find where the bends lie: at the centre of cells, or at both pixels next to it."""
    sums, counts = fold(lines.bends, scale, 1)
    means = sums / np.maximum(counts, 1)
    centers = (scale - 1) // 2 + np.arange(2 - scale % 2)
    at = (np.arange(scale)[:, None] + centers) % scale  # (start, centres)
    on = means[at].min(axis=1)
    start = int(np.argmax(on))
    quiet = _ratio(float(np.delete(means, at[start]).max()), float(on[start]))
    return (start, 1 - quiet) if quiet <= _QUIET_BEND else None


def _pair_start(lines: Lines) -> tuple[int, float] | None:
    """Find the pairs of pixels that bend alike, as all do after doubling."""
    bend = np.diff(lines.luma, 2, axis=1)
    total = float(np.mean(bend**2))
    # The bend at index i is that of pixel i + 1.
    apart = [
        float(
            np.mean((bend[:, i::2][:, : bend[:, i + 1 :: 2].shape[1]] - bend[:, i + 1 :: 2]) ** 2)
        )
        for i in (1, 0)
    ]
    start = int(np.argmin(apart))
    quiet = _ratio(apart[start], 2 * total)
    return (start, 1 - quiet) if quiet <= _UNEQUAL_PAIR else None


def _is_noise_within(luma: NDArray[np.float32], scale: int, start: int) -> bool:
    """Whether what happens within cells may be noise: in few of them more than at their ends."""
    steps = np.abs(np.diff(luma[:, (start - 1) % scale :], axis=1))
    whole = (steps.shape[1] - 1) // scale
    if whole < 1:
        return False
    # The first step of each is the one into the cell.
    cells = steps[:, : whole * scale].reshape(len(steps), whole, scale)
    ends = np.maximum(cells[..., 0], steps[:, scale : whole * scale + 1 : scale])
    within = cells[..., 1:].max(axis=2)
    is_rough = within > np.maximum(_ROUGH, ends)
    busy = int(np.count_nonzero(np.maximum(within, ends) > _ROUGH))
    jagged = int(np.count_nonzero(cells[..., 1:] > _JAGGED))
    moving = int(np.count_nonzero(cells[..., 1:]))
    return (
        int(np.count_nonzero(is_rough)) <= _ROUGH_CELLS * busy and jagged <= _JAGGED_STEPS * moving
    )


def _is_clean(codes: NDArray[np.uint32]) -> bool:
    """Whether lines have fewer colours than any noise leaves."""
    return len(np.unique(codes)) <= _CLEAN_COLORS


def _ratio(part: float, whole: float) -> float:
    """Divide, giving 1 where there is nothing to divide by."""
    return part / whole if whole > 0 else 1.0
