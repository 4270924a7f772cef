"""Layers composited over one another, in whole numbers and by Pillow.

The operator is "over" on straight alpha: Porter and Duff, "Compositing Digital Images" (1984).
"""

from collections.abc import Sequence
from functools import reduce

import numpy as np
from PIL import Image

from birefcli.image import Rgba
from birefcli.matte import clear_hidden, over8


def composite(background: Rgba, layers: Sequence[Rgba]) -> Rgba:
    """Return the picture (H, W, 4) of layers over a background, each uint8 (H, W, 4), bottom up."""
    return clean(reduce(composite_one, layers, background))


def composite_one(below: Rgba, layer: Rgba) -> Rgba:
    """Return one picture over another, both (H, W, 4); over what is opaque this is `over8`."""
    laid = below.copy()
    rows, columns = (np.flatnonzero(layer[..., 3].any(axis)) for axis in (1, 0))
    if len(rows):
        # Most layers are much smaller than their canvas.
        box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        laid[box] = _laid(below[box], layer[box])
    return laid


def composite_with_pillow(background: Rgba, layers: Sequence[Rgba]) -> Rgba:
    """Return what `composite` does, by Pillow's own compositor.

    Where both are thin it may be off by one level.
    """
    images = (Image.fromarray(layer) for layer in layers)
    laid = reduce(Image.alpha_composite, images, Image.fromarray(background))
    return clean(np.asarray(laid))


def clean(rgba: Rgba) -> Rgba:
    """Return a picture (H, W, 4) that is black wherever its alpha is 0."""
    return np.dstack([clear_hidden(rgba[..., :3], rgba[..., 3]), rgba[..., 3]])


def _laid(below: Rgba, layer: Rgba) -> Rgba:
    """Lay a layer over what lies in its box."""
    laid = np.dstack([over8(layer, below[..., :3]), below[..., 3]])
    is_thin = (below[..., 3] < 255) & (layer[..., 3] > 0)
    if is_thin.any():
        laid[is_thin] = _mixed(layer[is_thin], below[is_thin])
    return laid


def _mixed(layer: Rgba, below: Rgba) -> Rgba:
    """Lay visible pixels (N, 4) over thin ones (N, 4), by the formula for straight alpha."""
    alpha = layer[:, 3:].astype(np.int64)
    share = alpha * 255
    rest = below[:, 3:].astype(np.int64) * (255 - alpha)
    whole = share + rest  # alpha of both, times 255
    color = (share * layer[:, :3] + rest * below[:, :3] + whole // 2) // whole
    return np.concatenate([color, (whole + 127) // 255], 1).astype(np.uint8)
