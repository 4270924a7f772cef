"""The methods that take a scene apart and are compared: our peel, and four simpler ones."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from birefcli.image import Alpha, Mask, Matte, Rgb, Rgba, to_uint8
from birefcli.inpaint import Exemplar, Inpainter, Membrane, NavierStokes, find_palette, rim
from birefcli.matte import clear_hidden, estimate_foreground
from birefcli.models import Segmenter
from birefcli.peeling import (
    DetectedKind,
    Instance,
    KnownMattes,
    KnownUnion,
    PeelLoop,
    PeelStart,
    Proposer,
    SegmenterProposer,
    detect_kind,
    enlarge_stack,
    find_order,
    label_map,
)
from birefcli.scenes import LayeredScene, foreground_matte, picture, visible_mattes
from birefcli.settings import Baseline, EvalPeelSettings, PeelMode, PeelSettings
from birefcli.stack import Evidence, Layer, PictureKind, Stack, StopReason, StopRule

ROUNDS = 3
_FAINT = 0.005  # from which a matte belongs to the hole
_DILATED = 0.015  # of each side of the picture
_OPAQUE = 0.95  # from which nothing is unblended
_RIM = 8
_MOST_THINGS = 255


class PeelMethod(Protocol):
    """Anything that makes a stack of a scene's picture."""

    @property
    def name(self) -> str:
        """What tables call it."""

    def __call__(self, scene: LayeredScene) -> Stack:
        """Give the stack of a scene's picture."""


def compared_methods(
    settings: EvalPeelSettings,
    inpainter: Inpainter,
    segmenter: Segmenter | None,
    front: Segmenter | None = None,
) -> list[PeelMethod]:
    """Give our peel and what it is compared with, ours first.

    Only the mode `net` needs `segmenter`, which finds whole objects, and `front`, which finds what
    nothing covers.
    """
    mattes = MatteSource(settings.mode, segmenter, front)
    ours = OurPeel(mattes, inpainter)
    others: dict[Baseline, PeelMethod] = {
        Baseline.B0: SingleCutout(mattes),
        Baseline.B1: LayerdRounds(mattes),
        Baseline.B2: replace(ours, name=Baseline.B2.value, is_shuffled=True),
        Baseline.B3: replace(ours, name=Baseline.B3.value, inpainter=Exemplar()),
    }
    return [ours, *(others[baseline] for baseline in settings.against)]


@dataclass(frozen=True)
class MatteSource:
    """Where every method has its mattes from: the truth of a scene, or segmenters."""

    mode: PeelMode
    segmenter: Segmenter | None = None
    front: Segmenter | None = None  # sees only what nothing covers

    def proposer(
        self, scene: LayeredScene, detected: DetectedKind, settings: PeelSettings
    ) -> Proposer:
        """Give what our peel asks for its objects."""
        if self.mode == PeelMode.ORACLE:
            return KnownMattes(tuple(visible_mattes(scene).values()))
        if self.mode == PeelMode.UNION:
            # The art's own size, in which pictures on a grid are taken apart.
            levels = to_uint8(foreground_matte(scene) * 255)[..., None]
            native = detected.grid.native(levels)[..., 0]
            return KnownUnion(np.asarray(native / np.float32(255)), detected.kind, settings)
        assert self.segmenter is not None
        return SegmenterProposer(self.segmenter, detected.kind, settings, front=self.front)

    def whole(self, scene: LayeredScene, shown: Rgb) -> Matte:
        """Give one matte of everything (H, W)."""
        if self.mode != PeelMode.NET:
            return foreground_matte(scene)
        assert self.segmenter is not None
        return self.segmenter([shown])[0]

    def round(self, scene: LayeredScene, shown: Rgb, number: int) -> Matte | None:
        """Give the matte of a round, from 0; None where nothing is left to be told.

        What is visible of each object makes rounds by who is judged to cover whom.
        """
        if self.mode == PeelMode.ORACLE:
            told = judged_rounds(scene)
            return told[number] if number < len(told) else None
        if self.mode == PeelMode.NET and self.front is not None:
            return self.front([shown])[0]
        return None if self.mode == PeelMode.UNION and number else self.whole(scene, shown)


def judged_rounds(scene: LayeredScene) -> list[Matte]:
    """Give what is visible of the objects of a scene, in the rounds in which they come free.

    Who covers whom is judged from their outlines, as our peel does it.
    """
    mattes = dict(enumerate(visible_mattes(scene).values(), 1))
    labels = label_map((Instance(n, matte, 1, 1) for n, matte in mattes.items()), scene.size)
    rounds: list[Matte] = []
    while free := find_order(labels).front_set(PeelSettings.front):
        joined = np.sum([mattes[number] for number in free], axis=0)
        rounds.append(np.asarray(np.clip(joined, 0, 1), np.float32))
        labels = np.where(np.isin(labels, free), 0, labels).astype(np.int32)
    return rounds


@dataclass(frozen=True)
class OurPeel:
    """Our own peel; shuffled, things come off in an order that a scene's seed draws."""

    mattes: MatteSource
    inpainter: Inpainter
    name: str = "peel"
    is_shuffled: bool = False

    def __call__(self, scene: LayeredScene) -> Stack:
        """Peel a scene's picture."""
        shown = picture(scene)
        settings = PeelSettings(is_jpeg=scene.jpeg is not None)
        detected = detect_kind(shown, settings.kind, is_jpeg=settings.is_jpeg)
        order: Sequence[int] = ()
        if self.is_shuffled:
            rng = np.random.default_rng(scene.seed)
            order = [int(number) for number in 1 + rng.permutation(_MOST_THINGS)]
        peeling = PeelLoop(
            start=PeelStart.of(detected.grid.native(shown)),
            detected=detected,
            settings=settings,
            inpainter=self.inpainter,
            proposer=self.mattes.proposer(scene, detected, settings),
            forced_order=order,
        )
        return enlarge_stack(peeling.run(), shown, detected.grid)


@dataclass(frozen=True)
class SingleCutout:
    """One cutout of everything, and a fill for scratches behind it."""

    mattes: MatteSource
    name: str = Baseline.B0.value

    def __call__(self, scene: LayeredScene) -> Stack:
        """Cut a scene's picture in two."""
        shown = picture(scene)
        matte = self.mattes.whole(scene, shown)
        alpha = to_uint8(matte * 255)
        if not alpha.any():
            return _stack(shown, [], np.zeros(alpha.shape, bool))
        hole = matte > _FAINT
        color = estimate_foreground(shown, matte)
        return _stack(NavierStokes()(shown, hole), [_layer(color, alpha)], hole)


@dataclass(frozen=True)
class LayerdRounds:
    """Whole masks, round by round, as LayerD takes designs apart, with a membrane as its filler.

    The matte's hole is dilated by a share of the picture, filled, and snapped to the colours of
    its rim; the layer is unblended from the fill and cut off to whole numbers.
    """

    mattes: MatteSource
    name: str = Baseline.B1.value

    def __call__(self, scene: LayeredScene) -> Stack:
        """Take a scene's picture apart in three rounds at most."""
        shown = picture(scene)
        layers: list[Rgba] = []
        invented = np.zeros(shown.shape[:2], bool)
        for number in range(ROUNDS):
            matte = self.mattes.round(scene, shown, number)
            alpha = None if matte is None else np.asarray(np.floor(matte * 255), np.uint8)
            if matte is None or alpha is None or not alpha.any():
                break
            hole = dilated(matte)
            filled = snapped(Membrane()(shown, hole), hole)
            layers.insert(0, _layer(unblended(shown, matte, filled), alpha))
            invented |= hole
            shown = filled
        return _stack(shown, layers, invented)


def dilated(matte: Matte) -> Mask:
    """Give the hole of a matte: all of it, and a share of the picture's sides around it."""
    height, width = (max(1, round(_DILATED * side)) for side in matte.shape)
    return np.asarray(
        cv2.dilate((matte > _FAINT).astype(np.uint8), np.ones((height, width), np.uint8)), np.bool_
    )


def snapped(filled: Rgb, hole: Mask) -> Rgb:
    """Give each part of a fill the few colours of its rim, where they are few."""
    count, parts = cv2.connectedComponents(hole.astype(np.uint8), connectivity=8)
    result = filled.copy()
    for number in range(1, count):
        part = parts == number
        palette = find_palette(filled[rim(part, _RIM) & ~hole])
        if palette is not None:
            result[part] = palette.snap(filled[part])
    return result


def unblended(shown: Rgb, matte: Matte, backdrop: Rgb) -> Rgb:
    """Take the backdrop's share out of a picture, cut off to whole numbers."""
    share = matte[..., None]
    divisor = np.where(share >= _OPAQUE, np.float32(1), np.maximum(share, np.float32(1e-6)))
    rest = 1 - np.where(share >= _OPAQUE, np.float32(1), share)
    color = (shown - backdrop * rest) / divisor
    return np.asarray(np.clip(color, 0, 255), np.uint8)


def _layer(color: Rgb, alpha: Alpha) -> Rgba:
    return np.dstack([clear_hidden(color, alpha), alpha])


def _stack(background: Rgb, layers: Sequence[Rgba], invented: NDArray[np.bool_]) -> Stack:
    """Pile layers, the nearest last."""
    evidence = Evidence(step=1, confidence=1, exposure=1)
    return Stack(
        background=np.dstack([background, np.full(background.shape[:2], 255, np.uint8)]),
        layers=tuple(Layer("layer", rgba, evidence) for rgba in layers),
        kind=PictureKind.PHOTO,
        stop=StopReason(StopRule.NOTHING, "nothing is proposed"),
        invented=invented.astype(np.uint8),
    )
