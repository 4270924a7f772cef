"""Shapes of objects: outlines of about unit radius, and how they become alpha."""

from collections.abc import Callable
from typing import TypeAlias

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from birefcli.image import Alpha, rescale
from birefcli.matte import Size

Points: TypeAlias = NDArray[np.float64]  # (N, 2) of x, y
# Closed rings around the origin; what lies inside an even number of them is outside.
Outline: TypeAlias = tuple[Points, ...]

# Edges are drawn this many times finer and averaged.
FINER = 3
_SUBPIXEL = 4  # bits of OpenCV's fixed-point coordinates
_LETTERS = "ABCDEGHKMNPRSTUXZ2345689&?"


def blob(rng: Generator) -> Outline:
    """Draw r(t) = 1 + Σ N(0, 0.28/n) cos nt + N(0, 0.28/n) sin nt, n from 2 to 5."""
    t = np.linspace(0, 2 * np.pi, 96, endpoint=False)
    r = np.ones_like(t)
    for n in range(2, 6):
        a, b = rng.normal(0, 0.28 / n, 2)
        r += a * np.cos(n * t) + b * np.sin(n * t)
    return (_polar(t, np.clip(r, 0.25, None)),)


def polygon(rng: Generator) -> Outline:
    """Draw three to eight corners."""
    corners = int(rng.integers(3, 9))
    t = (np.arange(corners) + rng.uniform(-0.3, 0.3, corners)) * 2 * np.pi / corners
    return _turned((_polar(t, rng.uniform(0.8, 1.2, corners)),), rng.uniform(0, 2 * np.pi))


def star(rng: Generator) -> Outline:
    """Draw four to eight points."""
    points = int(rng.integers(4, 9))
    t = np.arange(2 * points) * np.pi / points
    r = np.where(np.arange(2 * points) % 2, rng.uniform(0.4, 0.65), 1.15)
    return _turned((_polar(t, r),), rng.uniform(0, 2 * np.pi))


def rectangle(rng: Generator) -> Outline:
    """Draw a rectangle, half of the time upright."""
    height = rng.uniform(0.45, 1)
    corners = np.array([(-1, -height), (1, -height), (1, height), (-1, height)])
    angle = 0.0 if rng.random() < 0.5 else rng.uniform(0, np.pi)
    return _turned((corners,), angle)


def ellipse(rng: Generator) -> Outline:
    """Draw a circle or an ellipse."""
    t = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    flat = _polar(t, np.ones_like(t)) * [1.05, rng.uniform(0.5, 1.05)]
    return _turned((flat,), rng.uniform(0, np.pi))


def text(rng: Generator) -> Outline:
    """Draw one to three fat letters."""
    letters = "".join(rng.choice(list(_LETTERS), int(rng.integers(1, 4))))
    page = np.zeros((160, 120 * len(letters) + 60), np.uint8)
    cv2.putText(page, letters, (30, 130), cv2.FONT_HERSHEY_DUPLEX, 4.4, 255, 20)
    contours, _ = cv2.findContours(page, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    rings = [np.asarray(contour[:, 0], np.float64) for contour in contours]
    low = np.min([ring.min(0) for ring in rings], 0)
    high = np.max([ring.max(0) for ring in rings], 0)
    centred = tuple((ring - (low + high) / 2) / ((high - low).max() / 2.6) for ring in rings)
    return _turned(centred, rng.uniform(-0.3, 0.3))


def ring(rng: Generator, inner: float) -> Outline:
    """Draw a round ring with a hole of the radius `inner`."""
    t = np.linspace(0, 2 * np.pi, 96, endpoint=False)
    return _polar(t, np.ones_like(t)), _polar(t, np.full_like(t, inner))


def pierced(rng: Generator) -> Outline:
    """Draw a blob with one to three round holes."""
    t = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    count = int(rng.integers(1, 4))
    start = rng.uniform(0, 2 * np.pi)
    holes = []
    for i in range(count):
        away = 0.0 if count == 1 else 0.45
        angle = start + i * 2 * np.pi / count
        middle = away * np.array([np.cos(angle), np.sin(angle)])
        radius = rng.uniform(0.12, 0.25) * (1.6 if count == 1 else 1)
        holes.append(middle + _polar(t, np.full_like(t, radius)))
    t = np.linspace(0, 2 * np.pi, 96, endpoint=False)
    # A little rounder than a plain blob, so that the holes stay enclosed.
    r = 1 + sum(rng.normal(0, 0.1 / n) * np.cos(n * t + rng.uniform(0, 6)) for n in range(2, 6))
    return (_polar(t, np.asarray(r)), *holes)


SHAPES: dict[str, Callable[[Generator], Outline]] = {
    "blob": blob,
    "polygon": polygon,
    "star": star,
    "rectangle": rectangle,
    "ellipse": ellipse,
    "text": text,
}


def raster(outline: Outline, centre: Points, radius: float, size: Size) -> Alpha:
    """Fill an outline of `radius` pixels about `centre` (x, y): antialiased alpha (H, W)."""
    rings = [ring * radius + centre for ring in outline]
    return _fine(np.concatenate(rings), size, lambda page, at: _fill(page, rings, at))


def strokes(lines: list[Points], width: float, size: Size) -> Alpha:
    """Draw open lines `width` pixels thick: antialiased alpha (H, W)."""
    thickness = max(1, round(width * FINER))

    def draw(page: Alpha, at: Points) -> None:
        cv2.polylines(page, _fixed(lines, at), False, 255, thickness, shift=_SUBPIXEL)

    reach = np.concatenate(lines)
    corners = np.stack([reach.min(0) - width, reach.max(0) + width])
    return _fine(corners, size, draw)


def _fine(reach: Points, size: Size, draw: Callable[[Alpha, Points], None]) -> Alpha:
    """Draw on a finer page around some points, and average it into a canvas of `size`."""
    alpha = np.zeros(size, np.uint8)
    left, top = np.maximum(np.floor(reach.min(0)).astype(int) - 1, 0)
    right, bottom = np.minimum(np.ceil(reach.max(0)).astype(int) + 1, (size[1], size[0]))
    if left < right and top < bottom:
        page = np.zeros(((bottom - top) * FINER, (right - left) * FINER), np.uint8)
        draw(page, np.array([left, top], np.float64))
        alpha[top:bottom, left:right] = rescale(page, (bottom - top, right - left))
    return alpha


def _fill(page: Alpha, rings: list[Points], at: Points) -> None:
    cv2.fillPoly(page, _fixed(rings, at), 255, shift=_SUBPIXEL)


def _fixed(lines: list[Points], at: Points) -> list[NDArray[np.int32]]:
    """Give points of the canvas on the finer page that begins `at`, in OpenCV's fixed point."""
    # OpenCV counts from the middle of the first pixel, we from its corner.
    return [
        np.rint(((line - at) * FINER - 0.5) * (1 << _SUBPIXEL)).astype(np.int32) for line in lines
    ]


def _polar(t: Points, r: Points) -> Points:
    return np.stack([np.cos(t) * r, np.sin(t) * r], -1)


def _turned(outline: Outline, angle: float) -> Outline:
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return tuple(ring @ turn for ring in outline)
