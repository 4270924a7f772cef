"""Assembly: lifted layers become a numbered stack at the picture's own size, proven exact."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from birefcli.image import Disparity, Mask, Rgb, Rgba
from birefcli.matte import Grid, over8
from birefcli.peeling.lift.exact import InexactError
from birefcli.peeling.order.cues import OcclusionCues
from birefcli.peeling.order.graph import without_cycles
from birefcli.peeling.thresholds import HALF_ALPHA, TRANSPARENT_GREY
from birefcli.stack import DepthSpan, Edge, Evidence, Layer, PictureKind, Stack, StopReason, Vote


@dataclass(frozen=True, eq=False)
class PeeledLayer:
    """A layer as it came off, and what was under it."""

    instance: int  # its number among instances, not among layers
    name: str
    rgba: Rgba  # (H, W, 4)
    bottom: Rgb  # (H, W, 3)
    evidence: Evidence
    # Its cues against the instances that it touched, by their numbers.
    votes: dict[int, OcclusionCues] = field(default_factory=dict)

    def with_depth(self, disparity: Disparity | None) -> "PeeledLayer":
        """Give the same with the quartiles of the disparity (H, W) under it."""
        mask = self.rgba[..., 3] > HALF_ALPHA
        if disparity is None or not mask.any():
            return self
        low, middle, high = (float(v) for v in np.percentile(disparity[mask], [25, 50, 75]))
        return replace(self, evidence=replace(self.evidence, depth=DepthSpan(middle, low, high)))


def over_grey(picture: NDArray[np.uint8]) -> Rgb:
    """Lay a picture (H, W, 3 or 4) over mid-grey; give (H, W, 3)."""
    if picture.shape[2] == 3:
        return picture.copy()
    return over8(picture, np.full((*picture.shape[:2], 3), TRANSPARENT_GREY, np.uint8))


def assemble(
    peeled: Sequence[PeeledLayer],
    *,
    bottom: Rgb,
    source: NDArray[np.uint8],
    is_transparent: Mask,
    invented: NDArray[np.int32],
    kind: PictureKind,
    scores: dict[tuple[int, int], float],
    stop: StopReason,
) -> Stack:
    """Number layers as a stack does, from the bottom up; `peeled` lists the nearest first.

    `bottom` (H, W, 3) is the picture that is left, `source` (H, W, 3 or 4) what the stack must
    recompose to, `invented` (H, W) the count, from 1, of the layer whose fill made a pixel up, and
    `scores` are by (front, behind) of instances. Raises InexactError if a pixel differs.
    """
    count = len(peeled)
    number = {one.instance: count - i for i, one in enumerate(peeled)}
    layers = [_layer(one, number) for one in reversed(peeled)]
    background = np.dstack([bottom, np.full(bottom.shape[:2], 255, np.uint8)])
    if source.shape[2] == 4:
        background = _with_transparency(background, layers, source, is_transparent)
    kept, cycles = without_cycles(scores)
    edges = [
        Edge(number[front], number[behind], score)
        for (front, behind), score in sorted(kept.items())
        if front in number and behind in number
    ]
    own_cycles = [tuple(sorted(number[n] for n in cycle if n in number)) for cycle in cycles]
    stack = Stack(
        background=background,
        layers=tuple(layers),
        kind=kind,
        stop=stop,
        bottoms=tuple(one.bottom for one in reversed(peeled)),
        edges=tuple(edges),
        cycles=tuple(cycle for cycle in own_cycles if len(cycle) > 1),
        invented=np.where(invented > 0, count + 1 - invented, 0).astype(np.uint8),
    )
    return verified(stack, source)


def verified(stack: Stack, source: NDArray[np.uint8]) -> Stack:
    """Give the stack back, or raise InexactError if it does not recompose to its source.

    The source is (H, W, 3 or 4).
    """
    laid = recomposed(stack)[..., : source.shape[2]]
    differing = int(np.any(laid != source, axis=-1).sum())
    if differing:
        raise InexactError(f"the stack does not recompose: {differing} pixels differ")
    return stack


def recomposed(stack: Stack) -> Rgba:
    """Lay all layers over the background (H, W, 4), which need not be opaque.

    Where something soft lies over something that is not opaque, no 8-bit rule is exact; a peel
    never makes such a stack, and the soft one is taken as it is.
    """
    laid = stack.background.copy()
    for layer in stack.layers:
        alpha, below = layer.rgba[..., 3], laid[..., 3]
        mixed = np.dstack([over8(layer.rgba, laid[..., :3]), np.full_like(alpha, 255)])
        is_whole = (alpha == 255) | ((alpha > 0) & (below < 255))
        laid = np.where((alpha > 0)[..., None], mixed, laid)
        laid[is_whole] = layer.rgba[is_whole]
    return laid


def enlarge_stack(stack: Stack, source: NDArray[np.uint8], grid: Grid) -> Stack:
    """Bring a stack from the art's own grid to the size of its source (H, W, 3 or 4), exactly.

    Where a cell of the picture is not of one colour, what is seen there keeps its pixels.
    """
    if grid.step == 1:
        return stack
    size = (source.shape[0], source.shape[1])
    shown = source if source.shape[2] == 4 else np.dstack([source, np.full(size, 255, np.uint8)])
    background = grid.enlarged(stack.background, size)
    layers = [grid.enlarged(layer.rgba, size) for layer in stack.layers]
    is_open = np.ones(size, bool)
    for rgba in (*reversed(layers), background):
        is_seen = is_open & ((rgba[..., 3] > 0) | (rgba is background))
        rgba[is_seen] = shown[is_seen]
        is_open &= ~is_seen
    bottoms, below = [], over_grey(background)
    for rgba in layers:
        bottoms.append(below)
        below = over8(rgba, below)
    big = replace(
        stack,
        background=background,
        layers=tuple(
            replace(layer, rgba=rgba, evidence=_enlarged(layer.evidence, grid.step))
            for layer, rgba in zip(stack.layers, layers, strict=True)
        ),
        bottoms=tuple(bottoms),
        invented=grid.enlarged(stack.invented, size),
        grid=grid.step,
    )
    return verified(big, source)


def _layer(one: PeeledLayer, number: dict[int, int]) -> Layer:
    """Give a layer of the stack, its votes by layer instead of instance."""
    votes = tuple(
        Vote(number[other], cues.hull, cues.junction, cues.depth, cues.score)
        for other, cues in one.votes.items()
        if other in number
    )
    return Layer(one.name, one.rgba.copy(), replace(one.evidence, votes=votes))


def _with_transparency(
    background: Rgba, layers: list[Layer], source: NDArray[np.uint8], is_transparent: Mask
) -> Rgba:
    """Give every pixel that is not opaque, as it was, to the nearest that holds it, alone."""
    is_open = source[..., 3] < 255
    for layer in reversed(layers):
        own = is_open & (layer.rgba[..., 3] > 0)
        layer.rgba[own] = source[own]
        layer.rgba[(source[..., 3] < 255) & ~own] = 0
        is_open &= ~own
    background = np.where(is_transparent[..., None], np.uint8(0), background)
    background[source[..., 3] < 255] = 0
    background[is_open] = source[is_open]
    return background


def _enlarged(evidence: Evidence, step: int) -> Evidence:
    """Count pixels of the picture instead of the art's, `step` x `step` for one."""
    area, hole = step * step, evidence.hole
    big = replace(
        hole,
        px=hole.px * area,
        core_px=hole.core_px * area,
        ring_px=hole.ring_px * area,
        dilate=hole.dilate * step,
    )
    return replace(
        evidence,
        hidden_px=evidence.hidden_px * area,
        alpha_raised_px=evidence.alpha_raised_px * area,
        hole=big,
    )
