"""Lifting one instance off: its alpha and colours, the exact layer, and the picture without it."""

from dataclasses import dataclass

import cv2
import numpy as np

from birefcli.image import Alpha, Labels, Mask, Rgb, Rgba, to_uint8
from birefcli.inpaint import Inpainter
from birefcli.matte import Size, bounding_box, pad_box
from birefcli.peeling.alpha.local_colors import color_deviation, color_distance, local_colors
from birefcli.peeling.geometry import Window, square_kernel, window, within
from birefcli.peeling.lift.colors import ColorPair, project_onto_picture, solve_colors
from birefcli.peeling.lift.completion import complete_labels
from birefcli.peeling.lift.exact import exact_layer
from birefcli.peeling.lift.hole import fill_hole, measured_hole, snap_to_palette
from birefcli.peeling.thresholds import (
    CLEAR_EDGE,
    CONTEXT_LEAST,
    CONTEXT_MOST,
    CORE_ALPHA,
    FOREIGN_PIXEL,
    GROUND_GRAIN,
    HALF_ALPHA,
    SOLVE_MARGIN,
)
from birefcli.stack import Fill, Hole

TRANSPARENT = -1  # the label of what is transparent in the picture itself


@dataclass(frozen=True, eq=False)
class LiftInput:
    """A picture to lift from, and what is known of its pixels; all (H, W)."""

    picture: Rgb  # (H, W, 3)
    labels: Labels  # who owns what once the instance is gone; the core's are not asked
    may_grow: Mask  # whose owners may be continued into the core
    is_unowned: Mask  # soft pixels whose rest, beside the instance's share, nobody owns
    is_invented: Mask  # made up by fills
    is_translucent: Mask  # not opaque in the input: given away whole, never mixed
    is_transparent: Mask  # in the input, or behind something that stood before that

    def part(self, near: Window) -> "LiftInput":
        """Give the same of a part of the picture."""
        return LiftInput(
            self.picture[near],
            self.labels[near],
            self.may_grow[near],
            self.is_unowned[near],
            self.is_invented[near],
            self.is_translucent[near],
            self.is_transparent[near],
        )


@dataclass(frozen=True, eq=False)
class Lifted:
    """A layer, the picture without it, and what its hole was; all at the canvas's size (H, W)."""

    rgba: Rgba  # (H, W, 4)
    bottom: Rgb  # (H, W, 3); the layer laid over it is the picture, bit for bit
    core: Mask  # what had to be invented
    behind: Mask  # whose owners were not known: the core, and what nobody owned
    labels: Labels  # who owns what afterwards, continued into the core
    raised_px: int  # where the exact step had to raise alpha
    hole: Hole
    fill: Fill | None  # None where nothing had to be filled
    change: float  # mean levels between the core and what fills it; 255 without a core


def lift(
    known: LiftInput,
    alpha: Alpha,
    inpainter: Inpainter,
    *,
    margin: int,
    seed: int,
    is_certain: bool,
    keeps_palette: bool = False,
) -> Lifted:
    """Take an instance off by its alpha (H, W), solving soft pixels and filling the rest.

    No pixel within `margin` of it is copied into the hole. With `keeps_palette` the fill has no
    colour that the picture has not. Where its edge `is_certain`, the hole ends with it; else
    no pixel within `margin` is shown to what fills the hole, and those that do not look like the
    ground beyond join the layer. Raises InexactError if the layer does not give the picture back.
    """
    size = (alpha.shape[0], alpha.shape[1])
    near = _context(alpha, size)
    part = known.part(near)
    labels, alpha = _owners_behind(part, alpha[near])
    core, covered = alpha >= CORE_ALPHA, within(alpha > 0, margin)
    colors = _soft_colors(part.picture, alpha)
    # Fill the hole, and take what is beside the layer and not the ground's into it.
    may_join = covered & (alpha == 0) & part.may_grow & ~part.is_translucent & ~part.is_transparent
    hole = core if is_certain else (alpha > 0) | may_join
    shown = np.where((alpha > 0)[..., None], to_uint8(colors.backdrop), part.picture)
    source = ~covered & ~part.is_invented
    fill = fill_hole(inpainter, shown, hole, labels, source, seed)
    filled = snap_to_palette(fill.rgb, hole, part.picture) if keeps_palette else fill.rgb
    backdrop = np.where(hole[..., None], filled.astype(np.float32), colors.backdrop)
    colors = ColorPair(colors.foreground, np.asarray(backdrop, np.float32))
    if not is_certain:
        alpha, colors = _with_rim(part.picture, alpha, colors, may_join, ~covered)
    _mix_to_picture(part.picture, alpha, colors, None if is_certain else ~covered)
    # Round to a layer that gives the picture back.
    core = alpha >= CORE_ALPHA
    exact = exact_layer(part.picture, colors.foreground, alpha, to_uint8(colors.backdrop))
    changes = np.abs(exact.bottom[core].astype(np.int16) - part.picture[core])
    rgba, bottom = np.zeros((*size, 4), np.uint8), known.picture.copy()
    rgba[near], bottom[near] = exact.rgba, exact.bottom
    return Lifted(
        rgba=rgba,
        bottom=bottom,
        core=_whole(core, near, size),
        behind=_whole(core | part.is_unowned, near, size),
        labels=_pasted(known.labels, labels, near),
        raised_px=int(exact.is_raised.sum()),
        hole=measured_hole(alpha, margin),
        fill=Fill(fill.backend, fill.proxy_l1, fill.label_prior) if hole.any() else None,
        change=float(changes.mean()) if core.any() else 255.0,
    )


def _context(alpha: Alpha, size: Size) -> Window:
    """Give the part of the picture around a layer that the inpainter sees."""
    box = bounding_box(np.asarray(alpha, np.float32), 0)
    assert box is not None
    side = max(box[2] - box[0], box[3] - box[1])
    return window(pad_box(box, min(max(side // 2, CONTEXT_LEAST), CONTEXT_MOST), size))


def _owners_behind(part: LiftInput, alpha: Alpha) -> tuple[Labels, Alpha]:
    """Say who owns what behind an instance, and make alpha hard where that is nothing at all."""
    touches_translucent = part.is_translucent.any()
    if touches_translucent:
        edge = cv2.dilate(part.is_translucent.astype(np.uint8), square_kernel(CLEAR_EDGE // 2)) > 0
        alpha = np.where(edge, np.where(alpha > HALF_ALPHA, 255, 0), alpha).astype(np.uint8)
    labels = np.where(part.is_transparent & (part.labels == 0), TRANSPARENT, part.labels)
    core = alpha >= CORE_ALPHA
    asked = core | part.is_unowned
    grown = complete_labels(labels.astype(np.int32), asked | ~part.may_grow)
    labels = np.where(asked, grown, labels).astype(np.int32)
    if touches_translucent:
        # Over nothing only what is solid gives the picture back.
        alpha = np.where(core & (labels == TRANSPARENT), 255, alpha).astype(np.uint8)
    return labels, alpha


def _soft_colors(picture: Rgb, alpha: Alpha) -> ColorPair:
    """Solve both colours (H, W, 3) near soft pixels; elsewhere both are the picture's."""
    same = picture.astype(np.float32)
    soft = (alpha > 0) & (alpha < 255)
    box = bounding_box(np.asarray(alpha, np.float32), 0)
    if not soft.any() or box is None:
        return ColorPair(same, same)
    near = window(pad_box(box, SOLVE_MARGIN, (alpha.shape[0], alpha.shape[1])))
    matte = np.asarray(alpha[near] / np.float32(255), np.float32)
    solved = solve_colors(picture[near], matte)
    foreground, backdrop = same.copy(), same.copy()
    inside = (alpha[near] > 0)[..., None]
    foreground[near] = np.where(inside, solved.foreground, same[near])
    backdrop[near] = np.where(inside, solved.backdrop, same[near])
    return ColorPair(foreground, backdrop)


def _with_rim(
    picture: Rgb, alpha: Alpha, colors: ColorPair, asked: Mask, beyond: Mask
) -> tuple[Alpha, ColorPair]:
    """Add those pixels around a layer to it that do not look like the ground beyond them.

    They show as much of the instance as takes its colours nearest to what is seen.
    """
    core = alpha >= CORE_ALPHA
    if not asked.any() or not beyond.any() or not core.any():
        return alpha, colors
    joins = asked.copy()
    joins[asked] = color_distance(picture, beyond, asked) > FOREIGN_PIXEL
    # What is not joined to the layer is the grain of the ground.
    _, parts = cv2.connectedComponents(((alpha > 0) | joins).astype(np.uint8), connectivity=4)
    joins &= np.isin(parts, np.unique(parts[alpha > 0]))
    own, backdrop = local_colors(picture, core, joins).mean, colors.backdrop[joins]
    across = own - backdrop
    share = ((picture[joins] - backdrop) * across).sum(-1) / np.maximum((across**2).sum(-1), 1)
    alpha, foreground = alpha.copy(), colors.foreground.copy()
    alpha[joins] = to_uint8(np.clip(share * 255, 1, 255))
    foreground[joins] = own
    return alpha, ColorPair(foreground, colors.backdrop)


def _mix_to_picture(picture: Rgb, alpha: Alpha, colors: ColorPair, ground: Mask | None) -> None:
    """Change both colours of soft pixels, in place, until they mix to the picture.

    Where a `ground` (H, W) is given, the backdrop keeps within its grain.
    """
    soft = (alpha > 0) & (alpha < 255)
    if not soft.any():
        return
    expected = colors.backdrop[soft]
    matte = np.asarray(alpha[soft] / np.float32(255), np.float32)
    pair = ColorPair(colors.foreground[soft], expected)
    there = project_onto_picture(picture[soft], matte, pair)
    colors.foreground[soft], colors.backdrop[soft] = there.foreground, there.backdrop
    if ground is not None:
        # What the ground's own grain does not explain is the instance's, so that no ghost stays.
        reach = 1 + GROUND_GRAIN * color_deviation(picture, ground, soft)
        colors.backdrop[soft] = np.clip(there.backdrop, expected - reach, expected + reach)


def _whole(part: Mask, near: Window, size: Size) -> Mask:
    """Give a mask of the whole picture, empty outside a part."""
    whole = np.zeros(size, bool)
    whole[near] = part
    return whole


def _pasted(whole: Labels, part: Labels, near: Window) -> Labels:
    """Give labels of the whole picture with a part replaced."""
    pasted = whole.copy()
    pasted[near] = part
    return pasted
