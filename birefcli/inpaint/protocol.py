"""What fills a hole: one protocol, what came of it, and the parts every filler shares."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import cv2
import numpy as np

from birefcli.image.types import Labels, Mask, Rgb
from birefcli.matte.morphology import Box, pad_box


class Inpainter(Protocol):
    """Anything that fills a hole."""

    @property
    def name(self) -> str:
        """What `--inpaint` and the manifest call it."""

    def __call__(
        self,
        rgb: Rgb,
        hole: Mask,
        *,
        labels: Labels | None = None,
        source: Mask | None = None,
        seed: int = 0,
    ) -> Rgb:
        """Give the picture with its hole filled and every other pixel as it was.

        `labels` says which region each pixel belongs to, inside the hole too, and each region is
        filled from its own side. `source` is where pixels may be copied from; the default is
        everything outside the hole. Same seed, same bytes.
        """


@dataclass(frozen=True, eq=False)
class Filled:
    """A filled picture (H, W, 3), and how it came about."""

    rgb: Rgb
    backend: str
    proxy_l1: float | None = None  # mean error in levels on a hole whose content was known
    label_prior: bool = False  # whether regions told the filler where to take from


@runtime_checkable
class Telling(Protocol):
    """A filler that can say how it filled."""

    def fill(
        self, rgb: Rgb, hole: Mask, *, labels: Labels | None, source: Mask | None, seed: int
    ) -> Filled:
        """Fill the hole and say how."""


def fill(
    inpaint: Inpainter,
    rgb: Rgb,
    hole: Mask,
    *,
    labels: Labels | None = None,
    source: Mask | None = None,
    seed: int = 0,
) -> Filled:
    """Fill a hole with any inpainter and say how it was done."""
    if isinstance(inpaint, Telling):
        return inpaint.fill(rgb, hole, labels=labels, source=source, seed=seed)
    filled = inpaint(rgb, hole, labels=labels, source=source, seed=seed)
    return Filled(filled, inpaint.name, label_prior=labels_matter(hole, labels))


def labels_matter(hole: Mask, labels: Labels | None) -> bool:
    """Whether regions meet in or around a hole, so that they decide where a fill comes from."""
    return labels is not None and bool(hole.any()) and len(np.unique(labels)) > 1


def blind_fill(rgb: Rgb, hole: Mask) -> Rgb | None:
    """Give the answer where there is nothing to do or to go by; None where there is.

    Without a hole that is the picture; where all is hole, the picture's commonest colour.
    """
    if not hole.any():
        return rgb.copy()
    if hole.all():
        colors, counts = np.unique(rgb.reshape(-1, 3), axis=0, return_counts=True)
        return np.broadcast_to(colors[counts.argmax()], rgb.shape).copy()
    return None


def paste(rgb: Rgb, hole: Mask, filled: Rgb) -> Rgb:
    """Take the fill inside the hole and the picture outside it."""
    return np.where(hole[..., None], filled, rgb)


def hole_box(hole: Mask, margin: int) -> Box:
    """Give the box around a hole that is not empty, `margin` pixels wider on every side."""
    rows, columns = np.flatnonzero(hole.any(1)), np.flatnonzero(hole.any(0))
    box = int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
    return pad_box(box, margin, (hole.shape[0], hole.shape[1]))


def inside(box: Box) -> tuple[slice, slice]:
    """Give the index that cuts a box out of an array."""
    left, top, right, bottom = box
    return slice(top, bottom), slice(left, right)


def rim(hole: Mask, width: int) -> Mask:
    """Give the known pixels within `width` pixels of a hole."""
    side = 2 * width + 1
    near = cv2.dilate(hole.astype(np.uint8), np.ones((side, side), np.uint8))
    return np.asarray(near, np.bool_) & ~hole


def each_region(hole: Mask, known: Mask, labels: Labels | None) -> Iterator[tuple[Mask, Mask]]:
    """Pair each region's part of a hole with the known pixels that it may be filled from.

    A region without known pixels of its own takes from all.
    """
    for label in [] if labels is None else np.unique(labels[hole]):
        own = known & (labels == label)
        yield hole & (labels == label), own if own.any() else known
    if labels is None:
        yield hole, known
