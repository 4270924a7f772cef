"""The peel: find what is nearest, lift it off, fill what was behind it, and look again.

One pass proposes mattes, parted into instances (`proposals`, `instances`), accepts those that may
become a layer (`acceptance`), orders them (`order`), gives each one that nothing covers its edge
(`alpha`), and lifts it off exactly and fills the hole (`lift`). A stop rule ends the last one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any

import numpy as np
from numpy.typing import NDArray

from birefcli.image import Alpha, Disparity, Matte
from birefcli.inpaint import Inpainter
from birefcli.models import DepthEstimator, Segmenter
from birefcli.peeling.acceptance import rejection, rejection_of_alpha, rejection_of_fill
from birefcli.peeling.alpha.refine import refine_matte, to_alpha
from birefcli.peeling.assemble import PeeledLayer, assemble, enlarge_stack
from birefcli.peeling.instances.instance import Instance, label_map
from birefcli.peeling.kind_detection import DetectedKind, detect_kind
from birefcli.peeling.lift.hole import hole_margin
from birefcli.peeling.lift.lift import Lifted, LiftInput, lift
from birefcli.peeling.order.graph import OcclusionOrder, find_order
from birefcli.peeling.order.priority import sort_by_priority
from birefcli.peeling.proposals import Proposer, SegmenterProposer
from birefcli.peeling.state import PeelStart, PeelState
from birefcli.peeling.thresholds import HALF_ALPHA, UNOWNED_REST
from birefcli.settings import PeelBy, PeelSettings
from birefcli.stack import Evidence, PictureKind, Stack, StopReason, StopRule

# Is told the name of a piece of evidence and the array that shows it, as they come up.
EvidenceCallback = Callable[[str, NDArray[Any]], None]


def peel(
    image: NDArray[np.uint8],
    segmenter: Segmenter,
    inpainter: Inpainter,
    settings: PeelSettings | None = None,
    *,
    front: Segmenter | None = None,
    depth: DepthEstimator | None = None,
    stop: Callable[[], bool] | None = None,
    watch: EvidenceCallback | None = None,
    proposer: Proposer | None = None,
) -> Stack:
    """Take a picture (H, W, 3 or 4) apart into a stack that recomposes to it exactly.

    `front` is a second segmenter that sees only what nothing covers. `stop` is asked before every
    layer, and ends the peel when it says so; `watch` sees the evidence. A `proposer` stands in for
    the segmenter: through it, an evaluation gives the truth. Raises InexactError if the stack does
    not recompose.
    """
    settings = settings or PeelSettings()
    detected = detect_kind(image, settings.kind, is_jpeg=settings.is_jpeg)
    start = PeelStart.of(detected.grid.native(image))
    disparity = None if depth is None else depth(start.picture)
    peeling = PeelLoop(
        start=start,
        detected=detected,
        settings=settings,
        inpainter=inpainter,
        proposer=proposer
        or SegmenterProposer(segmenter, detected.kind, settings, disparity, front),
        disparity=disparity,
        stop=stop,
        watch=watch,
    )
    return enlarge_stack(peeling.run(), image, detected.grid)


@dataclass(eq=False)
class PeelLoop:
    """A peel at work; it runs once."""

    start: PeelStart
    detected: DetectedKind
    settings: PeelSettings
    inpainter: Inpainter
    proposer: Proposer
    disparity: Disparity | None = None
    stop: Callable[[], bool] | None = None
    watch: EvidenceCallback | None = None
    # Instances of the first pass in the order they must come off, by number; else outlines decide.
    forced_order: Sequence[int] = ()

    def __post_init__(self) -> None:
        self._state = PeelState(self.start, self.disparity)
        self._began = monotonic()

    def run(self) -> Stack:
        """Peel, pass after pass, until a stop rule ends it; the stack is of the art's own grid."""
        state, step = self._state, 0
        while (stop := self._stop_rule()) is None:
            step += 1
            front = self._find_instances(step)
            if not state.instances:
                stop = state.rejected or StopReason(StopRule.NOTHING, "nothing is proposed")
                break
            order = find_order(state.labels(), state.disparity, front)
            state.note_edges(order)
            for instance in self._front_set(order):
                if self._stop_rule() is not None:
                    break
                self._peel_off(instance, order, step)
        return assemble(
            state.layers,
            bottom=state.picture,
            source=self.start.source,
            is_transparent=state.is_transparent,
            invented=state.invented,
            kind=self.detected.kind,
            scores=state.edges,
            stop=stop,
        )

    # When it ends

    def _stop_rule(self) -> StopReason | None:
        """Give the rule that ends the peel here; None where it goes on."""
        state, limit = self._state, self.settings.max_seconds
        failed = len(state.removed) - len(state.layers)
        if failed > self.settings.max_layers and state.rejected is not None:
            return state.rejected
        if len(state.layers) >= self.settings.max_layers:
            return StopReason(StopRule.BUDGET, f"{len(state.layers)} layers")
        if limit is not None and monotonic() - self._began > limit:
            return StopReason(StopRule.TIME, f"more than {limit:g} s")
        if self.stop is not None and self.stop():
            return StopReason(StopRule.TIME, "stopped from outside")
        share = float(state.is_invented.mean())
        if share > self.settings.invented:
            return StopReason(StopRule.INVENTED, f"fills invented {share:.0%} of the picture")
        return None

    # Propose, and part into instances

    def _find_instances(self, step: int) -> Matte | None:
        """Add what is newly found and accepted; give the matte (H, W) of what nothing covers."""
        state = self._state
        proposal = self.proposer(state.picture, state.labels(), step)
        for matte in proposal.mattes:
            matte = self._on_grid(matte)
            rejected = rejection(
                matte,
                kind=self.detected.kind,
                invented=state.is_invented,
                peeled=state.removed,
                settings=self.settings,
                is_certain=proposal.is_certain,
            )
            state.add(matte, step, is_certain=proposal.is_certain, rejected=rejected)
        self._show(f"pass-{step:02}/labels", state.labels())
        return proposal.front

    def _on_grid(self, matte: Matte) -> Matte:
        """Bring a matte to the art's own grid; it is 0 where the picture is transparent."""
        if matte.shape != self._state.size:
            whole = np.rint(matte[..., None] * 255).astype(np.uint8)
            native = self.detected.grid.native(whole)[..., 0]
            matte = np.asarray(native / np.float32(255), np.float32)
        return np.where(self.start.is_transparent, np.float32(0), matte)

    # Order

    def _front_set(self, order: OcclusionOrder) -> list[Instance]:
        """List what comes off in this pass, nearest first."""
        state = self._state
        following = next((n for n in self.forced_order if n in state.instances), None)
        if following is not None:
            return [state.instances[following]]
        # What is too small by now to be anyone's pixel covers nothing.
        hidden = tuple(n for n in state.instances if n not in order.numbers)
        numbers = order.front_set(self.settings.front) or hidden
        chosen = [state.instances[n] for n in numbers]
        certainty = {n: order.certainty(n) for n in numbers} if order.seen else None
        kind = self.detected.kind
        chosen = sort_by_priority(chosen, state.picture, kind, state.disparity, certainty)
        if self.settings.by == PeelBy.GROUP and len(chosen) > 1:
            chosen = [self._grouped(chosen, order)]
        return chosen

    def _grouped(self, members: list[Instance], order: OcclusionOrder) -> Instance:
        """Make one instance of several, which touches what they touched."""
        first = members[0]
        matte = np.clip(np.sum([one.matte for one in members], axis=0), 0, 1)
        for one in members:
            del self._state.instances[one.number]
            for other in order.touching(one.number):
                cues = order.cues[one.number, other]
                order.cues[first.number, other] = cues
                order.cues[other, first.number] = cues.swapped()
        group = replace(first, matte=np.asarray(matte, np.float32))
        self._state.instances[first.number] = group
        return group

    # Accept, give alpha, lift, and fill the hole

    def _peel_off(self, instance: Instance, order: OcclusionOrder, step: int) -> None:
        """Lift one instance off, and let what it covered continue behind it."""
        state = self._state
        alpha = self._alpha(instance)
        state.remove(instance)
        rejected = rejection_of_alpha(
            alpha,
            kind=self.detected.kind,
            invented=state.is_invented,
            settings=self.settings,
            is_certain=instance.is_certain,
        )
        if rejected is not None:
            state.rejected = rejected
            return
        share = np.asarray(alpha / np.float32(255), np.float32)
        others = state.uncovered(share)
        lifted = self._lifted(instance, alpha, self._known(instance, share, others, order))
        rejected = rejection_of_fill(lifted.change, self.settings)
        if rejected is not None and not instance.is_certain:
            state.rejected = rejected
            return
        state.keep_layer(self._layer(instance, lifted, order, step), lifted, others)
        self._show_layer(lifted)

    def _alpha(self, instance: Instance) -> Alpha:
        """Give an instance the edge that pictures of this kind have."""
        matte = instance.matte
        if not instance.is_certain:
            matte = refine_matte(self._state.picture, matte, self.detected.kind)
        return to_alpha(matte, is_hard=self.detected.kind == PictureKind.PIXEL)

    def _known(
        self, instance: Instance, share: Matte, others: dict[int, Instance], order: OcclusionOrder
    ) -> LiftInput:
        """Gather what lifting needs to know: the picture, and who may own what lies behind."""
        state = self._state
        labels = label_map(others.values(), state.size)
        growing = [n for n in others if self._may_grow(instance.number, n, order)]
        return LiftInput(
            picture=state.picture,
            labels=labels,
            may_grow=np.isin(labels, [0, *growing]),
            is_unowned=(share > 0) & (instance.matte > share + UNOWNED_REST),
            is_invented=state.is_invented,
            is_translucent=self.start.is_translucent,
            is_transparent=state.is_transparent,
        )

    def _may_grow(self, gone: int, number: int, order: OcclusionOrder) -> bool:
        """Whether an instance may continue behind one that is gone."""
        if gone in self.forced_order:
            return True
        cues = order.cues.get((gone, number))
        return cues is not None and cues.score >= self.settings.front

    def _lifted(self, instance: Instance, alpha: Alpha, known: LiftInput) -> Lifted:
        """Lift an instance off by its alpha, and fill the hole."""
        kind, settings = self.detected.kind, self.settings
        return lift(
            known,
            alpha,
            self.inpainter,
            margin=hole_margin(known.picture, alpha, kind, is_jpeg=settings.is_jpeg),
            seed=settings.seed,
            keeps_palette=kind == PictureKind.PIXEL,
            is_certain=instance.is_certain,
        )

    def _layer(
        self, instance: Instance, lifted: Lifted, order: OcclusionOrder, step: int
    ) -> PeeledLayer:
        """Give a layer with the evidence for it."""
        number = instance.number
        votes = {n: order.cues[number, n] for n in order.touching(number)}
        hidden = (lifted.rgba[..., 3] > HALF_ALPHA) & self._state.is_invented
        evidence = Evidence(
            step=step,
            confidence=instance.confidence,
            exposure=order.exposure(number),
            hidden_px=int(hidden.sum()),
            alpha_raised_px=lifted.raised_px,
            hole=lifted.hole,
            fill=lifted.fill,
        )
        name = "group" if self.settings.by == PeelBy.GROUP else "object"
        return PeeledLayer(number, name, lifted.rgba, lifted.bottom, evidence, votes)

    # Evidence

    def _show_layer(self, lifted: Lifted) -> None:
        index = len(self._state.layers)
        self._show(f"layer-{index:02}/rgba", lifted.rgba)
        self._show(f"layer-{index:02}/bottom", lifted.bottom)
        self._show(f"layer-{index:02}/core", lifted.core)
        self._show(f"layer-{index:02}/behind", lifted.labels)

    def _show(self, name: str, array: NDArray[Any]) -> None:
        if self.watch is not None:
            self.watch(name, array)
