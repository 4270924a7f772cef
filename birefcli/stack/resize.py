"""Stacks at other sizes: smaller for thumbnails and previews, and pixel art at its own size."""

import cv2
import numpy as np

from birefcli.image.types import Rgba, rescale, to_uint8


def shrink_to(rgba: Rgba, side: int) -> Rgba:
    """Shrink (H, W, 4) so that its long side is at most `side`; nothing is enlarged."""
    height, width = rgba.shape[:2]
    factor = side / max(height, width)
    if factor >= 1:
        return rgba
    return resized(rgba, (max(1, round(height * factor)), max(1, round(width * factor))))


def resized(rgba: Rgba, size: tuple[int, int]) -> Rgba:
    """Bring (H, W, 4) to (height, width), each pixel weighing as much as it is opaque."""
    alpha = rgba[..., 3:].astype(np.float32)
    weighed = rescale(np.dstack([rgba[..., :3] * alpha / 255, alpha]), size)
    color = weighed[..., :3] * 255 / np.maximum(weighed[..., 3:], 1e-3)
    return to_uint8(np.dstack([color, weighed[..., 3]]))


def enlarged(rgba: Rgba, factor: int) -> Rgba:
    """Make every pixel a square of factor × factor."""
    height, width = rgba.shape[:2]
    return rescale(rgba, (height * factor, width * factor), cv2.INTER_NEAREST)


def at_native_size(layers: list[Rgba], grid: int) -> list[Rgba]:
    """Give layers of enlarged pixel art at the art's own size, or as they are where none fits."""
    height, width = layers[0].shape[:2]
    if grid <= 1 or height % grid or width % grid:
        return layers
    native = [np.ascontiguousarray(layer[::grid, ::grid]) for layer in layers]
    fits = all(
        np.array_equal(enlarged(small, grid), layer)
        for small, layer in zip(native, layers, strict=True)
    )
    return native if fits else layers
