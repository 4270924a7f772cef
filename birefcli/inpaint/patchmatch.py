"""The fill for photographs: patches that fit one another, found coarse to fine, without seams.

After Wexler, Shechtman and Irani, "Space-Time Completion of Video" (2007), and Barnes, Shechtman,
Finkelstein and Goldman, "PatchMatch: A Randomized Correspondence Algorithm for Structural Image
Editing" (2009).
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from birefcli.image import Mask, Rgb, rescale, to_uint8
from birefcli.inpaint.exemplar import Exemplar
from birefcli.inpaint.field import Field
from birefcli.inpaint.holes import box_index, each_region, hole_box
from birefcli.inpaint.membrane import solve_membrane
from birefcli.inpaint.patches import nearest_pixels
from birefcli.inpaint.protocol import FillTask, HoleFiller
from birefcli.inpaint.seams import level_seams

_Floats = NDArray[np.float32]
_Places = NDArray[np.intp]

LEAST_MARGIN, MOST_MARGIN = 64, 256  # pixels around a hole that are copied from
THIN = 9  # pixels from the rim to the middle of a hole that is small enough to begin with
NARROW = 28  # the short side of the smallest picture
ROUNDS, LATER_ROUNDS = 8, 3  # of matching and copying, at first and at each doubling
# Hole pixels up to which patches are matched; a larger hole is matched at half size and follows.
MATCHED = 60_000


@dataclass(frozen=True)
class PatchMatch(HoleFiller):
    """Copies patches that agree with all their neighbours, then levels their light.

    Without `levels` it only copies, and no colour is invented.
    """

    levels: bool = True
    name: str = "patchmatch"

    def fill_hole(self, task: FillTask) -> Rgb:
        """Fill the hole with patches of the sources, each region from its own."""
        rgb, hole, labels, source = task.rgb, task.hole, task.labels, task.sources
        tight = hole_box(hole, 0)
        longer = max(tight[2] - tight[0], tight[3] - tight[1])
        box = box_index(hole_box(hole, min(max(longer // 2, LEAST_MARGIN), MOST_MARGIN)))
        local = None if labels is None else labels[box]
        random = np.random.default_rng(task.seed)
        filled, rest = rgb.copy(), hole.copy()
        for region, known in each_region(hole[box], source[box], local):
            own = np.ones_like(region)
            if local is not None and (local[known] == local[region][0]).all():
                own = local == local[region][0]
            shown = _Level(rgb[box].astype(np.float32), region, known, own & ~hole[box])
            if (found := _fill(shown, random, levels=self.levels)) is not None:
                filled[box][region] = to_uint8(found[region])
                rest[box][region] = False
        # Where whole patches are rare, smaller ones are copied.
        return Exemplar()(filled, rest, labels=labels, source=source)


def copy_only() -> PatchMatch:
    """Return the fill for pixel art and flat graphics, whose colours are all the picture's own."""
    return PatchMatch(levels=False)


@dataclass(frozen=True, eq=False)
class _Level:
    """The picture at one size (H, W, 3), its hole, where to copy from, and what else is known."""

    rgb: _Floats
    hole: Mask
    source: Mask
    known: Mask

    def field(self) -> Field:
        """Make the field of patches."""
        return Field(self.rgb, self.hole, self.source, self.hole | self.known)

    @property
    def is_small(self) -> bool:
        """Whether the hole is so thin that its rim reaches its middle."""
        depth = cv2.distanceTransform(np.pad(self.hole.astype(np.uint8), 1), cv2.DIST_C, 3)
        return bool(depth.max() <= THIN) or min(self.hole.shape) < NARROW

    def halved(self) -> "_Level":
        """Average the known pixels of every 2×2 block; any hole in it makes it hole."""
        height, width = self.hole.shape
        size = -(-height // 2), -(-width // 2)
        padding = ((0, size[0] * 2 - height), (0, size[1] * 2 - width))

        def share(mask: Mask) -> _Floats:
            padded = np.pad(mask, padding, mode="edge").astype(np.float32)
            return rescale(padded, size, cv2.INTER_AREA)

        known = share(self.known)
        seen = np.pad(self.rgb * self.known[..., None], (*padding, (0, 0)), mode="edge")
        mean = rescale(seen, size, cv2.INTER_AREA) / np.maximum(known, 1e-6)[..., None]
        hole = share(self.hole) > 0
        source = (share(self.source) > 0.999) & ~hole
        return _Level(mean.astype(np.float32), hole, source, (known > 0) & ~hole)


def _fill(shown: _Level, random: np.random.Generator, *, levels: bool) -> _Floats | None:
    """Fill a small copy, then one twice as large, up to the picture; None if it has no patches."""
    if shown.field().has_few_sources:
        return None
    sizes = [shown]
    while not sizes[-1].is_small:
        smaller = sizes[-1].halved()
        if smaller.field().has_few_sources:
            break
        sizes.append(smaller)
    field = _fill_smallest(sizes.pop())
    rows, columns = field.origins()
    filled = field.picture()
    for larger in reversed(sizes):
        if larger.hole.sum() <= MATCHED:
            field = larger.field()
            field.inherit(rows, columns)
            for _ in range(LATER_ROUNDS):
                field.improve(random)
                field.compose()
            rows, columns = field.origins()
            filled = field.picture()
        else:
            rows, columns = _double_origins(rows, columns, larger)
            filled = larger.rgb[rows, columns]
    if not levels:
        return filled
    return level_seams(filled, shown.hole, shown.known, rows, columns)


def _fill_smallest(shown: _Level) -> Field:
    """Fill the smallest copy, from copied edges and from a smooth one; keep what fits better."""
    own = (shown.hole | shown.known).astype(np.int32)
    copied = Exemplar()(to_uint8(shown.rgb), shown.hole, labels=own, source=shown.source)
    fields = []
    for first in (copied.astype(np.float32), solve_membrane(shown.rgb, shown.known)):
        start = np.where(shown.hole[..., None], first, shown.rgb)
        field = _Level(start, shown.hole, shown.source, shown.known).field()
        for _ in range(ROUNDS):
            field.match_all()
            field.compose()
        fields.append(field)
    return min(fields, key=Field.mean_cost)


def _double_origins(rows: _Places, columns: _Places, larger: _Level) -> tuple[_Places, _Places]:
    """Let every pixel of the hole come from where its half-sized pixel does."""
    height, width = larger.hole.shape
    at_y, at_x = np.mgrid[:height, :width]
    ys, xs = np.nonzero(larger.hole)
    small = ys // 2, xs // 2
    from_y = np.minimum(2 * rows[small] + ys % 2, height - 1)
    from_x = np.minimum(2 * columns[small] + xs % 2, width - 1)
    at_y[ys, xs], at_x[ys, xs] = nearest_pixels(larger.source, from_y, from_x)
    return at_y, at_x
