"""Proposals: what a segmenter, or a given truth, finds in a picture, one matte per instance."""

from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np

from birefcli.image import Disparity, Labels, Matte, Rgb, rescale
from birefcli.matte import decided_by_color
from birefcli.models import Segmenter
from birefcli.peeling.acceptance import min_area_px
from birefcli.peeling.color_proposals import (
    find_occluders,
    foreground_by_color,
    is_even_backdrop,
)
from birefcli.peeling.instances.coverage import split_covered
from birefcli.peeling.instances.instance import confidence_of
from birefcli.peeling.instances.split import split_instances
from birefcli.peeling.thresholds import SEGMENTER_SIDE
from birefcli.settings import PeelSettings
from birefcli.stack import PictureKind


@dataclass(frozen=True, eq=False)
class Proposal:
    """What was newly found in a picture: mattes (H, W) of what is visible of each instance.

    Mattes of different instances may share soft pixels; together they never exceed 1 there.
    """

    mattes: tuple[Matte, ...] = ()
    # Mattes that are the truth are taken as they are: no edge is looked for, no doubt is had.
    is_certain: bool = False
    front: Matte | None = None  # (H, W), of what nothing covers, where somebody looked for it


class Proposer(Protocol):
    """Anything that finds instances in a picture; an evaluation gives the truth through it."""

    def __call__(self, rgb: Rgb, known: Labels, step: int) -> Proposal:
        """Find what is not `known` (H, W) yet in the picture (H, W, 3) of pass `step`, from 1.

        What a peel knows, and has completed behind what it took off, stays known without being
        proposed again.
        """


@dataclass(frozen=True)
class SegmenterProposer:
    """Proposes what a segmenter finds, parted into instances where several touch."""

    segment: Segmenter
    kind: PictureKind
    settings: PeelSettings
    disparity: Disparity | None = None
    front: Segmenter | None = None  # sees only what nothing covers

    def __call__(self, rgb: Rgb, known: Labels, step: int) -> Proposal:
        """Find what is new in a picture; in drawn art, colours join what the first look finds."""
        matte = self._segmented(self.segment, rgb)
        front = None if self.front is None else self._segmented(self.front, rgb)
        if front is not None:
            matte = np.maximum(matte, front)
        if self.kind == PictureKind.PIXEL and confidence_of(matte) >= self.settings.fallback:
            matte = decided_by_color(rgb, matte)
        if step == 1 and self.kind != PictureKind.PHOTO:
            matte = self._with_colors(rgb, matte)
        matte = np.where(known > 0, np.float32(0), matte)
        least = min_area_px(self.kind, matte.size, self.settings)
        found: list[Matte] = []
        for part in (matte,) if front is None else split_covered(matte, front, least):
            found += split_instances(rgb, part, least, self.disparity)
        return Proposal((*found, *find_occluders(rgb, found, least, known > 0)), front=front)

    def _with_colors(self, rgb: Rgb, matte: Matte) -> Matte:
        """Add what lies on an even backdrop; where the segmenter is unsure, trust colours alone."""
        shown = foreground_by_color(rgb)
        if not shown.any() or not is_even_backdrop(rgb, ~shown):
            return matte
        if confidence_of(matte) < self.settings.fallback:
            return shown.astype(np.float32)
        return np.maximum(matte, shown.astype(np.float32))

    def _segmented(self, segment: Segmenter, rgb: Rgb) -> Matte:
        """Segment a picture, small art enlarged by a whole factor."""
        size = (rgb.shape[0], rgb.shape[1])
        factor = -(-SEGMENTER_SIDE // max(size)) if self.kind == PictureKind.PIXEL else 1
        if factor <= 1:
            return segment([rgb])[0]
        large = np.repeat(np.repeat(rgb, factor, 0), factor, 1)
        return rescale(segment([large])[0], size, cv2.INTER_AREA)


@dataclass(frozen=True)
class KnownMattes:
    """Proposes given visible mattes in the first pass and nothing later: the mask oracle."""

    mattes: tuple[Matte, ...]

    def __call__(self, rgb: Rgb, known: Labels, step: int) -> Proposal:
        """Give what is visible of every instance, the first time."""
        return Proposal(self.mattes if step == 1 else (), is_certain=True)


@dataclass(frozen=True)
class KnownUnion:
    """Proposes one given matte of everything, parted, in the first pass: the alpha oracle."""

    matte: Matte  # (H, W), at the art's own size
    kind: PictureKind
    settings: PeelSettings

    def __call__(self, rgb: Rgb, known: Labels, step: int) -> Proposal:
        """Give the instances that the matte holds, the first time."""
        if step > 1:
            return Proposal()
        least = min_area_px(self.kind, self.matte.size, self.settings)
        return Proposal(split_instances(rgb, self.matte, least))
