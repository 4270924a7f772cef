"""What game engines ask of a finished cutout: colour under alpha 0, premultiplied, and framed."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from birefcli.errors import UsageError
from birefcli.image import Rgba, next_power
from birefcli.settings import Anchor

BLEED_REACH = 16


@dataclass(frozen=True, eq=False)
class Framed:
    """An array (H, W, …) on a canvas of another size, and where its corner lies there, (x, y)."""

    rgba: NDArray[Any]
    offset: tuple[int, int]


def bleed(rgba: Rgba, reach: int | None = BLEED_REACH) -> Rgba:
    """Return the picture with the colours of its edge spread outwards under alpha 0.

    Every pixel of alpha 0 takes the colour of the nearest pixel that is as solid as any around
    it, so that filters and smaller copies mix in no foreign colour. Alpha and all visible pixels
    stay as they are. What is more than `reach` pixels away turns black; None reaches everywhere.
    """
    result = rgba.copy()
    alpha = rgba[..., 3]
    is_clear = alpha == 0
    result[is_clear, :3] = 0
    if is_clear.all() or not is_clear.any():
        return result
    distance, numbers = cv2.distanceTransformWithLabels(
        is_clear.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    color_of = np.zeros((int(numbers.max()) + 1, 3), np.uint8)
    color_of[numbers[~is_clear]] = _trusted_colors(rgba)[~is_clear]
    is_reached = is_clear if reach is None else is_clear & (distance <= reach)
    result[is_reached, :3] = color_of[numbers[is_reached]]
    return result


def _trusted_colors(rgba: Rgba) -> Rgba:
    """Give every pixel (H, W, 3) the colour of the most solid one among it and its neighbours.

    A pixel of little alpha has a colour of few digits, and often the old ground's.
    """
    alpha = rgba[..., 3]
    padded = np.pad(rgba, ((1, 1), (1, 1), (0, 0)))
    height, width = alpha.shape
    best, colors = alpha.copy(), rgba[..., :3].copy()
    for y in range(3):
        for x in range(3):
            other = padded[y : y + height, x : x + width]
            is_better = other[..., 3] > best
            best[is_better] = other[..., 3][is_better]
            colors[is_better] = other[..., :3][is_better]
    return colors


def premultiply(rgba: Rgba) -> Rgba:
    """Return the picture with colours times alpha, every channel A C / 255 rounded exactly."""
    product = rgba[..., :3].astype(np.uint16) * rgba[..., 3:] + 128
    return np.dstack([((product + (product >> 8)) >> 8).astype(np.uint8), rgba[..., 3]])


def pad(rgba: NDArray[Any], margin: int) -> Framed:
    """Return the picture with `margin` clear pixels on every side."""
    height, width = rgba.shape[:2]
    return canvas(rgba, (height + 2 * margin, width + 2 * margin))


def square(rgba: NDArray[Any], anchor: Anchor | str = Anchor.CENTER) -> Framed:
    """Return the picture on the smallest square that holds it."""
    side = max(rgba.shape[:2])
    return canvas(rgba, (side, side), anchor)


def power_of_two(rgba: NDArray[Any], anchor: Anchor | str = Anchor.CENTER) -> Framed:
    """Return the picture on the smallest canvas that holds it, both sides powers of two."""
    height, width = (next_power(side) for side in rgba.shape[:2])
    return canvas(rgba, (height, width), anchor)


def canvas(
    rgba: NDArray[Any], size: tuple[int, int], anchor: Anchor | str = Anchor.CENTER
) -> Framed:
    """Return the picture on a clear canvas of (height, width), held at the anchor.

    An odd pixel that is left over goes to the right and to the bottom. Raise UsageError for a
    canvas that is too small: nothing is cut off silently.
    """
    if anchor not in list(Anchor):
        raise UsageError(f"{anchor!r} is no anchor; write {', '.join(Anchor)}")
    height, width = size
    h, w = rgba.shape[:2]
    if h > height or w > width:
        raise UsageError(
            f"a canvas of {width}x{height} does not hold {w}x{h}; make it larger or crop first"
        )
    x = 0 if "left" in anchor else width - w if "right" in anchor else (width - w) // 2
    y = 0 if "top" in anchor else height - h if "bottom" in anchor else (height - h) // 2
    framed = np.zeros((height, width, *rgba.shape[2:]), rgba.dtype)
    framed[y : y + h, x : x + w] = rgba
    return Framed(framed, (x, y))
