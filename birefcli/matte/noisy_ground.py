"""Grounds whose pixels vary by a few levels: a plain field or a straight gradient, as from JPEG."""

import numpy as np
from numpy.typing import NDArray

from birefcli.image import Rgb
from birefcli.matte.exact_ground import LEAST_BORDER, LEAST_SHARE
from birefcli.matte.known_ground import Ground, GroundKind, border_of, hex_of, measured

LARGEST_NOISE = 12.0  # levels, of JPEG or film grain, beyond which a field is not plain
NOISY_BORDER = 0.85  # share of the border that a noisy ground explains
SAMPLE = 4096  # of the border's pixels, to which a field is fitted


def noisy_ground(rgb: Rgb) -> Ground | None:
    """Find a plain field or a straight gradient whose pixels vary by a few levels."""
    for kind in (GroundKind.PLAIN, GroundKind.GRADIENT):
        ground = _fitted(rgb, kind)
        if ground is not None:
            return ground
    return None


def _fitted(rgb: Rgb, kind: GroundKind) -> Ground | None:
    """Fit a constant or a plane to the border's colours, leaving out what stands on it."""
    height, width = rgb.shape[:2]
    down, across = np.arange(height) / height - 0.5, np.arange(width) / width - 0.5
    ys = np.concatenate([np.full(width, down[0]), np.full(width, down[-1]), *[down[1:-1]] * 2])
    xs = np.concatenate([across, across, np.full(height - 2, across[0])])
    xs = np.concatenate([xs, np.full(height - 2, across[-1])])
    terms = [np.ones_like(ys)] if kind == GroundKind.PLAIN else [np.ones_like(ys), ys, xs]
    basis = np.stack(terms, -1)
    colors = border_of(rgb).astype(np.float64)
    step = max(1, len(colors) // SAMPLE)
    basis, colors = basis[::step], colors[::step]
    is_in = np.ones(len(colors), bool)
    weights = np.zeros((basis.shape[1], 3))
    for _ in range(8):
        weights = np.linalg.lstsq(basis[is_in], colors[is_in], rcond=None)[0]
        error = np.abs(colors - basis @ weights).max(-1)
        limit = max(3.0, 3 * float(np.median(error)))
        is_in = error <= limit
        if is_in.mean() < LEAST_BORDER:
            return None
    noise = float(np.quantile(error[is_in], 0.99))
    if noise > LARGEST_NOISE / 1.5 or is_in.mean() < 0.9 * NOISY_BORDER:
        return None
    field = np.broadcast_to(weights[0], rgb.shape)
    if kind == GroundKind.GRADIENT:
        field = field + down[:, None, None] * weights[1] + across[:, None] * weights[2]
    tolerance = float(np.clip(1.5 * noise, 2.0, LARGEST_NOISE))
    ground = Ground(kind, np.asarray(field, np.float32), tolerance, 0, 0, _ends(weights))
    ground = measured(rgb, ground)
    return ground if ground.border >= NOISY_BORDER and ground.share >= LEAST_SHARE else None


def _ends(weights: NDArray[np.float64]) -> str:
    """Name the colour of a field, or of a gradient's two ends."""
    if len(weights) == 1:
        return hex_of(weights[0])
    way = np.abs(weights[1:]).sum(-1).argmax() + 1
    return f"{hex_of(weights[0] - weights[way] / 2)} to {hex_of(weights[0] + weights[way] / 2)}"
