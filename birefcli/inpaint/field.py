"""A nearest-neighbour field: for every patch that reaches into a hole, the source patch like it.

After Barnes et al., "PatchMatch: A Randomized Correspondence Algorithm for Structural Image
Editing" (2009), in whole-array steps. A source that is used too often gets dearer, after Kaspar
et al., "Self Tuning Texture Optimization" (2015): otherwise the smoothest patch would win all.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from birefcli.image import Mask
from birefcli.inpaint.patches import nearest_pixels, patch_centers

_Floats = NDArray[np.float32]
_Places = NDArray[np.intp]

RADIUS = 3  # 7×7 patches
MOST = 16_000  # patches that are matched; a larger hole is matched in every second or third pixel
FEWEST = 30  # source patches, below which there is nothing to choose from
PAIRS = 4_000_000  # patches and sources that are compared where each is with all
BLOCK = 512  # patches compared at once
# How much less a pixel counts for every pixel that it lies further from what is known.
DOUBT = 1.35
FEE = 1.0  # of the median cost, for a source that is used twice its share
MOST_FEES = 4.0


class Field:
    """A picture with a hole, and for each patch that reaches into it where it is copied from."""

    def __init__(self, rgb: _Floats, hole: Mask, source: Mask, own: Mask) -> None:
        """Take a picture (H, W, 3) on 0…255, its hole, and where patches may come from (H, W).

        Pixels that are not `own` (H, W) are not looked at.
        """
        side = 2 * RADIUS + 1
        kernel = np.ones((side, side), np.uint8)
        self.hole = np.pad(hole, RADIUS)
        self.own = np.pad(own, RADIUS)
        self.size = self.hole.shape
        self.width = self.size[1]
        self.rgb = np.pad(rgb, ((RADIUS, RADIUS), (RADIUS, RADIUS), (0, 0))).reshape(-1, 3)
        self.is_source = patch_centers(np.pad(source & own & ~hole, RADIUS), RADIUS)
        span = np.arange(-RADIUS, RADIUS + 1)
        self.steps = (span[:, None] * self.width + span).ravel()
        reached = np.pad(cv2.dilate(hole.astype(np.uint8), kernel) > 0, RADIUS)
        self.stride = 1
        while self.stride < RADIUS and reached.sum() > MOST * self.stride**2:
            self.stride += 1
        self.patches = np.flatnonzero(reached & self._grid())
        self.slot = np.full(self.hole.size, -1, np.intp)
        self.slot[self.patches] = np.arange(len(self.patches))
        depth = cv2.distanceTransform(self.hole.astype(np.uint8), cv2.DIST_L2, 3)
        trust = np.where(self.own, DOUBT ** -np.minimum(depth, 30), 0).astype(np.float32)
        self.trust = trust.ravel()
        weight = self.trust[self.patches[:, None] + self.steps]
        self.weight = weight / np.maximum(weight.sum(1, keepdims=True), 1e-6)
        self.at: _Places = np.zeros(len(self.patches), np.intp)
        self.cost: _Floats = np.zeros(len(self.patches), np.float32)
        self.origin: _Places = np.arange(self.hole.size)

    @property
    def has_few_sources(self) -> bool:
        """Whether there are too few source patches for a choice."""
        return int(self.is_source.sum()) < FEWEST

    def picture(self) -> _Floats:
        """Return the picture as it is filled now, float32 (H, W, 3) on 0…255."""
        whole = self.rgb.reshape(*self.size, 3)
        return whole[RADIUS:-RADIUS, RADIUS:-RADIUS]

    def origins(self) -> tuple[_Places, _Places]:
        """Return the row and the column that every pixel was copied from, each (H, W)."""
        rows, columns = np.divmod(self.origin.reshape(self.size), self.width)
        inner = slice(RADIUS, -RADIUS), slice(RADIUS, -RADIUS)
        return rows[inner] - RADIUS, columns[inner] - RADIUS

    def mean_cost(self) -> float:
        """Return the mean squared error between the patches' sources and what the picture shows."""
        return float(self._costs(slice(None), self.at).mean())

    # Where patches come from.

    def match_all(self) -> None:
        """Find the best source of every patch by comparing all."""
        sources = np.flatnonzero(self.is_source)
        sources = sources[:: -(-len(sources) * len(self.patches) // PAIRS)]
        fees = self._fees()[sources]
        # Whole numbers below 2²⁴ (7 bits squared, quarters, 147 terms): the products of the
        # matrices are exact, in whatever order a machine adds them.
        theirs = np.rint(self.rgb[sources[:, None] + self.steps] - 128).reshape(len(sources), -1)
        squares = (theirs * theirs).T
        for first in range(0, len(self.patches), BLOCK):
            block = slice(first, first + BLOCK)
            around = self.patches[block, None] + self.steps
            weight = np.repeat(np.ceil(self.trust[around] * 4), 3, axis=1)
            ours = np.rint(self.rgb[around] - 128).reshape(len(around), -1)
            cost = weight @ squares - 2 * ((weight * ours) @ theirs.T)
            total = np.maximum(weight.sum(1, keepdims=True) / 3, 1)
            self.at[block] = sources[(cost / total + fees).argmin(1)]
        self.cost = self._costs(slice(None), self.at)

    def inherit(self, rows: _Places, columns: _Places) -> None:
        """Start from the origins (H, W) of the hole's pixels in a picture half as large."""
        ys, xs = np.divmod(self.patches, self.width)
        # A patch whose middle is known moves as the nearest pixel of the hole does.
        near_y, near_x = nearest_pixels(self.hole, ys, xs)
        small = (near_y - RADIUS) // 2, (near_x - RADIUS) // 2
        ys = np.clip(ys + 2 * (rows[small] - small[0]), 0, self.size[0] - 1)
        xs = np.clip(xs + 2 * (columns[small] - small[1]), 0, self.width - 1)
        ys, xs = nearest_pixels(self.is_source, ys, xs)
        self.at = ys * self.width + xs
        # Before the first copies, patches are as good as their known pixels say.
        self.compose()
        self.cost = self._costs(slice(None), self.at)

    def improve(self, random: np.random.Generator) -> None:
        """Offer every patch what its neighbours have, and sources ever nearer to its own."""
        fees = self._fees()
        cost = self._costs(slice(None), self.at) + fees[self.at]
        wanted = self.rgb[self.patches[:, None] + self.steps]
        everyone = np.arange(len(self.patches))

        def offer(who: _Places, rows: _Places, columns: _Places) -> None:
            height, width = self.size
            fits = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
            who, there = who[fits], rows[fits] * width + columns[fits]
            fits = self.is_source.ravel()[there] & (there != self.at[who])
            who, there = who[fits], there[fits]
            asked = self._costs(who, there, wanted[who]) + fees[there]
            better = asked < cost[who]
            self.at[who[better]], cost[who[better]] = there[better], asked[better]

        for down, over in ((0, -1), (0, 1), (-1, 0), (1, 0)):
            down, over = down * self.stride, over * self.stride
            beside = self.slot[self.patches + down * self.width + over]
            who = everyone[beside >= 0]
            rows, columns = np.divmod(self.at[beside[who]], self.width)
            offer(who, rows - down, columns - over)
        reach = max(self.size) // 2
        while reach:
            rows, columns = np.divmod(self.at, self.width)
            away = random.integers(-reach, reach + 1, (2, len(everyone)))
            offer(everyone, rows + away[0], columns + away[1])
            reach //= 4
        self.cost = cost - fees[self.at]

    def _costs(
        self, who: _Places | slice, there: _Places, wanted: _Floats | None = None
    ) -> _Floats:
        """Give the mean squared error of some patches with the sources at other places."""
        if wanted is None:
            wanted = self.rgb[self.patches[who, None] + self.steps]
        apart = self.rgb[there[:, None] + self.steps] - wanted
        apart *= apart
        return np.asarray(np.einsum("npc,np->n", apart, self.weight[who]), np.float32)

    def _fees(self) -> _Floats:
        """Give what each source costs for being used more often than others."""
        side = 2 * RADIUS + 1
        counts = np.bincount(self.at, minlength=self.hole.size).astype(np.float32)
        used = cv2.blur(counts.reshape(self.size), (side, side), borderType=cv2.BORDER_CONSTANT)
        share = max(len(self.patches) / max(int(self.is_source.sum()), 1), 1 / self.stride**2)
        over = np.clip(used / np.float32(share) - 1, 0, MOST_FEES)
        return np.asarray(FEE * np.median(self.cost) * over, np.float32).ravel()

    def _grid(self) -> Mask:
        """Every `stride`-th pixel, and the last ones."""
        grid = np.zeros(self.size, np.bool_)
        rows, columns = (np.arange(RADIUS, side - RADIUS, self.stride) for side in self.size)
        rows, columns = (
            np.append(rows, self.size[0] - RADIUS - 1),
            np.append(columns, self.width - RADIUS - 1),
        )
        grid[np.ix_(rows, columns)] = True
        return grid

    # What they bring.

    def compose(self) -> None:
        """Copy every pixel of the hole out of the best patch that covers it.

        The mean of all patches, as in Wexler et al., "Space-Time Completion of Video" (2007),
        would be smoother each time, and match smoother sources the next.
        """
        scale = max(2 * float(np.percentile(self.cost, 75)), 1.0)
        likely = np.exp(-np.minimum(self.cost / scale, 50))
        likely *= np.maximum(self.trust[self.patches], 0.001)
        span = np.arange(-RADIUS, RADIUS + 1)
        central = np.exp(-2 * (span[:, None] ** 2 + span**2) / RADIUS**2).ravel()
        best = np.zeros(self.hole.size, np.float32)
        origin = np.arange(self.hole.size)
        for step, near in zip(self.steps, central, strict=True):
            to, value = self.patches + step, likely * np.float32(near)
            wins = value > best[to]
            best[to[wins]], origin[to[wins]] = value[wins], self.at[wins] + step
        self.origin = np.where(self.hole.ravel(), origin, self.origin)
        self.rgb = self.rgb[self.origin]
