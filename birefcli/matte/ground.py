"""Find the ground of a picture where the picture itself gives it away.

Sheets, sprites and drawings stand on one colour, a checkerboard, a small tile that repeats, or a
straight gradient, often with grid lines. Such a ground is known everywhere, also behind what
stands on it, so the object is whatever differs from it.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

import cv2
import numpy as np
from numpy.typing import NDArray

from birefcli.image import Rgb

Codes = NDArray[np.int64]  # (H, W), one number for each colour
Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

# A ground explains this share of the picture and of its border, or there is none.
LEAST_SHARE = 0.15
LEAST_BORDER = 0.5
# A richer ground is believed where it explains so much more than a simpler one.
CLEARLY_MORE = 0.1
LARGEST_PERIOD = 128  # pixels of a checkerboard's cell or of a tile
# Grid lines: this share of a line has one colour that is not the ground's.
LINE_SHARE = 0.5
LARGEST_NOISE = 12.0  # levels, of JPEG or film grain, beyond which a field is not plain
NOISY_BORDER = 0.85  # share of the border that a noisy ground explains
# Between ground and object a drawing has an outline of a few pixels; a photograph has shadows,
# which are nearly the ground's colour far from anything that is not.
NEARLY = 28.0  # levels
OUTLINE = 4  # pixels
SHADOWED = 0.004  # share of the picture that may nearly be ground far from an outline


class GroundKind(StrEnum):
    """What a ground is made of."""

    PLAIN = "plain"
    CHECKER = "checkerboard"
    TILES = "tiles"
    GRADIENT = "gradient"


@dataclass(frozen=True, eq=False)
class Ground:
    """A ground that is known everywhere."""

    kind: GroundKind
    rgb: Floats  # (H, W, 3), levels: what would be seen if nothing stood on it
    tolerance: float  # levels a channel within which a pixel is ground
    share: float  # of the picture's pixels, that are ground
    border: float  # of the border's pixels, that are ground
    detail: str = ""  # its colours or period, in words
    has_lines: bool = False

    @property
    def confidence(self) -> float:
        """How sure it is, 0…1: the share of the border that it explains, less for few pixels."""
        return float(self.border * min(1.0, 0.5 + self.share))

    @property
    def words(self) -> str:
        """What a report calls it."""
        lines = " with grid lines" if self.has_lines else ""
        return f"{self.kind.value} {self.detail}{lines}".strip()

    def difference(self, rgb: Rgb) -> Floats:
        """Give how far each pixel is from the ground (H, W), in levels of its worst channel."""
        return np.asarray(np.abs(rgb.astype(np.float32) - self.rgb).max(-1), np.float32)


def find_ground(rgb: Rgb) -> Ground | None:
    """Give the ground of a picture (H, W, 3) where it is certain, else None.

    An exact ground is one that repeats to the bit; failing that, a plain field or a straight
    gradient with noise of a few levels. What has the soft shadows of a photograph has none.
    """
    if min(rgb.shape[:2]) < 4:
        return None
    ground = exact_ground(rgb) or noisy_ground(rgb)
    if ground is None or has_shadows(rgb, ground):
        return None
    return ground


def plain_ground(rgb: Rgb, color: tuple[int, int, int], tolerance: float) -> Ground:
    """Take one colour as the ground, as the user says."""
    field = np.broadcast_to(np.array(color, np.float32), rgb.shape).copy()
    return _measured(rgb, Ground(GroundKind.PLAIN, field, tolerance, 0, 0, hex_of(color)))


# ---- grounds that repeat to the bit ------------------------------------------------------------


def exact_ground(rgb: Rgb) -> Ground | None:
    """Find the simplest of plain, checkered and tiled grounds that explains the picture."""
    codes = _codes(rgb)
    found = [with_lines(rgb, one) for one in (_plain(codes, rgb), *_repeating(codes, rgb))]
    best = found[0]
    for ground in found[1:]:
        more_share, more_border = ground.share - best.share, ground.border - best.border
        if more_share > CLEARLY_MORE and more_border > CLEARLY_MORE:
            best = ground
    return best if best.share >= LEAST_SHARE and best.border >= LEAST_BORDER else None


def _plain(codes: Codes, rgb: Rgb) -> Ground:
    """Take the commonest colour of the picture among those that are common at its border."""
    border = border_of(codes)
    values, counts = np.unique(border, return_counts=True)
    common = values[counts >= 0.2 * len(border)]
    if not len(common):
        common = values[[counts.argmax()]]
    code = max(common, key=lambda value: np.count_nonzero(codes == value))
    return _from_codes(np.full_like(codes, code), rgb, GroundKind.PLAIN)


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
    tall, wide = _period(codes), _period(codes.T)
    if tall == wide == 1:
        return None
    height, width = codes.shape
    rows, columns = -(-height // tall), -(-width // wide)
    padded = np.full((rows * tall, columns * wide), -1, np.int64)
    padded[:height, :width] = codes
    repeats = padded.reshape(rows, tall, columns, wide).transpose(0, 2, 1, 3)
    tile = _commonest(repeats.reshape(rows * columns, tall * wide)).reshape(tall, wide)
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
    codes, under = _codes(rgb), _codes(np.rint(ground.rgb).astype(np.uint8))
    drawn = ground.rgb.copy()
    count = 0
    for lines, below, canvas in (
        (codes, under, drawn),
        (codes.T, under.T, drawn.transpose(1, 0, 2)),
    ):
        for code, places in _line_places(lines, below).items():
            canvas[places] = _colors(np.array(code))
            count += len(places)
    if not count:
        return ground
    return _measured(rgb, replace(ground, rgb=drawn, has_lines=True))


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


# ---- grounds with noise --------------------------------------------------------------------------


def noisy_ground(rgb: Rgb) -> Ground | None:
    """Find a plain field or a straight gradient whose pixels vary by a few levels."""
    for kind in (GroundKind.PLAIN, GroundKind.GRADIENT):
        ground = _fitted(rgb, kind)
        if ground is not None:
            return ground
    return None


def _fitted(rgb: Rgb, kind: GroundKind) -> Ground | None:
    """Fit a constant or a plane to the border's colours, leaving out what stands on it."""
    height, width = rgb.shape[:2]
    ys, xs = np.mgrid[:height, :width].astype(np.float64)
    ys, xs = ys / height - 0.5, xs / width - 0.5
    terms = [np.ones_like(ys)] if kind == GroundKind.PLAIN else [np.ones_like(ys), ys, xs]
    basis = np.stack([border_of(term) for term in terms], -1)
    colors = border_of(rgb).astype(np.float64)
    is_in = np.ones(len(colors), bool)
    weights = np.zeros((basis.shape[1], 3))
    for _ in range(8):
        weights = np.linalg.lstsq(basis[is_in], colors[is_in], rcond=None)[0]
        error = np.abs(colors - basis @ weights).max(-1)
        limit = max(3.0, 3 * float(np.median(error)))
        is_in = error <= limit
        if is_in.mean() < LEAST_BORDER:
            return None
    noise = float(np.quantile(error[is_in], 0.99))
    field = sum(term[..., None] * w for term, w in zip(terms, weights, strict=True))
    tolerance = float(np.clip(1.5 * noise, 2.0, LARGEST_NOISE))
    ground = Ground(kind, np.asarray(field, np.float32), tolerance, 0, 0, _ends(weights))
    ground = _measured(rgb, ground)
    is_good = ground.border >= NOISY_BORDER and ground.share >= LEAST_SHARE
    return ground if is_good and noise <= LARGEST_NOISE / 1.5 else None


def _ends(weights: NDArray[np.float64]) -> str:
    """Name the colour of a field, or of a gradient's two ends."""
    if len(weights) == 1:
        return hex_of(weights[0])
    way = np.abs(weights[1:]).sum(-1).argmax() + 1
    return f"{hex_of(weights[0] - weights[way] / 2)} to {hex_of(weights[0] + weights[way] / 2)}"


# ---- photographs ---------------------------------------------------------------------------------


def has_shadows(rgb: Rgb, ground: Ground) -> bool:
    """Tell whether much is nearly the ground's colour and changes softly, as shadows do."""
    difference = ground.difference(rgb)
    is_nearly = (difference > ground.tolerance) & (difference <= NEARLY)
    brush = np.ones((2 * OUTLINE + 1, 2 * OUTLINE + 1), np.uint8)
    is_other = (difference > NEARLY).astype(np.uint8)
    far = is_nearly & (cv2.dilate(is_other, brush) == 0)
    # A flat field of a colour like the ground's is drawn, and no shadow.
    flat = _is_flat(rgb)
    return bool(np.count_nonzero(far & ~flat) > SHADOWED * difference.size)


def _is_flat(rgb: Rgb) -> Mask:
    """Mark pixels (H, W) that have exactly the colour of all their neighbours."""
    brush = np.ones((3, 3), np.uint8)
    return np.asarray((cv2.dilate(rgb, brush) == cv2.erode(rgb, brush)).all(-1))


# ---- colours -------------------------------------------------------------------------------------


def border_of(array: NDArray[np.generic]) -> NDArray[np.generic]:
    """Give the outermost pixels of (H, W, …) as a list (N, …)."""
    return np.concatenate([array[0], array[-1], array[1:-1, 0], array[1:-1, -1]])


def hex_of(color: NDArray[np.float64] | tuple[int, int, int]) -> str:
    """Write a colour as #rrggbb."""
    return "#" + "".join(f"{int(np.clip(round(float(c)), 0, 255)):02x}" for c in color)


def _codes(rgb: Rgb) -> Codes:
    wide = rgb.astype(np.int64)
    return np.asarray((wide[..., 0] << 16) | (wide[..., 1] << 8) | wide[..., 2])


def _colors(codes: Codes) -> Floats:
    return np.stack([codes >> 16, (codes >> 8) & 255, codes & 255], -1).astype(np.float32)


def _from_codes(codes: Codes, rgb: Rgb, kind: GroundKind, cell: str = "") -> Ground:
    values = np.unique(codes)
    names = [hex_of(color) for color in _colors(values[:2])]
    detail = names[0] if len(values) == 1 else f"{cell} {'/'.join(names)}"
    if len(values) > 2:
        detail = f"{cell} of {len(values)} colours"
    return _measured(rgb, Ground(kind, _colors(codes), 0.0, 0, 0, detail))


def _measured(rgb: Rgb, ground: Ground) -> Ground:
    """Fill in how much of the picture and of its border a ground explains."""
    is_ground = ground.difference(rgb) <= ground.tolerance
    return replace(ground, share=float(is_ground.mean()), border=float(border_of(is_ground).mean()))
