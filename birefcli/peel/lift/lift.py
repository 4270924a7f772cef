"""Lifting one thing off: its alpha and colours, the hole it leaves, and what fills it."""

from dataclasses import dataclass

import cv2
import numpy as np

from birefcli.image.types import Alpha, Labels, Mask, Matte, Rgb, Rgba, to_uint8
from birefcli.inpaint.protocol import Filled, Inpainter, fill
from birefcli.matte.morphology import Box, bounding_box, pad_box
from birefcli.peel.alpha.bayesian import color_deviation, color_distance, local_colors, within
from birefcli.peel.lift.colors import ColorPair, project_onto_picture, solve_colors
from birefcli.peel.lift.completion import complete_labels
from birefcli.peel.lift.exact import exact_layer
from birefcli.stack.types import Fill, Hole

CORE = 230  # alpha from which nothing of what lies behind is seen
_OPAQUE, _CLEAR = 252, 1  # alphas from and up to which a soft value is noise
_SOLVE_MARGIN = 32
_LEAST_MARGIN, _MOST_MARGIN = 64, 256  # what the inpainter sees around a hole
_GRAIN = 2.0  # standard deviations of the ground, by which it may differ from its fill
_STRANGE = 4.0  # standard deviations from what the ground looks like
TRANSPARENT = -1  # the label of what is transparent in the picture itself


@dataclass(frozen=True, eq=False)
class Lifted:
    """A layer, the picture without it, and what its hole was; all at the canvas's size."""

    rgba: Rgba
    bottom: Rgb
    core: Mask  # what had to be invented
    behind: Mask  # whose owners were not known: the core, and what was left
    labels: Labels  # who owns what afterwards, continued into the core
    raised_px: int
    hole: Hole
    fill: Fill | None
    change: float  # mean levels between the core and what fills it


@dataclass(frozen=True, eq=False)
class PictureState:
    """A picture to lift from, and what is known about its pixels; all (H, W)."""

    picture: Rgb
    labels: Labels  # who owns what once the thing is gone; the core's are not asked
    may_grow: Mask  # whose owners may be continued into the core
    is_left: Mask  # soft pixels that were taken for the thing's alone, so nobody owns the rest
    is_invented: Mask
    is_clear: Mask  # not opaque in the input: given away whole, never mixed
    is_nothing: Mask  # fully transparent in the input, or behind something that stood before that


def to_alpha(matte: Matte, *, is_hard: bool) -> Alpha:
    """Round a matte to 8 bits without the noise at both ends, or to 0 and 255 alone."""
    if is_hard:
        return np.where(matte > 0.5, np.uint8(255), np.uint8(0))
    alpha = to_uint8(matte * 255)
    alpha[alpha >= _OPAQUE] = 255
    alpha[alpha <= _CLEAR] = 0
    return alpha


def lift(
    view: PictureState,
    alpha: Alpha,
    inpainter: Inpainter,
    *,
    margin: int,
    seed: int,
    is_certain: bool,
    keeps_palette: bool = False,
) -> Lifted:
    """Take a thing off by its alpha (H, W), solving soft pixels and filling the rest.

    No pixel within `margin` of it is copied into the hole. With `keeps_palette` the fill has no
    colour that the picture has not. Where its edge `is_certain`, the hole ends with it; else
    no pixel within `margin` is shown to what fills the hole, and those that do not look like the
    ground beyond join the layer.
    """
    size = (alpha.shape[0], alpha.shape[1])
    box = bounding_box(np.asarray(alpha, np.float32), 0)
    assert box is not None
    side = max(box[2] - box[0], box[3] - box[1])
    wide = pad_box(box, min(max(side // 2, _LEAST_MARGIN), _MOST_MARGIN), size)
    near = _cut(wide)
    part = PictureState(
        view.picture[near],
        view.labels[near],
        view.may_grow[near],
        view.is_left[near],
        view.is_invented[near],
        view.is_clear[near],
        view.is_nothing[near],
    )
    labels, alpha = _behind(part, alpha[near])
    core, covered = alpha >= CORE, within(alpha > 0, margin)
    colors = _solved(part.picture, alpha)
    may_join = covered & (alpha == 0) & part.may_grow & ~part.is_clear & ~part.is_nothing
    hole = core if is_certain else (alpha > 0) | may_join
    shown = np.where((alpha > 0)[..., None], to_uint8(colors.backdrop), part.picture)
    source = ~covered & ~part.is_invented
    told = _filled(inpainter, shown, hole, labels, source, seed)
    filled = snap_to_palette(told.rgb, hole, part.picture) if keeps_palette else told.rgb
    backdrop = np.where(hole[..., None], filled.astype(np.float32), colors.backdrop)
    colors = ColorPair(colors.foreground, np.asarray(backdrop, np.float32))
    if not is_certain:
        alpha, colors = _with_rim(part.picture, alpha, colors, may_join, ~covered)
    soft = (alpha > 0) & (alpha < 255)
    if soft.any():
        expected = colors.backdrop[soft]
        matte = np.asarray(alpha[soft] / np.float32(255), np.float32)
        there = project_onto_picture(
            part.picture[soft], matte, ColorPair(colors.foreground[soft], expected)
        )
        colors.foreground[soft], colors.backdrop[soft] = there.foreground, there.backdrop
        if not is_certain:
            # What the ground's own grain does not explain is the thing's, so that no ghost stays.
            reach = 1 + _GRAIN * color_deviation(part.picture, ~covered, soft)
            colors.backdrop[soft] = np.clip(there.backdrop, expected - reach, expected + reach)
    core = alpha >= CORE
    exact = exact_layer(part.picture, colors.foreground, alpha, to_uint8(colors.backdrop))
    changes = np.abs(exact.bottom[core].astype(np.int16) - part.picture[core])
    rgba, bottom = np.zeros((*size, 4), np.uint8), view.picture.copy()
    rgba[near], bottom[near] = exact.rgba, exact.bottom
    return Lifted(
        rgba=rgba,
        bottom=bottom,
        core=_whole(core, near, size),
        behind=_whole(core | part.is_left, near, size),
        labels=_pasted(view.labels, labels, near),
        raised_px=int(exact.is_raised.sum()),
        hole=_measured(alpha, margin),
        fill=Fill(told.backend, told.proxy_l1, told.label_prior) if hole.any() else None,
        change=float(changes.mean()) if core.any() else 255.0,
    )


def snap_to_palette(filled: Rgb, hole: Mask, picture: Rgb) -> Rgb:
    """Give every colour in a hole the nearest that a picture of few colours has."""
    if not hole.any():
        return filled
    palette = np.unique(picture.reshape(-1, 3), axis=0)
    colors, at = np.unique(filled[hole], axis=0, return_inverse=True)
    own, asked = palette.astype(np.float32), colors.astype(np.float32)
    # The square of a difference, without the part that is the same for the whole palette.
    nearest = np.argmin((own**2).sum(1) - 2 * asked @ own.T, axis=1)
    snapped = filled.copy()
    snapped[hole] = palette[nearest][at.ravel()]
    return snapped


def hole_margin(picture: Rgb, alpha: Alpha, least: int) -> int:
    """Give how far around a thing its soft edge may still be seen, in pixels.

    Half-widths of the picture's own edge are taken along up to 64 normals of the outline.
    """
    mask = (alpha > 127).astype(np.uint8)
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    highest = max(least, int(0.0075 * min(alpha.shape)))
    if not outlines:
        return least
    points = max(outlines, key=len)[:, 0, :].astype(np.float32)
    points = points[:: max(1, len(points) // 64)]
    smooth = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 2)
    x, y = points.astype(np.int32).T
    slope_x = cv2.Sobel(smooth, cv2.CV_32F, 1, 0)[y, x]
    slope_y = cv2.Sobel(smooth, cv2.CV_32F, 0, 1)[y, x]
    length = np.hypot(slope_x, slope_y) + 1e-6
    steps = np.arange(-8, 9, dtype=np.float32)
    across_x = points[:, :1] - steps * (slope_x / length)[:, None]
    across_y = points[:, 1:] - steps * (slope_y / length)[:, None]
    seen = cv2.remap(
        picture.astype(np.float32), across_x, across_y, cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE
    )
    total = seen[:, -1] - seen[:, 0]
    strength = (total**2).sum(-1)
    is_edge = strength > 20**2
    if not is_edge.any():
        return least
    rise = ((seen - seen[:, :1]) * total[:, None]).sum(-1)[is_edge] / strength[is_edge, None]
    # A step rises from 0 to 1; its 10-90 % width is 2.56 σ for a Gaussian edge.
    width = ((rise > 0.1) & (rise < 0.9)).sum(axis=1)
    sigma = float(np.median(width)) / 2.56
    return int(np.clip(np.ceil(1.3 * sigma) + 1, least, highest))


def _measured(alpha: Alpha, margin: int) -> Hole:
    """Count the pixels that a layer leaves, all and those of which nothing was seen."""
    covered, core = int((alpha > 0).sum()), int((alpha >= CORE).sum())
    return Hole(covered, core, covered - core, margin)


def _behind(part: PictureState, alpha: Alpha) -> tuple[Labels, Alpha]:
    """Say who owns what behind a thing, and make alpha hard where that is nothing at all."""
    touches_clear = part.is_clear.any()
    if touches_clear:
        edge = cv2.dilate(part.is_clear.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
        alpha = np.where(edge, np.where(alpha > 127, 255, 0), alpha).astype(np.uint8)
    labels = np.where(part.is_nothing & (part.labels == 0), TRANSPARENT, part.labels)
    core = alpha >= CORE
    asked = core | part.is_left
    grown = complete_labels(labels.astype(np.int32), asked | ~part.may_grow)
    labels = np.where(asked, grown, labels).astype(np.int32)
    if touches_clear:
        # Over nothing only what is solid gives the picture back.
        alpha = np.where(core & (labels == TRANSPARENT), 255, alpha).astype(np.uint8)
    return labels, alpha


def _with_rim(
    picture: Rgb, alpha: Alpha, colors: ColorPair, asked: Mask, beyond: Mask
) -> tuple[Alpha, ColorPair]:
    """Add those pixels around a thing to it that do not look like the ground beyond them.

    They show as much of the thing as takes its colours nearest to what is seen.
    """
    core = alpha >= CORE
    if not asked.any() or not beyond.any() or not core.any():
        return alpha, colors
    joins = asked.copy()
    joins[asked] = color_distance(picture, beyond, asked) > _STRANGE
    # What is not joined to the thing is the grain of the ground.
    _, parts = cv2.connectedComponents(((alpha > 0) | joins).astype(np.uint8), connectivity=4)
    joins &= np.isin(parts, np.unique(parts[alpha > 0]))
    own, backdrop = local_colors(picture, core, joins).mean, colors.backdrop[joins]
    across = own - backdrop
    share = ((picture[joins] - backdrop) * across).sum(-1) / np.maximum((across**2).sum(-1), 1)
    alpha, foreground = alpha.copy(), colors.foreground.copy()
    alpha[joins] = to_uint8(np.clip(share * 255, 1, 255))
    foreground[joins] = own
    return alpha, ColorPair(foreground, colors.backdrop)


def _solved(picture: Rgb, alpha: Alpha) -> ColorPair:
    """Solve the colours near soft pixels; elsewhere both are the picture's."""
    same = picture.astype(np.float32)
    soft = (alpha > 0) & (alpha < 255)
    box = bounding_box(np.asarray(alpha, np.float32), 0)
    if not soft.any() or box is None:
        return ColorPair(same, same)
    near = _cut(pad_box(box, _SOLVE_MARGIN, (alpha.shape[0], alpha.shape[1])))
    matte = np.asarray(alpha[near] / np.float32(255), np.float32)
    solved = solve_colors(picture[near], matte)
    foreground, backdrop = same.copy(), same.copy()
    inside = (alpha[near] > 0)[..., None]
    foreground[near] = np.where(inside, solved.foreground, same[near])
    backdrop[near] = np.where(inside, solved.backdrop, same[near])
    return ColorPair(foreground, backdrop)


def _filled(
    inpainter: Inpainter, picture: Rgb, hole: Mask, labels: Labels, source: Mask, seed: int
) -> Filled:
    """Fill a hole, each owner's part of it from what that owner shows."""
    if not hole.any():
        return Filled(picture, inpainter.name)
    several = labels if np.unique(labels).size > 1 else None
    return fill(inpainter, picture, hole, labels=several, source=source & ~hole, seed=seed)


def _cut(box: Box) -> tuple[slice, slice]:
    left, top, right, bottom = box
    return slice(top, bottom), slice(left, right)


def _whole(part: Mask, near: tuple[slice, slice], size: tuple[int, int]) -> Mask:
    whole = np.zeros(size, bool)
    whole[near] = part
    return whole


def _pasted(whole: Labels, part: Labels, near: tuple[slice, slice]) -> Labels:
    pasted = whole.copy()
    pasted[near] = part
    return pasted
