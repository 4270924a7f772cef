"""The few colours around a hole, if they are few, and snapping a fill to them."""

from dataclasses import dataclass

import numpy as np

from birefcli.image import Rgb

MOST = 16  # colours
SHARE = 0.99  # of the rim
STEP = 4  # levels that count as one colour, so that JPEG does not hide a palette


@dataclass(frozen=True, eq=False)
class Palette:
    """A few colours (N, 3)."""

    colors: Rgb

    def snap(self, pixels: Rgb) -> Rgb:
        """Return for every pixel, uint8 (N, 3), the nearest of the colours, by squared distance."""
        apart = pixels[:, None].astype(np.int32) - self.colors[None].astype(np.int32)
        return np.asarray(self.colors[np.square(apart).sum(-1).argmin(1)], np.uint8)


def find_palette(pixels: Rgb) -> Palette | None:
    """Return the at most 16 colours of 99 % of some pixels, uint8 (N, 3); None where it takes more.

    Colours that differ by under four levels count as one.
    """
    if not len(pixels):
        return None
    coarse = pixels.astype(np.int32) // STEP
    _, group, counts = np.unique(coarse, axis=0, return_inverse=True, return_counts=True)
    order = counts.argsort(kind="stable")[::-1]
    enough = int(np.searchsorted(counts[order].cumsum(), SHARE * len(pixels))) + 1
    if enough > MOST:
        return None
    colors = [_commonest(pixels[group.ravel() == number]) for number in order[:enough]]
    return Palette(np.asarray(colors, np.uint8))


def _commonest(pixels: Rgb) -> Rgb:
    colors, counts = np.unique(pixels, axis=0, return_counts=True)
    return np.asarray(colors[counts.argmax()], np.uint8)
