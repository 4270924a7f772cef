"""Stacks at other sizes: smaller for thumbnails and previews, and pixel art at its own size."""

import cv2
import numpy as np

from birefcli.image import Rgba, rescale, to_uint8


def shrink_to(rgba: Rgba, side: int) -> Rgba:
    """Return uint8 (H, W, 4) with a long side of at most `side` pixels; nothing is enlarged."""
    height, width = rgba.shape[:2]
    factor = side / max(height, width)
    if factor >= 1:
        return rgba
    return resized(rgba, (max(1, round(height * factor)), max(1, round(width * factor))))


def resized(rgba: Rgba, size: tuple[int, int]) -> Rgba:
    """Return uint8 (H, W, 4) at (height, width); pixels weigh as much as they are opaque."""
    alpha = rgba[..., 3:].astype(np.float32)
    weighed = rescale(np.dstack([rgba[..., :3] * alpha / 255, alpha]), size)
    color = weighed[..., :3] * 255 / np.maximum(weighed[..., 3:], 1e-3)
    return to_uint8(np.dstack([color, weighed[..., 3]]))


def enlarged(rgba: Rgba, factor: int) -> Rgba:
    """Return uint8 (H, W, 4) with every pixel a square of factor × factor."""
    height, width = rgba.shape[:2]
    return rescale(rgba, (height * factor, width * factor), cv2.INTER_NEAREST)


def at_native_size(layers: list[Rgba], grid: int) -> list[Rgba]:
    """Return layers (H, W, 4) of pixel art, enlarged `grid` times, at the art's own size.

    Where one of them does not lie on the grid, all stay as they are.
    """
    height, width = layers[0].shape[:2]
    if grid <= 1 or height % grid or width % grid:
        return layers
    native = [np.ascontiguousarray(layer[::grid, ::grid]) for layer in layers]
    fits = all(
        np.array_equal(enlarged(small, grid), layer)
        for small, layer in zip(native, layers, strict=True)
    )
    return native if fits else layers
