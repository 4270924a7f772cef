"""What the segmenter sees, taken apart into things; in drawn art, what colours show as well."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from birefcli.image.types import Labels, Mask, Matte, Rgb, rescale
from birefcli.matte.pixelart import decided_by_color
from birefcli.models.segmenter import Segmenter
from birefcli.peel.acceptance import min_area_px
from birefcli.peel.instances.coverage import split_covered
from birefcli.peel.instances.instance import Proposal, confidence_of
from birefcli.peel.instances.regions import color_histogram, segment_regions
from birefcli.peel.instances.split import WORK_SIDE, split_instances, upsample_regions
from birefcli.peel.order.cues import OcclusionCues, find_junctions, hull_cue, junction_cue, solidity
from birefcli.settings.peel import PeelSettings
from birefcli.stack.types import Kind

ART_SIDE = 512  # pixels to which small art is enlarged before a network sees it
_SAME_LOOK, _OTHER_LOOK = 0.9, 0.5
_CLEARLY, _SOLID = 0.8, 0.8
_EVEN, _CALM = 3, 0.5  # levels between neighbours of an even colour; share of a calm backdrop


@dataclass(frozen=True)
class SegmenterProposer:
    """Proposes what a segmenter finds, cut where several things touch."""

    segment: Segmenter
    kind: Kind
    settings: PeelSettings
    disparity: NDArray[np.float32] | None = None
    front: Segmenter | None = None  # sees only what nothing covers

    def __call__(self, rgb: Rgb, known: Labels, step: int) -> Proposal:
        """Find what is new in a picture; in drawn art, colours join what the first look finds."""
        matte = self._matte(self.segment, rgb)
        front = None if self.front is None else self._matte(self.front, rgb)
        if front is not None:
            matte = np.maximum(matte, front)
        if self.kind == Kind.PIXEL and confidence_of(matte) >= self.settings.fallback:
            matte = decided_by_color(rgb, matte)
        if step == 1 and self.kind != Kind.PHOTO:
            matte = self._with_colors(rgb, matte)
        matte = np.where(known > 0, np.float32(0), matte)
        least = min_area_px(self.kind, matte.size, self.settings)
        things: list[Matte] = []
        for part in (matte,) if front is None else split_covered(matte, front, least):
            things += split_instances(rgb, part, least, self.disparity)
        return Proposal((*things, *find_occluders(rgb, things, least, known > 0)), front=front)

    def _with_colors(self, rgb: Rgb, matte: Matte) -> Matte:
        """Add what lies on a calm backdrop; where the segmenter is unsure, trust colours alone."""
        shown = foreground_by_color(rgb)
        if not shown.any() or not is_even_backdrop(rgb, ~shown):
            return matte
        if confidence_of(matte) < self.settings.fallback:
            return shown.astype(np.float32)
        return np.maximum(matte, shown.astype(np.float32))

    def _matte(self, segment: Segmenter, rgb: Rgb) -> Matte:
        """Segment a picture, small art enlarged by a whole factor."""
        size = (rgb.shape[0], rgb.shape[1])
        factor = -(-ART_SIDE // max(size)) if self.kind == Kind.PIXEL else 1
        if factor <= 1:
            return segment([rgb])[0]
        large = np.repeat(np.repeat(rgb, factor, 0), factor, 1)
        return rescale(segment([large])[0], size, cv2.INTER_AREA)


@dataclass(frozen=True)
class KnownUnion:
    """Proposes one given matte of everything, taken apart, in the first pass: the alpha oracle."""

    matte: Matte
    kind: Kind
    settings: PeelSettings

    def __call__(self, rgb: Rgb, known: Labels, step: int) -> Proposal:
        """Give the things that the matte holds, the first time; it is at the art's own size."""
        if step > 1:
            return Proposal()
        least = min_area_px(self.kind, self.matte.size, self.settings)
        return Proposal(split_instances(rgb, self.matte, least))


def find_occluders(
    rgb: Rgb, things: Sequence[Matte], least: float, known: Mask | None = None
) -> tuple[Matte, ...]:
    """Find what no segmenter proposed although it clearly lies over one of some things.

    It is solid, looks like nothing at the frame, and its outline goes on where a thing's ends.
    What is `known` (H, W) already is not asked about.
    """
    if not things:
        return ()
    size = (rgb.shape[0], rgb.shape[1])
    factor = max(1.0, max(size) / WORK_SIDE)
    small_size = (max(1, round(size[0] / factor)), max(1, round(size[1] / factor)))
    small = rescale(rgb, small_size) if factor > 1 else rgb
    masks = [rescale(matte, small_size) > 0.5 for matte in things]
    ground = ~np.any(masks, axis=0)
    if known is not None:
        ground &= rescale(known.astype(np.float32), small_size) <= 0.5
    regions = segment_regions(small, ground)
    frame = np.concatenate([regions[0], regions[-1], regions[:, 0], regions[:, -1]])
    outer = [color_histogram(small, regions == n) for n in np.unique(frame) if n > 0]
    found: list[Matte] = []
    for number in sorted(set(range(1, int(regions.max()) + 1)) - set(frame.tolist())):
        mask = regions == number
        look = color_histogram(small, mask)
        if mask.sum() * factor**2 < least or any(look @ other > _OTHER_LOOK for other in outer):
            continue
        if solidity(mask) >= _SOLID and any(_lies_over(mask, thing) for thing in masks):
            whole = (
                upsample_regions(rgb, np.where(mask, 2, 1).astype(np.int32), np.ones(size, bool))
                == 2
            )
            taken = np.clip(np.sum(things, axis=0), 0, 1)
            found.append(np.asarray(np.where(whole, 1 - taken, 0), np.float32))
    return tuple(found)


def _lies_over(mask: Mask, thing: Mask) -> bool:
    """Whether the outline of a region goes straight on where a thing's ends at it."""
    ends = find_junctions(mask, thing)
    if not ends or any(fork.is_marking for fork in ends):
        return False
    return OcclusionCues(hull_cue(mask, thing), junction_cue(mask, thing)).score > _CLEARLY


def is_even_backdrop(rgb: Rgb, backdrop: Mask) -> bool:
    """Whether a backdrop (H, W) is drawn in even colours, so that what differs lies on it."""
    square = np.ones((3, 3), np.uint8)
    inner = cv2.erode(backdrop.astype(np.uint8), square) > 0
    steps = cv2.morphologyEx(rgb, cv2.MORPH_GRADIENT, square).max(axis=-1)[inner]
    return bool(inner.any() and (steps <= _EVEN).mean() >= _CALM)


def foreground_by_color(rgb: Rgb) -> Mask:
    """Give what looks like nothing at the frame of a picture: the things of flat art (H, W)."""
    size = (rgb.shape[0], rgb.shape[1])
    factor = max(1.0, max(size) / WORK_SIDE)
    small_size = (max(1, round(size[0] / factor)), max(1, round(size[1] / factor)))
    small = rescale(rgb, small_size, cv2.INTER_NEAREST) if factor > 1 else rgb
    regions = segment_regions(small, np.ones(small_size, bool))
    frame = np.concatenate([regions[0], regions[-1], regions[:, 0], regions[:, -1]])
    looks = {int(n): color_histogram(small, regions == n) for n in np.unique(regions)}
    backdrop = [looks[int(n)] for n in np.unique(frame)]
    # Regions of the backdrop's looks belong to it wherever they are: stripes, checkers.
    is_thing = np.zeros(int(regions.max()) + 1, bool)
    for number, look in looks.items():
        is_thing[number] = not any(look @ other > _SAME_LOOK for other in backdrop)
    shown = is_thing[regions]
    if not shown.any() or factor == 1:
        return np.asarray(shown, np.bool_)
    sides = np.where(shown, 2, 1).astype(np.int32)
    return np.asarray(upsample_regions(rgb, sides, np.ones(size, bool)) == 2)
