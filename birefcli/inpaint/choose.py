"""The choice of a filler, hole by hole: each tries a hole like it whose content is known."""

from dataclasses import dataclass

import cv2
import numpy as np

from birefcli.arrays import Rgb
from birefcli.inpaint.exemplar import Exemplar
from birefcli.inpaint.membrane import Membrane
from birefcli.inpaint.protocol import (
    Filled,
    Inpainter,
    Labels,
    Mask,
    blind_fill,
    fill,
    hole_box,
    inside,
)
from birefcli.pixelart import looks_hard

PROXIES = 2
LONGEST = 96  # the long side of a proxy hole; a larger hole is tried out smaller
GAP = 4  # pixels between the hole and its proxy
CONTEXT = 64  # pixels around a proxy that fillers see
# The first filler wins unless it is worse by more than this share. Copies come first: they keep
# the grain, which a mean error cannot see. With 0.5 a blur never wins on mere noise.
LEEWAY = 0.1

FLAT_SHARE = 0.5  # of the pixels are exactly like all their neighbours
FEW_COLORS, FEW_SHARE = 16, 0.9  # colours of 5 bits a channel, and how much they cover


@dataclass(frozen=True)
class AutoInpainter:
    """Takes the filler that does best on proxy holes; graphics and pixel art take the first."""

    fillers: tuple[Inpainter, ...] = (Exemplar(), Membrane())
    # A filler that takes so long that it is tried on one proxy only.
    slow: Inpainter | None = None
    leeway: float = LEEWAY
    name: str = "auto"

    def __call__(
        self,
        rgb: Rgb,
        hole: Mask,
        *,
        labels: Labels | None = None,
        source: Mask | None = None,
        seed: int = 0,
    ) -> Rgb:
        """Fill the hole with the filler that suits it."""
        return self.fill(rgb, hole, labels=labels, source=source, seed=seed).rgb

    def fill(
        self,
        rgb: Rgb,
        hole: Mask,
        *,
        labels: Labels | None = None,
        source: Mask | None = None,
        seed: int = 0,
    ) -> Filled:
        """Fill the hole, and say by whom and how well it did on the proxies."""
        best, error = self.fillers[0], None
        if blind_fill(rgb, hole) is None and not is_drawn(rgb, ~hole):
            known = ~hole if source is None else ~hole & source
            best, error = self._best(rgb, hole, known, labels, source, seed)
        filled = fill(best, rgb, hole, labels=labels, source=source, seed=seed)
        return Filled(filled.rgb, filled.backend, error, filled.label_prior)

    def _best(
        self,
        rgb: Rgb,
        hole: Mask,
        known: Mask,
        labels: Labels | None,
        source: Mask | None,
        seed: int,
    ) -> tuple[Inpainter, float | None]:
        """Give the filler with the least error on the proxies, in levels; None without any."""
        proxies = proxy_holes(hole, known)
        if not proxies:
            return self.fillers[0], None
        fillers = self.fillers if self.slow is None else (*self.fillers, self.slow)
        errors = []
        for inpaint in fillers:
            tried = proxies[:1] if inpaint is self.slow else proxies
            trials = [_error(inpaint, rgb, hole, proxy, labels, source, seed) for proxy in tried]
            errors.append(float(np.mean(trials)))
        best = int(np.argmin(errors))
        if errors[0] <= errors[best] * (1 + self.leeway):
            best = 0
        return fillers[best], errors[best]


def is_drawn(rgb: Rgb, known: Mask) -> bool:
    """Whether a picture is pixel art or flat graphics, which only copies keep clean."""
    if looks_hard(rgb):
        return True
    grown = cv2.dilate(rgb, np.ones((3, 3), np.uint8))
    shrunk = cv2.erode(rgb, np.ones((3, 3), np.uint8))
    is_plain = (grown == shrunk).all(-1)
    if is_plain[known].mean() >= FLAT_SHARE:
        return True
    red, green, blue = np.moveaxis(rgb[known].astype(np.int32) >> 3, -1, 0)
    counts = np.sort(np.bincount(red << 10 | green << 5 | blue))[::-1]
    return bool(counts[:FEW_COLORS].sum() >= FEW_SHARE * counts.sum())


def proxy_holes(hole: Mask, known: Mask) -> list[Mask]:
    """Put the hole's shape beside it, where most is known; at most two, better ones first."""
    left, top, right, bottom = hole_box(hole, 0)
    shape = hole[top:bottom, left:right]
    height, width = shape.shape
    shrink = min(1.0, LONGEST / max(height, width))
    small = max(round(height * shrink), 1), max(round(width * shrink), 1)
    stamp = cv2.resize(
        shape.astype(np.uint8), (small[1], small[0]), interpolation=cv2.INTER_AREA
    ).astype(np.bool_)
    stamp = stamp if stamp.any() else np.ones(small, np.bool_)
    found: list[tuple[int, Mask]] = []
    for down in (0, -1, 1):
        for over in (0, -1, 1):
            y = (top + bottom - small[0]) // 2 + down * ((height + small[0]) // 2 + GAP)
            x = (left + right - small[1]) // 2 + over * ((width + small[1]) // 2 + GAP)
            proxy = _stamped(hole.shape, stamp, y, x) & known
            if (down or over) and 2 * proxy.sum() >= stamp.sum():
                found.append((int(proxy.sum()), proxy))
    found.sort(key=lambda pair: -pair[0])
    return [proxy for _, proxy in found[:PROXIES]]


def _stamped(size: tuple[int, ...], stamp: Mask, y: int, x: int) -> Mask:
    """Put a small mask into an empty large one, as far as it reaches into it."""
    mask = np.zeros(size, np.bool_)
    bottom, right = min(y + stamp.shape[0], size[0]), min(x + stamp.shape[1], size[1])
    top, left = max(y, 0), max(x, 0)
    if top < bottom and left < right:
        mask[top:bottom, left:right] = stamp[top - y : bottom - y, left - x : right - x]
    return mask


def _error(
    inpaint: Inpainter,
    rgb: Rgb,
    hole: Mask,
    proxy: Mask,
    labels: Labels | None,
    source: Mask | None,
    seed: int,
) -> float:
    """Fill a proxy hole, of which the truth is known, and give the mean error in levels."""
    box = inside(hole_box(proxy, CONTEXT))
    wanted = proxy[box]
    filled = inpaint(
        rgb[box],
        hole[box] | wanted,
        labels=None if labels is None else labels[box],
        source=None if source is None else source[box],
        seed=seed,
    )
    apart = np.abs(filled[wanted].astype(np.int32) - rgb[box][wanted])
    return float(apart.mean())
