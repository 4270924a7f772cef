"""Grounds that repeat to the bit: one colour, a checkerboard, a tile, with grid lines or not."""

from dataclasses import replace

import numpy as np

from birefcli.image import Rgb
from birefcli.matte.known_ground import (
    Codes,
    Ground,
    GroundKind,
    border_of,
    codes_of,
    colors_of,
    hex_of,
    measured,
)

# A ground explains this share of the picture and of its border, or there is none.
LEAST_SHARE = 0.15
LEAST_BORDER = 0.5
# A richer ground is believed where it explains so much more than a simpler one.
CLEARLY_MORE = 0.1
LARGEST_PERIOD = 128  # pixels of a checkerboard's cell or of a tile
SAMPLE = 64  # rows and columns that tell a period
REPEATS = 4096  # of a tile, that tell its colours
# Grid lines: this share of a line has one colour that is not the ground's.
LINE_SHARE = 0.5


def exact_ground(rgb: Rgb) -> Ground | None:
    """Find the simplest of plain, checkered and tiled grounds that explains the picture."""
    if not _may_repeat(rgb):
        return None
    codes = codes_of(rgb)
    found = [with_lines(rgb, one) for one in (_plain(codes, rgb), *_repeating(codes, rgb))]
    best = found[0]
    for ground in found[1:]:
        more_share, more_border = ground.share - best.share, ground.border - best.border
        if more_share > CLEARLY_MORE and more_border > CLEARLY_MORE:
            best = ground
    return best if best.share >= LEAST_SHARE and best.border >= LEAST_BORDER else None


def exact_checker(rgb: Rgb) -> Ground | None:
    """Find a checkerboard, and nothing else."""
    ground = _checker(codes_of(rgb), rgb)
    if ground is None:
        return None
    ground = with_lines(rgb, ground)
    return ground if ground.share >= LEAST_SHARE and ground.border >= LEAST_BORDER else None


def _may_repeat(rgb: Rgb) -> bool:
    """Tell from the border alone whether an exact ground is worth looking for."""
    sides = [codes_of(side) for side in (rgb[0], rgb[-1], rgb[:, 0], rgb[:, -1])]
    counts = np.sort(np.unique(np.concatenate(sides), return_counts=True)[1])[::-1]
    if counts[:2].sum() >= 0.8 * LEAST_BORDER * counts.sum():
        return True
    if len(counts) > 4 * LARGEST_PERIOD + 0.5 * counts.sum():
        return False
    return sum(_period(side[:, None]) > 1 for side in sides) >= 2


def _plain(codes: Codes, rgb: Rgb) -> Ground:
    """Take the commonest colour of the picture among those that are common at its border."""
    border = border_of(codes)
    values, counts = np.unique(border, return_counts=True)
    common = values[counts >= 0.2 * len(border)]
    if not len(common):
        common = values[[counts.argmax()]]
    code = max(common, key=lambda value: np.count_nonzero(codes == value))
    color = colors_of(code)
    field = np.broadcast_to(color, rgb.shape)
    return measured(rgb, Ground(GroundKind.PLAIN, field, 0.0, 0, 0, hex_of(color)))


def _repeating(codes: Codes, rgb: Rgb) -> list[Ground]:
    grounds = [_checker(codes, rgb), _tiles(codes, rgb)]
    return [ground for ground in grounds if ground is not None]


def _checker(codes: Codes, rgb: Rgb) -> Ground | None:
    """Find a checkerboard of the border's two commonest colours: its cell, then its phase."""
    border = border_of(codes)
    values, counts = np.unique(border, return_counts=True)
    if len(values) < 2:
        return None
    order = np.argsort(-counts)[:2]
    if counts[order].min() < 0.1 * len(border):
        return None
    one, other = (int(value) for value in values[order])
    tall, wide = _cell(codes.T, one, other), _cell(codes, one, other)
    if not (0 < tall <= LARGEST_PERIOD and 0 < wide <= LARGEST_PERIOD):
        return None
    top, left = _phase(codes.T, one, other, tall), _phase(codes, one, other, wide)
    ys, xs = np.mgrid[: codes.shape[0], : codes.shape[1]]
    odd = ((ys - top) // tall + (xs - left) // wide) % 2 == 1
    boards = (np.where(odd, one, other), np.where(odd, other, one))
    board = max(boards, key=lambda codes_: np.count_nonzero(codes_ == codes))
    return _from_codes(board, rgb, GroundKind.CHECKER, f"{wide}x{tall}")


def _cell(codes: Codes, one: int, other: int) -> int:
    """Give the usual length of a run of either colour along the rows, weighted by its pixels."""
    weights: dict[int, int] = {}
    for row in codes[:: max(1, len(codes) // 64)]:
        starts = np.concatenate([[0], np.flatnonzero(np.diff(row)) + 1])
        lengths = np.diff(np.append(starts, len(row)))
        # The first and the last run may be cut off.
        for start, length in zip(starts[1:-1], lengths[1:-1], strict=True):
            if row[start] in (one, other):
                weights[int(length)] = weights.get(int(length), 0) + int(length)
    return max(weights, key=lambda length: weights[length]) if weights else 0


def _phase(codes: Codes, one: int, other: int, cell: int) -> int:
    """Give where along the rows cells begin, 0…cell − 1: where one colour turns into the other."""
    before, after = codes[:, :-1], codes[:, 1:]
    turns = ((before == one) & (after == other)) | ((before == other) & (after == one))
    at = np.arange(1, codes.shape[1]) % cell
    return int(np.bincount(at, weights=turns.sum(0), minlength=cell).argmax())


def _tiles(codes: Codes, rgb: Rgb) -> Ground | None:
    """Find a tile that repeats; each of its pixels is the commonest colour of its repeats."""
    height, width = codes.shape
    # A few rows and columns tell a period.
    tall = _period(codes[:, :: max(1, width // SAMPLE)])
    wide = _period(codes[:: max(1, height // SAMPLE)].T)
    if tall == wide == 1:
        return None
    rows, columns = -(-height // tall), -(-width // wide)
    padded = np.full((rows * tall, columns * wide), -1, np.int32)
    padded[:height, :width] = codes
    repeats = padded.reshape(rows, tall, columns, wide).transpose(0, 2, 1, 3)
    listed = repeats.reshape(rows * columns, tall * wide)
    listed = listed[:: max(1, len(listed) // REPEATS)]
    tile = _commonest(listed).reshape(tall, wide)
    if (tile < 0).any():
        return None
    tiled = np.tile(tile, (rows, columns))[:height, :width]
    return _from_codes(tiled, rgb, GroundKind.TILES, f"{wide}x{tall}")


def _period(codes: Codes) -> int:
    """Give the shift along the columns at which most pixels meet their like, 1 for none."""
    most = min(LARGEST_PERIOD, len(codes) // 2)
    shares = np.array([0.0] + [float((codes[p:] == codes[:-p]).mean()) for p in range(1, most + 1)])
    middle = shares[2:-1]
    # A peak, as neighbours along a run of one colour are alike too.
    is_peak = (middle > shares[1:-2] + 0.02) & (middle > shares[3:] + 0.02)
    peaks = np.flatnonzero(is_peak) + 2
    if not len(peaks):
        return 1
    return int(peaks[shares[peaks] >= shares[peaks].max() - 0.05][0])


def _commonest(columns: Codes) -> Codes:
    """Give the commonest value of each column of (N, M); values below 0 never win."""
    values = np.sort(columns, 0)
    at = np.arange(len(values))[:, None]
    is_new = np.ones_like(values, bool)
    is_new[1:] = values[1:] != values[:-1]
    lengths = at - np.maximum.accumulate(np.where(is_new, at, 0), 0) + 1
    lengths[values < 0] = 0
    return np.asarray(values[lengths.argmax(0), np.arange(values.shape[1])])


def with_lines(rgb: Rgb, ground: Ground) -> Ground:
    """Add grid lines to a ground: rows and columns of another colour at even distances."""
    codes, under = codes_of(rgb), codes_of(np.rint(ground.rgb).astype(np.uint8))
    drawn = ground.rgb.copy()
    count = 0
    for lines, below, canvas in (
        (codes, under, drawn),
        (codes.T, under.T, drawn.transpose(1, 0, 2)),
    ):
        for code, places in _line_places(lines, below).items():
            canvas[places] = colors_of(np.array(code))
            count += len(places)
    if not count:
        return ground
    return measured(rgb, replace(ground, rgb=drawn, has_lines=True))


def _line_places(codes: Codes, under: Codes) -> dict[int, list[int]]:
    """Give the rows that are lines by their colour, where they lie at even distances."""
    places: dict[int, list[int]] = {}
    for i, row in enumerate(codes):
        if row[0] != row[-1] or (under[i] == row[0]).any():
            continue
        if np.count_nonzero(row == row[0]) >= LINE_SHARE * len(row):
            places.setdefault(int(row[0]), []).append(i)
    even = {}
    for code, rows in places.items():
        starts = [row for row in rows if row - 1 not in rows]
        gaps = np.diff(starts)
        thickness = len(rows) / len(starts)
        if len(gaps) and np.ptp(gaps) <= 1 and thickness <= gaps.min() / 4:
            even[code] = rows
    return even


def _from_codes(codes: Codes, rgb: Rgb, kind: GroundKind, cell: str = "") -> Ground:
    values = np.unique(codes)
    names = [hex_of(color) for color in colors_of(values[:2])]
    detail = names[0] if len(values) == 1 else f"{cell} {'/'.join(names)}"
    if len(values) > 2:
        detail = f"{cell} of {len(values)} colours"
    return measured(rgb, Ground(kind, colors_of(codes), 0.0, 0, 0, detail))
