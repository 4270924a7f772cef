"""Editing a stack: peel it again from one layer down, or lay its layers in another order."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from birefcli.errors import UsageError
from birefcli.image import Labels, Matte, Rgb
from birefcli.inpaint import Inpainter
from birefcli.matte import Grid, Size, find_grid, over8
from birefcli.models import Segmenter
from birefcli.peeling.assemble import enlarge_stack, over_grey, recomposed, verified
from birefcli.peeling.kind_detection import DetectedKind
from birefcli.peeling.loop import EvidenceCallback, PeelLoop
from birefcli.peeling.proposals import KnownMattes, Proposal, Proposer, SegmenterProposer
from birefcli.peeling.state import PeelStart
from birefcli.peeling.thresholds import CORE_ALPHA, MOST_LAYERS, SUPPORT
from birefcli.settings import PeelSettings
from birefcli.stack import Edge, Layer, PictureKind, Stack


def redo(
    stack: Stack,
    number: int,
    mask: Matte,
    segmenter: Segmenter,
    inpainter: Inpainter,
    settings: PeelSettings | None = None,
    *,
    front: Segmenter | None = None,
    stop: Callable[[], bool] | None = None,
    watch: EvidenceCallback | None = None,
) -> Stack:
    """Keep the layers above `number`, lift what a mask (H, W) shows next, and peel on from there.

    The mask is a matte, 0…1. Raises UsageError where there is no such layer or the mask shows
    nothing.
    """
    settings = settings or PeelSettings()
    if not 1 <= number <= len(stack.layers):
        raise UsageError(f"there is no layer {number}; the stack has {len(stack.layers)}")
    if mask.shape != stack.size or not (mask > SUPPORT).any():
        raise UsageError(f"the mask shows nothing of a picture of {stack.size[1]}x{stack.size[0]}")
    above = stack.layers[number:]
    source = _source(replace(stack, layers=stack.layers[:number]))
    detected = _detected(stack)
    invented = _invented_by(above, stack.size)
    start = PeelStart.of(detected.grid.native(source))
    was_invented = detected.grid.native((invented > 0).astype(np.uint8)) > 0
    peeling = PeelLoop(
        start=replace(start, is_invented=was_invented),
        detected=detected,
        settings=replace(settings, max_layers=max(1, settings.max_layers - len(above))),
        inpainter=inpainter,
        proposer=_MaskFirst(
            mask, SegmenterProposer(segmenter, detected.kind, settings, front=front)
        ),
        stop=stop,
        watch=watch,
        forced_order=(1,),
    )
    return _put_back(enlarge_stack(peeling.run(), source, detected.grid), stack, number, invented)


def reorder(
    stack: Stack,
    order: Sequence[int],
    inpainter: Inpainter,
    settings: PeelSettings | None = None,
    *,
    watch: EvidenceCallback | None = None,
) -> Stack:
    """Lay the same layers in another order: `order` lists their numbers from the bottom up.

    What is visible of each stays; what it hides, and the fills behind it, are solved again. A
    layer of which nothing is visible cannot be told from its cover, and is left out. Raises
    UsageError unless every number is there once.
    """
    if sorted(order) != list(range(1, len(stack.layers) + 1)):
        raise UsageError(f"an order lists each of the {len(stack.layers)} layers once")
    source, detected = _source(stack), _detected(stack)
    seen = _visible(stack, source)
    chosen = [number for number in reversed(order) if (seen[number - 1] > SUPPORT).any()]
    peeling = PeelLoop(
        start=PeelStart.of(detected.grid.native(source)),
        detected=detected,
        settings=replace(
            settings or PeelSettings(), max_layers=MOST_LAYERS, max_seconds=None, invented=1
        ),
        inpainter=inpainter,
        proposer=KnownMattes(tuple(seen[number - 1] for number in chosen)),
        watch=watch,
        forced_order=range(1, len(chosen) + 1),
    )
    found = enlarge_stack(peeling.run(), source, detected.grid)
    named = [
        replace(layer, name=stack.layers[number - 1].name)
        for layer, number in zip(found.layers, reversed(chosen), strict=True)
    ]
    return replace(found, layers=tuple(named), stop=stack.stop)


@dataclass(frozen=True)
class _MaskFirst:
    """Proposes a mask first, then what another proposer finds."""

    mask: Matte
    then: Proposer

    def __call__(self, rgb: Rgb, known: Labels, step: int) -> Proposal:
        if step == 1:
            return Proposal((self.mask,), is_certain=True)
        return self.then(rgb, known, step - 1)


def _detected(stack: Stack) -> DetectedKind:
    """Find the grid again that the stack was peeled on."""
    grid = (
        find_grid(stack.composed()) if stack.kind == PictureKind.PIXEL and stack.grid > 1 else None
    )
    return DetectedKind(stack.kind, grid or Grid())


def _source(stack: Stack) -> NDArray[np.uint8]:
    """Give what a stack recomposes to (H, W, 3), or (H, W, 4) where that is not opaque."""
    laid = recomposed(stack)
    return laid if (laid[..., 3] < 255).any() else np.ascontiguousarray(laid[..., :3])


def _visible(stack: Stack, source: NDArray[np.uint8]) -> list[Matte]:
    """Give the matte (H, W) of what is seen of every layer, bottom up."""
    clear = np.ones(stack.size, np.float32)
    seen: list[Matte] = []
    for layer in reversed(stack.layers):
        matte = np.asarray(layer.rgba[..., 3] / np.float32(255), np.float32)
        if source.shape[2] == 4:
            matte = np.where(source[..., 3] < 255, matte > 0, matte).astype(np.float32)
        seen.append(np.asarray(matte * clear, np.float32))
        clear = np.asarray(clear * (1 - matte), np.float32)
    return seen[::-1]


def _invented_by(layers: Sequence[Layer], size: Size) -> NDArray[np.int32]:
    """Give the layer (H, W) whose removal invented a pixel last, counting from 1; 0 for none."""
    invented = np.zeros(size, np.int32)
    for number, layer in reversed(list(enumerate(layers, 1))):
        invented[layer.rgba[..., 3] >= CORE_ALPHA] = number
    return invented


def _bottoms(stack: Stack) -> list[Rgb]:
    """Lay a stack, which may come from files; give what was under each layer (H, W, 3)."""
    below, bottoms = over_grey(stack.background), []
    for layer in stack.layers:
        bottoms.append(below)
        below = over8(layer.rgba, below)
    return bottoms


def _put_back(below: Stack, stack: Stack, number: int, invented: NDArray[np.int32]) -> Stack:
    """Put the layers above a number back onto a new stack that lies below them."""
    count = len(below.layers)
    shift = count - number
    above = [
        replace(
            layer,
            evidence=replace(
                layer.evidence,
                votes=tuple(
                    replace(vote, other=vote.other + shift)
                    for vote in layer.evidence.votes
                    if vote.other > number
                ),
            ),
        )
        for layer in stack.layers[number:]
    ]
    edges = [
        Edge(edge.front + shift, edge.behind + shift, edge.score)
        for edge in stack.edges
        if edge.front > number and edge.behind > number
    ]
    own = np.where(invented > 0, invented + count, 0)
    cycles = [tuple(n + shift for n in cycle) for cycle in stack.cycles if min(cycle) > number]
    joined = replace(
        below,
        layers=(*below.layers, *above),
        bottoms=(*below.bottoms, *_bottoms(stack)[number:]),
        edges=(*below.edges, *edges),
        cycles=(*below.cycles, *cycles),
        invented=np.where(below.invented > 0, below.invented, own).astype(np.uint8),
    )
    return verified(joined, _source(stack))
