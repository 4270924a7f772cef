"""The peel: find what is nearest, lift it off, fill what was behind it, and look again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from birefcli.image.types import Mask, Matte, Rgb
from birefcli.inpaint.protocol import Inpainter
from birefcli.models.segmenter import Segmenter
from birefcli.peel.acceptance import min_area_px, rejection
from birefcli.peel.alpha.refine import refine_matte
from birefcli.peel.assemble import PeeledLayer, assemble, enlarge_stack, over_grey
from birefcli.peel.instances.instance import (
    Instance,
    Proposer,
    confidence_of,
    extend_labels,
    label_map,
)
from birefcli.peel.kind_detection import DetectedKind, detect_kind
from birefcli.peel.lift.lift import Lifted, PictureState, hole_margin, lift, to_alpha
from birefcli.peel.order.cues import OcclusionOrder, find_order
from birefcli.peel.order.priority import sort_by_priority
from birefcli.peel.proposals import SegmenterProposer
from birefcli.settings.peel import PeelBy, PeelSettings
from birefcli.stack.types import Evidence, Kind, Stack, Stop, StopRule

# Is told the name of a piece of evidence and the array that shows it, as they come up.
Watch = Callable[[str, NDArray[Any]], None]

# Margins around a hole from which nothing is copied, at least, in pixels.
_LEAST_MARGIN = {Kind.PHOTO: 2, Kind.FLAT: 1, Kind.PIXEL: 0}
_LEAST_JPEG_MARGIN = 4


class Depth(Protocol):
    """Anything that estimates how near every pixel is."""

    def __call__(self, rgb: Rgb) -> NDArray[np.float32]:
        """Give the disparity (H, W) of a picture: larger is nearer, on any scale."""


def peel(
    image: NDArray[np.uint8],
    segmenter: Segmenter,
    inpainter: Inpainter,
    settings: PeelSettings | None = None,
    *,
    front: Segmenter | None = None,
    depth: Depth | None = None,
    stop: Callable[[], bool] | None = None,
    watch: Watch | None = None,
    proposer: Proposer | None = None,
) -> Stack:
    """Take a picture (H, W, 3 or 4) apart into a stack that recomposes to it exactly.

    `front` is a second segmenter that sees only what nothing covers. `stop` is asked before every
    layer, and ends the peel when it says so; `watch` sees the evidence. A `proposer` stands in for
    the segmenter: through it, an evaluation gives the truth.
    """
    settings = settings or PeelSettings()
    sort = detect_kind(image, settings.kind, is_jpeg=settings.is_jpeg)
    art = sort.grid.native(image)
    start = PeelStart.of(art)
    disparity = None if depth is None else depth(start.picture)
    peeling = PeelLoop(
        start=start,
        sort=sort,
        settings=settings,
        inpainter=inpainter,
        proposer=proposer or SegmenterProposer(segmenter, sort.kind, settings, disparity, front),
        disparity=disparity,
        stop=stop,
        watch=watch,
    )
    return enlarge_stack(peeling.run(), image, sort.grid)


@dataclass(frozen=True, eq=False)
class PeelStart:
    """A picture to peel from; (H, W) of it."""

    picture: Rgb
    source: NDArray[np.uint8]  # (H, W, 3 or 4), which the stack recomposes to
    is_clear: Mask  # not opaque in the source
    is_nothing: Mask  # fully transparent in the source
    is_invented: Mask  # invented by fills before this peel

    @classmethod
    def of(cls, art: NDArray[np.uint8]) -> "PeelStart":
        """Begin with a picture as it was read."""
        size = (art.shape[0], art.shape[1])
        alpha = art[..., 3] if art.shape[2] == 4 else np.full(size, 255, np.uint8)
        return cls(over_grey(art), art, alpha < 255, alpha == 0, np.zeros(size, bool))


@dataclass(eq=False)
class PeelLoop:
    """A peel at work: the picture as it is by now, what is known in it, and what was lifted."""

    start: PeelStart
    sort: DetectedKind
    settings: PeelSettings
    inpainter: Inpainter
    proposer: Proposer
    disparity: NDArray[np.float32] | None = None
    stop: Callable[[], bool] | None = None
    watch: Watch | None = None
    # Things of the first pass in the order they must come off, by number; else outlines decide.
    forced_order: Sequence[int] = ()
    taken: list[PeeledLayer] = field(default_factory=list)
    _things: dict[int, Instance] = field(default_factory=dict)
    _edges: dict[tuple[int, int], float] = field(default_factory=dict)
    _ghosts: list[Mask] = field(default_factory=list)
    _objection: Stop | None = None
    _front_matte: Matte | None = None  # of what nothing covers, as this pass saw it
    _found: int = 0

    def run(self) -> Stack:
        """Peel until a rule says stop."""
        self._picture = self.start.picture
        self._nothing = self.start.is_nothing
        # The number of the lift, from 1, that invented a pixel; -1 from before, 0 for the own.
        self._invented = np.where(self.start.is_invented, -1, 0).astype(np.int32)
        self._began = monotonic()
        step = 0
        while (end := self._end()) is None:
            step += 1
            self._look(step)
            if not self._things:
                end = self._objection or Stop(StopRule.NOTHING, "nothing is proposed")
                break
            self._peel_front(step)
        return assemble(
            self.taken,
            bottom=self._picture,
            source=self.start.source,
            is_nothing=self._nothing,
            invented=self._invented,
            kind=self.sort.kind,
            scores=self._edges,
            stop=end,
        )

    def _end(self) -> Stop | None:
        """Say why the peel ends here; None where it goes on."""
        limit = self.settings.max_seconds
        failed = len(self._ghosts) - len(self.taken)
        if failed > self.settings.max_layers and self._objection is not None:
            return self._objection
        if len(self.taken) >= self.settings.max_layers:
            return Stop(StopRule.BUDGET, f"{len(self.taken)} layers")
        if limit is not None and monotonic() - self._began > limit:
            return Stop(StopRule.TIME, f"more than {limit:g} s")
        if self.stop is not None and self.stop():
            return Stop(StopRule.TIME, "stopped from outside")
        share = float((self._invented != 0).mean())
        if share > self.settings.invented:
            return Stop(StopRule.INVENTED, f"fills invented {share:.0%} of the picture")
        return None

    def _look(self, step: int) -> None:
        """Add what is newly found to what is known."""
        known = label_map(self._things.values(), self._size)
        proposal = self.proposer(self._picture, known, step)
        self._front_matte = proposal.front
        for matte in proposal.mattes:
            matte = self._fitted(matte)
            against = rejection(
                matte,
                kind=self.sort.kind,
                invented=self._invented != 0,
                peeled=self._ghosts,
                settings=self.settings,
                is_certain=proposal.is_certain,
            )
            self._found += 1
            if against is None:
                number, confidence = self._found, confidence_of(matte)
                thing = Instance(number, matte, step, confidence, proposal.is_certain)
                self._things[number] = thing
            else:
                self._objection = against
        self._show(f"pass-{step:02}/labels", label_map(self._things.values(), self._size))

    def _fitted(self, matte: Matte) -> Matte:
        """Bring a matte to the art's own grid, and keep it off what is not there."""
        if matte.shape != self._size:
            whole = np.rint(matte[..., None] * 255).astype(np.uint8)
            matte = np.asarray(self.sort.grid.native(whole)[..., 0] / np.float32(255), np.float32)
        return np.where(self.start.is_nothing, np.float32(0), matte)

    def _peel_front(self, step: int) -> None:
        """Take off, one after another, everything that nothing covers."""
        order = find_order(
            label_map(self._things.values(), self._size), self.disparity, self._front_matte
        )
        for (one, other), cues in order.cues.items():
            is_known = (one, other) in self._edges or (other, one) in self._edges
            if cues.score > 0 and not is_known:
                self._edges[one, other] = cues.score
        for thing in self._front(order):
            if self._end() is not None:
                return
            self._take(thing, order, step)

    def _front(self, order: OcclusionOrder) -> list[Instance]:
        """Choose what comes off in this pass, nearest first."""
        if (
            following := next((n for n in self.forced_order if n in self._things), None)
        ) is not None:
            return [self._things[following]]
        # What is too small by now to be anyone's pixel covers nothing.
        hidden = tuple(n for n in self._things if n not in order.numbers)
        numbers = order.front_set(self.settings.front) or hidden
        things = [self._things[n] for n in numbers]
        certainty = {n: order.certainty(n) for n in numbers} if order.seen else None
        things = sort_by_priority(things, self._picture, self.sort.kind, self.disparity, certainty)
        if self.settings.by == PeelBy.GROUP and len(things) > 1:
            things = [self._joined(things, order)]
        return things

    def _joined(self, things: list[Instance], order: OcclusionOrder) -> Instance:
        """Make one thing of several, which touches what they touched."""
        first = things[0]
        matte = np.clip(np.sum([thing.matte for thing in things], axis=0), 0, 1)
        for thing in things:
            del self._things[thing.number]
            for other in order.touching(thing.number):
                cues = order.cues[thing.number, other]
                order.cues[first.number, other] = cues
                order.cues[other, first.number] = cues.swapped()
        joined = replace(first, matte=np.asarray(matte, np.float32))
        self._things[first.number] = joined
        return joined

    def _take(self, thing: Instance, order: OcclusionOrder, step: int) -> None:
        """Lift one thing off, and let what it covered continue behind it."""
        alpha = self._alpha(thing)
        del self._things[thing.number]
        self._ghosts.append(thing.matte > 0.5)
        if (against := self._too_little(thing, alpha)) is not None:
            self._objection = against
            return
        share = np.asarray(alpha / np.float32(255), np.float32)
        others = {n: _uncovered(other, share) for n, other in self._things.items()}
        labels = label_map(others.values(), self._size)
        growing = [n for n in others if self._may_grow(thing.number, n, order)]
        view = PictureState(
            picture=self._picture,
            labels=labels,
            may_grow=np.isin(labels, [0, *growing]),
            is_left=(alpha > 0) & (thing.matte > share + 0.1),
            is_invented=self._invented != 0,
            is_clear=self.start.is_clear,
            is_nothing=self._nothing,
        )
        margin = self._margin(alpha)
        lifted = lift(
            view,
            alpha,
            self.inpainter,
            margin=margin,
            seed=self.settings.seed,
            keeps_palette=self.sort.kind == Kind.PIXEL,
            is_certain=thing.is_certain,
        )
        if lifted.change < self.settings.ghost_change and not thing.is_certain:
            detail = f"taking it off changes {lifted.change:.1f} levels"
            self._objection = Stop(StopRule.GHOST, detail)
            return
        self._keep(thing, lifted, order, step)
        for number, other in others.items():
            matte = np.where(lifted.behind, lifted.labels == number, other.matte)
            self._things[number] = replace(other, matte=np.asarray(matte, np.float32))

    def _alpha(self, thing: Instance) -> NDArray[np.uint8]:
        """Give a thing the edge that pictures of this kind have."""
        matte = thing.matte
        if not thing.is_certain:
            matte = refine_matte(self._picture, matte, self.sort.kind)
        return to_alpha(matte, is_hard=self.sort.kind == Kind.PIXEL)

    def _too_little(self, thing: Instance, alpha: NDArray[np.uint8]) -> Stop | None:
        """Object to a thing of which only scraps are seen, whatever was completed behind others."""
        if thing.is_certain:
            return None if alpha.any() else Stop(StopRule.NOTHING, "an edge left nothing of it")
        seen = int(((alpha > 127) & (self._invented == 0)).sum())
        least = min_area_px(self.sort.kind, alpha.size, self.settings)
        if seen >= least:
            return None
        return Stop(StopRule.NOTHING, f"{seen} pixels are seen of it, {least:.0f} needed")

    def _may_grow(self, gone: int, number: int, order: OcclusionOrder) -> bool:
        """Whether a thing may continue behind one that is gone."""
        if gone in self.forced_order:
            return True
        cues = order.cues.get((gone, number))
        return cues is not None and cues.score >= self.settings.front

    def _margin(self, alpha: NDArray[np.uint8]) -> int:
        """Say how far around a thing nothing is copied from."""
        if self.sort.kind == Kind.PIXEL:
            return 0
        least = _LEAST_JPEG_MARGIN if self.settings.is_jpeg else _LEAST_MARGIN[self.sort.kind]
        return hole_margin(self._picture, alpha, least)

    def _keep(self, thing: Instance, lifted: Lifted, order: OcclusionOrder, step: int) -> None:
        """Add a layer, and go on with the picture under it."""
        index = len(self.taken) + 1
        votes = {n: order.cues[thing.number, n] for n in order.touching(thing.number)}
        hidden = (lifted.rgba[..., 3] > 127) & (self._invented != 0)
        evidence = Evidence(
            step=step,
            confidence=thing.confidence,
            exposure=order.exposure(thing.number),
            hidden_px=int(hidden.sum()),
            alpha_raised_px=lifted.raised_px,
            hole=lifted.hole,
            fill=lifted.fill,
        )
        name = "group" if self.settings.by == PeelBy.GROUP else "object"
        taken = PeeledLayer(thing.number, name, lifted.rgba, lifted.bottom, evidence, votes)
        self.taken.append(taken.with_depth(self.disparity))
        self._picture = lifted.bottom
        self._invented = np.where(lifted.core, index, self._invented).astype(np.int32)
        self._nothing = np.where(lifted.core, lifted.labels < 0, self._nothing)
        if self.disparity is not None:
            self.disparity = _behind(self.disparity, lifted.rgba[..., 3] > 0)
        self._show(f"layer-{index:02}/rgba", lifted.rgba)
        self._show(f"layer-{index:02}/bottom", lifted.bottom)
        self._show(f"layer-{index:02}/core", lifted.core)
        self._show(f"layer-{index:02}/behind", lifted.labels)

    @property
    def _size(self) -> tuple[int, int]:
        return self._picture.shape[0], self._picture.shape[1]

    def _show(self, name: str, array: NDArray[Any]) -> None:
        if self.watch is not None:
            self.watch(name, array)


def _uncovered(thing: Instance, share: Matte) -> Instance:
    """Give a thing what a soft edge that lay over it took from it."""
    rest = np.maximum(1 - share, np.float32(0.1))
    return replace(thing, matte=np.asarray(np.clip(thing.matte / rest, 0, 1), np.float32))


def _behind(disparity: NDArray[np.float32], hole: Mask) -> NDArray[np.float32]:
    """Continue the depth around a hole into it."""
    if hole.all():
        return disparity
    numbered = np.arange(disparity.size, dtype=np.int32).reshape(disparity.shape)
    return np.asarray(disparity.ravel()[extend_labels(numbered, hole)], np.float32)
