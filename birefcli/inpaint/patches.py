"""A picture whose hole is being filled patch by patch, and how the next patch is found.

Priorities and search follow Criminisi, Perez and Toyama (2004); see exemplar.py.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from birefcli.image import Labels, Mask, Rgb

_Floats = NDArray[np.float32]

# What one pixel from a wrong region costs: as much as black for white.
STRANGER = float(3 * 255**2)
# An edge of this many levels doubles the priority of a patch.
EDGE = 600.0
# Among so many patches that fit best, the one whose wider surroundings fit too is taken, so that
# a checkerboard of cells larger than a patch keeps its beat. The surroundings reach this far, and
# their mean error counts this much of the patch's own.
FINALISTS = 96
WIDE = 16
WIDE_SHARE = 1.0


@dataclass(frozen=True)
class PatchCopy:
    """A patch that was copied: its middle, and the middle of where it came from."""

    y: int
    x: int
    from_y: int
    from_x: int


class Patchwork:
    """A working copy with a border of WIDE, in which copying goes on until the hole is full."""

    def __init__(
        self, rgb: Rgb, hole: Mask, source: Mask, labels: Labels | None, radius: int
    ) -> None:
        """Take a picture, uint8 (H, W, 3), with a hole and at least one pixel of `source` (H, W).

        Patches have `radius` pixels to each side, or fewer where no whole one fits in `source`.
        """
        while radius and not patch_centers(source, radius).any():
            radius -= 1
        self.radius = radius
        border = ((WIDE, WIDE), (WIDE, WIDE), (0, 0))
        self.rgb = np.pad(rgb.astype(np.float32), border)
        self.todo = np.pad(hole, WIDE)
        self.known = np.pad(~hole, WIDE)
        self.source = np.pad(source, WIDE)
        self.middles = np.pad(patch_centers(source, radius), WIDE)
        self.squares = np.square(self.rgb).sum(-1)
        self.labels = None if labels is None else np.pad(labels, WIDE, mode="edge")
        # A region that nothing can be copied from takes what fits.
        self.is_free = np.ones(self.todo.shape, bool)
        if self.labels is not None:
            self.is_free = ~np.isin(self.labels, np.unique(self.labels[self.source]))
        self.priority = np.zeros(self.todo.shape, np.float32)
        # 1 where the picture itself is known, less the further a copy lies from that.
        self.trust = self.known.astype(np.float32)

    def fill(self, reach: int) -> list[PatchCopy]:
        """Fill the hole, strongest edges first, and return every patch that was copied.

        Patches are fetched from up to `reach` pixels away, or further where there is none.
        """
        height, width = self.todo.shape
        self._rank(slice(0, height), slice(0, width))
        steps: list[PatchCopy] = []
        while True:
            y, x = divmod(int(self.priority.argmax()), width)
            if self.priority[y, x] <= 0:
                return steps
            from_y, from_x = self._best(y, x, reach)
            self._copy(y, x, from_y, from_x)
            if self.todo[y, x]:
                from_y, from_x = self._nearest_kin(y, x)
                self._take(y, x, from_y, from_x)
            steps.append(PatchCopy(y - WIDE, x - WIDE, from_y - WIDE, from_x - WIDE))
            r = self.radius
            self._rank(slice(max(y - 3 * r - 1, 0), y + 3 * r + 2), _around(x, 3 * r + 1))

    def fill_rest(self) -> None:
        """Fill what is left of the hole with the nearest source pixel of the same region."""
        if not self.todo.any():
            return
        regions = [None] if self.labels is None else [int(v) for v in np.unique(self.labels)]
        for region in regions:
            rest = self.todo.copy()
            kin = self.source
            if region is not None and self.labels is not None:
                rest &= self.labels == region
                own = self.source & (self.labels == region)
                kin = own if own.any() else self.source
            if rest.any():
                ys, xs = np.nonzero(rest)
                self.rgb[ys, xs] = self.rgb[nearest_pixels(kin, ys, xs)]
                self.todo[ys, xs] = False
                self.known[ys, xs] = True

    def result(self) -> Rgb:
        """Return the picture as it is filled now, uint8 (H, W, 3)."""
        return self.rgb[WIDE:-WIDE, WIDE:-WIDE].astype(np.uint8)

    # The next patch.

    def _rank(self, rows: slice, columns: slice) -> None:
        """Rank the rim of the hole anew: by the known share of the patch, times its edges."""
        r = self.radius
        wide = _widen(rows, r + 1), _widen(columns, r + 1)
        known = self.known[wide].astype(np.float32)
        side = 2 * r + 1
        share = cv2.blur(self.trust[wide], (side, side), borderType=cv2.BORDER_CONSTANT)
        rgb = self.rgb[wide]
        edges: _Floats = np.zeros(known.shape, np.float32)
        across = np.abs(np.diff(rgb, axis=1)).max(-1) * (known[:, 1:] * known[:, :-1])
        down = np.abs(np.diff(rgb, axis=0)).max(-1) * (known[1:] * known[:-1])
        edges[:, 1:] = across
        edges[1:] = np.maximum(edges[1:], down)
        edges = np.asarray(cv2.dilate(edges, np.ones((side, side), np.uint8)), np.float32)
        rim = self.todo[wide] & (cv2.dilate(known, np.ones((3, 3), np.uint8)) > 0)
        ranked = np.where(rim, share * (1 + edges / EDGE), 0)
        top, left = rows.start - wide[0].start, columns.start - wide[1].start
        target = self.priority[rows, columns]
        target[:] = ranked[top : top + target.shape[0], left : left + target.shape[1]]

    def _best(self, y: int, x: int, reach: int) -> tuple[int, int]:
        """Find the middle of the patch that fits best, the nearest among equals."""
        height, width = self.todo.shape
        while True:
            rows, columns = _around(y, reach), _around(x, reach)
            valid = self.middles[rows, columns]
            if valid.any():
                break
            if reach > max(height, width):
                raise ValueError("there is nothing to copy from")
            reach *= 2
        return self._search(y, x, rows, columns, valid)

    def _search(self, y: int, x: int, rows: slice, columns: slice, valid: Mask) -> tuple[int, int]:
        """Compare the patch at (y, x) with every valid middle in a window."""
        r = self.radius
        patch = slice(y - r, y + r + 1), slice(x - r, x + r + 1)
        # The window of middles, and the pixels that their patches reach.
        near = _widen(rows, r), _widen(columns, r)
        weight = self.known[patch].astype(np.float32)
        # Sum of w (I - T)²; whole numbers below 2²⁴, so float32 keeps equals equal.
        cost = _correlate(self.squares[near], weight)
        template = self.rgb[patch] * weight[..., None]
        for channel in range(3):
            cost -= 2 * _correlate(self.rgb[near][..., channel], template[..., channel])
        if self.labels is not None:
            cost += STRANGER * self._strangers(patch, near)
        top, left = rows.start - near[0].start, columns.start - near[1].start
        cost = cost[top : top + valid.shape[0], left : left + valid.shape[1]]
        ys, xs = np.nonzero(valid)
        costs = cost[ys, xs] / max(float(weight.sum()), 1.0)
        ys, xs = ys + rows.start, xs + columns.start
        apart = (ys - y) ** 2 + (xs - x) ** 2
        if len(costs) > FINALISTS:
            bound = np.partition(costs, FINALISTS - 1)[FINALISTS - 1]
            best = np.flatnonzero(costs <= bound)
            best = best[np.lexsort((apart[best], costs[best]))[:FINALISTS]]
            ys, xs, costs, apart = ys[best], xs[best], costs[best], apart[best]
        costs = costs + WIDE_SHARE * self._surroundings(y, x, ys, xs)
        winner = int(np.lexsort((apart, costs))[0])
        return int(ys[winner]), int(xs[winner])

    def _surroundings(self, y: int, x: int, ys: NDArray[np.intp], xs: NDArray[np.intp]) -> _Floats:
        """Give the mean squared error of what lies around the patch, for every candidate."""
        width = self.todo.shape[1]
        span = np.arange(-WIDE, WIDE + 1, 2)
        steps = (span[:, None] * width + span).ravel()
        known, rgb = self.known.ravel(), self.rgb.reshape(-1, 3)
        here = y * width + x + steps
        here, steps = here[known[here]], steps[known[here]]
        there = (ys * width + xs)[:, None] + steps
        weight = known[there].astype(np.float32)
        error = np.square(rgb[there] - rgb[here]).sum(-1) * weight
        return np.asarray(error.sum(1) / np.maximum(weight.sum(1), 1), np.float32)

    def _strangers(self, patch: tuple[slice, slice], near: tuple[slice, slice]) -> _Floats:
        """Count the pixels that each patch would bring from another region than they go to."""
        assert self.labels is not None
        wanted = self.todo[patch] & ~self.is_free[patch]
        labels, around = self.labels[patch], self.labels[near]
        count = np.zeros(around.shape, np.float32)
        for label in np.unique(labels[wanted]):
            own = (wanted & (labels == label)).astype(np.float32)
            count += _correlate((around != label).astype(np.float32), own)
        return count

    # Copying.

    def _copy(self, y: int, x: int, from_y: int, from_x: int) -> None:
        """Copy what is missing of the patch at (y, x) and may come from there."""
        r = self.radius
        patch = slice(y - r, y + r + 1), slice(x - r, x + r + 1)
        origin = slice(from_y - r, from_y + r + 1), slice(from_x - r, from_x + r + 1)
        self._transfer(patch, origin)

    def _transfer(self, patch: tuple[slice, slice], origin: tuple[slice, slice]) -> None:
        """Copy the missing pixels of a patch from source pixels of the same region."""
        takes = self.todo[patch] & self.source[origin]
        if self.labels is not None:
            takes &= self.is_free[patch] | (self.labels[patch] == self.labels[origin])
        self.rgb[patch][takes] = self.rgb[origin][takes]
        self.squares[patch][takes] = self.squares[origin][takes]
        self.trust[patch][takes] = self.trust[patch].mean()
        self.todo[patch][takes] = False
        self.known[patch][takes] = True

    def _take(self, y: int, x: int, from_y: int, from_x: int) -> None:
        """Copy one pixel."""
        self.rgb[y, x] = self.rgb[from_y, from_x]
        self.squares[y, x] = self.squares[from_y, from_x]
        self.trust[y, x] = self.trust[_around(y, self.radius), _around(x, self.radius)].mean()
        self.todo[y, x], self.known[y, x] = False, True

    def _nearest_kin(self, y: int, x: int) -> tuple[int, int]:
        """Find the nearest source pixel of the region that (y, x) belongs to."""
        kin = self.source
        if self.labels is not None and not self.is_free[y, x]:
            kin = kin & (self.labels == self.labels[y, x])
        ys, xs = np.nonzero(kin)
        nearest = int(((ys - y) ** 2 + (xs - x) ** 2).argmin())
        return int(ys[nearest]), int(xs[nearest])

    def copy_near(self, step: PatchCopy, radius: int, scale: int) -> None:
        """Copy a patch that was planned `scale` times smaller, from where it fits best."""
        height, width = self.todo.shape
        top = (step.y - radius) * scale + WIDE
        left = (step.x - radius) * scale + WIDE
        side = (2 * radius + 1) * scale
        bottom, right = min(top + side, height), min(left + side, width)
        top, left = max(top, 0), max(left, 0)
        patch = slice(top, bottom), slice(left, right)
        if not self.todo[patch].any():
            return
        down, over = (step.from_y - step.y) * scale, (step.from_x - step.x) * scale
        # All shifts by up to half a small pixel and one more, as far as the picture goes.
        slack = scale // 2 + 1
        y0, y1 = max(top + down - slack, 0), min(bottom + down + slack, height)
        x0, x1 = max(left + over - slack, 0), min(right + over + slack, width)
        if y1 - y0 < bottom - top or x1 - x0 < right - left:
            return
        near = slice(y0, y1), slice(x0, x1)
        weight = self.known[patch].astype(np.float32)
        cost = _match(self.squares[near], weight)
        template = self.rgb[patch] * weight[..., None]
        for channel in range(3):
            cost -= 2 * _match(self.rgb[near][..., channel], template[..., channel])
        missing = self.todo[patch].astype(np.float32)
        cost += STRANGER * _match((~self.source[near]).astype(np.float32), missing)
        dy, dx = divmod(int(cost.argmin()), cost.shape[1])
        origin = (
            slice(y0 + dy, y0 + dy + bottom - top),
            slice(x0 + dx, x0 + dx + right - left),
        )
        self._transfer(patch, origin)


def patch_centers(source: Mask, radius: int) -> Mask:
    """Return where a patch of `radius` pixels to each side lies wholly in the source (H, W)."""
    side = 2 * radius + 1
    kernel = np.ones((side, side), np.uint8)
    whole = cv2.erode(
        source.astype(np.uint8), kernel, borderType=cv2.BORDER_CONSTANT, borderValue=0
    )
    return np.asarray(whole, np.bool_)


def _correlate(image: _Floats, kernel: _Floats) -> _Floats:
    """Sum the products of a patch-sized kernel with the surroundings of every pixel."""
    return np.asarray(
        cv2.filter2D(image, cv2.CV_32F, kernel, borderType=cv2.BORDER_CONSTANT), np.float32
    )


def _match(image: _Floats, kernel: _Floats) -> _Floats:
    """Sum the products of a kernel at every place it fits into an image."""
    return np.asarray(
        cv2.matchTemplate(np.ascontiguousarray(image), kernel, cv2.TM_CCORR), np.float32
    )


def _around(middle: int, reach: int) -> slice:
    return slice(max(middle - reach, 0), middle + reach + 1)


def _widen(span: slice, by: int) -> slice:
    return slice(max(span.start - by, 0), span.stop + by)


def nearest_pixels(
    kin: Mask, ys: NDArray[np.intp], xs: NDArray[np.intp]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the rows and the columns of the mask's pixels nearest to some places (N)."""
    _, numbers = cv2.distanceTransformWithLabels(
        (~kin).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    rows, columns = np.nonzero(kin)
    order = np.zeros(int(numbers.max()) + 1, np.intp)
    order[numbers[rows, columns]] = np.arange(len(rows))
    chosen = order[numbers[ys, xs]]
    return rows[chosen], columns[chosen]
