"""From a proposed matte to 8-bit alpha: soft in photographs, solved in flat art, else hard."""

import numpy as np

from birefcli.image import Alpha, Matte, Rgb, to_uint8
from birefcli.matte import bounding_box, decided_by_color, pad_box, remove_specks
from birefcli.peeling.alpha.bayesian import bayesian_matte
from birefcli.peeling.alpha.flat import snap_to_cells, solve_rim
from birefcli.peeling.geometry import window
from birefcli.peeling.thresholds import (
    ALPHA_FROM,
    ALPHA_MARGIN,
    CLEAR_ALPHA,
    OPAQUE_ALPHA,
    SPECK,
    SUPPORT,
)
from birefcli.stack import PictureKind


def refine_matte(picture: Rgb, matte: Matte, kind: PictureKind) -> Matte:
    """Give a proposed matte (H, W) the edge that pictures of this kind have."""
    box = bounding_box(matte, ALPHA_FROM)
    if box is None:
        return matte
    near = window(pad_box(box, ALPHA_MARGIN, (matte.shape[0], matte.shape[1])))
    part, colors = matte[near], picture[near]
    if kind == PictureKind.PHOTO:
        part = remove_specks(bayesian_matte(colors, part), SPECK)
    elif kind == PictureKind.PIXEL:
        part = decided_by_color(colors, part)
    else:
        part = solve_rim(colors, snap_to_cells(colors, part))
    whole = np.zeros_like(matte)
    whole[near] = part
    return whole


def to_alpha(matte: Matte, *, is_hard: bool) -> Alpha:
    """Round a matte (H, W) to 8 bits without the noise at both ends, or to 0 and 255 alone."""
    if is_hard:
        return np.where(matte > SUPPORT, np.uint8(255), np.uint8(0))
    alpha = to_uint8(matte * 255)
    alpha[alpha >= OPAQUE_ALPHA] = 255
    alpha[alpha <= CLEAR_ALPHA] = 0
    return alpha
