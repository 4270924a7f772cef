"""Things drawn rather than taken from a picture: lines of text, strands, rods, lattices."""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from birefcli.image import Alpha, Rgb, Rgba, rescale
from birefcli.scenes.grounds import random_color

LETTERS = "abcdefghijklmnopqrstuvwxyz"
SIGNS = "0123456789!?%&+:€$#@"
LEAST_CONTRAST = 40  # levels between a line of text and its ground
HERSHEY = (
    cv2.FONT_HERSHEY_SIMPLEX,
    cv2.FONT_HERSHEY_DUPLEX,
    cv2.FONT_HERSHEY_COMPLEX,
    cv2.FONT_HERSHEY_TRIPLEX,
    cv2.FONT_HERSHEY_SCRIPT_SIMPLEX,
    cv2.FONT_HERSHEY_SCRIPT_COMPLEX,
)


def text_line(rng: Generator, height: int, unlike: NDArray[np.floating]) -> Rgba:
    """Write one to four made-up words, letters about `height` pixels high, in one colour.

    It is a colour unlike another (3,), that of the ground.
    """
    words = " ".join(_word(rng) for _ in range(rng.integers(1, 5)))
    alpha = _set_in_outlines(words, height) if rng.random() < 0.6 else _drawn(rng, words, height)
    if rng.random() < 0.2:
        slant = rng.uniform(-0.35, 0.35)
        alpha = _slanted(alpha, slant)
    color = random_color(rng)
    while np.abs(color - unlike).max() < LEAST_CONTRAST:
        color = random_color(rng)
    return _filled(alpha, color)


def thin_thing(rng: Generator, side: int, material: Callable[[tuple[int, int]], Rgb]) -> Rgba:
    """Draw strands, rods, rings, a lattice or leaves of one material (side, side, 4)."""
    draw = (_strands, _rods, _rings, _lattice, _leaves)[rng.integers(5)]
    large = np.zeros((2 * side, 2 * side), np.uint8)
    draw(rng, large)
    alpha = rescale(large, (side, side))
    return np.dstack([material((side, side)), alpha])


def _word(rng: Generator) -> str:
    letters = "".join(LETTERS[i] for i in rng.integers(0, len(LETTERS), rng.integers(2, 9)))
    way = rng.random()
    if way < 0.4:
        return letters.upper()
    if way < 0.7:
        return letters.capitalize()
    return letters if way < 0.85 else "".join(SIGNS[i] for i in rng.integers(0, len(SIGNS), 3))


def _set_in_outlines(words: str, height: int) -> Alpha:
    """Set a line in the outline font that comes with Pillow."""
    font = ImageFont.load_default(size=height)
    left, top, right, bottom = font.getbbox(words)
    size = max(1, int(right - left) + 4), max(1, int(bottom - top) + 4)
    page = Image.new("L", size)
    ImageDraw.Draw(page).text((2 - left, 2 - top), words, fill=255, font=font)
    return np.asarray(page)


def _drawn(rng: Generator, words: str, height: int) -> Alpha:
    """Draw a line in one of OpenCV's stroke fonts, thin or bold."""
    font = int(rng.choice(HERSHEY))
    scale = height / 22
    thickness = max(1, int(height * rng.uniform(0.04, 0.22)))
    (w, h), below = cv2.getTextSize(words, font, scale, thickness)
    page = np.zeros((h + below + 2 * thickness + 4, w + 2 * thickness + 4), np.uint8)
    at = (thickness + 2, h + thickness + 2)
    cv2.putText(page, words, at, font, scale, 255, thickness, cv2.LINE_AA)
    return page


def _slanted(alpha: Alpha, slant: float) -> Alpha:
    """Turn a line of text by a slant in radians."""
    h, w = alpha.shape
    side = int(np.ceil(np.hypot(h, w)))
    turn = cv2.getRotationMatrix2D((w / 2, h / 2), float(np.degrees(slant)), 1)
    turn[:, 2] += (side - w) / 2, (side - h) / 2
    return np.asarray(cv2.warpAffine(alpha, turn, (side, side)), np.uint8)


def _filled(alpha: Alpha, color: np.ndarray) -> Rgba:
    rgb = np.broadcast_to(np.clip(color, 0, 255).astype(np.uint8), (*alpha.shape, 3))
    return np.dstack([rgb, alpha])


def _strands(rng: Generator, mask: Alpha) -> None:
    """Draw a tuft of curved hairs that leave one root."""
    side = len(mask)
    root = rng.uniform(0.2, 0.8, 2) * side
    lean = rng.uniform(0, 2 * np.pi)
    for _ in range(rng.integers(8, 60)):
        angle = lean + rng.normal(0, 0.5)
        bend = rng.normal(0, 0.9)
        length = rng.uniform(0.3, 0.75) * side
        steps = np.linspace(0, 1, 14)
        turned = angle + bend * steps
        path = root + np.cumsum(np.stack([np.cos(turned), np.sin(turned)], -1), 0) * length / 14
        width = max(2, int(side * rng.uniform(0.004, 0.02)))
        cv2.polylines(mask, [path.astype(np.int32)], False, 255, width, cv2.LINE_AA)
    cv2.circle(mask, _point(root), int(side * rng.uniform(0.05, 0.22)), 255, -1, cv2.LINE_AA)


def _rods(rng: Generator, mask: Alpha) -> None:
    """Draw a few straight rods that meet, as of chairs, racks and tools."""
    side = len(mask)
    points = rng.uniform(0.08, 0.92, (int(rng.integers(3, 9)), 2)) * side
    width = max(3, int(side * rng.uniform(0.01, 0.05)))
    for a, b in zip(points, np.roll(points, 1, 0), strict=True):
        cv2.line(mask, _point(a), _point(b), 255, width, cv2.LINE_AA)
        if rng.random() < 0.3:
            cv2.circle(mask, _point(a), int(width * rng.uniform(1, 3)), 255, -1, cv2.LINE_AA)


def _rings(rng: Generator, mask: Alpha) -> None:
    """Draw rings, spokes and all, as of wheels, handles and frames."""
    side = len(mask)
    for _ in range(rng.integers(1, 4)):
        middle = rng.uniform(0.3, 0.7, 2) * side
        axes = rng.uniform(0.12, 0.42, 2) * side
        if rng.random() < 0.6:
            axes[:] = axes[0]
        width = max(3, int(side * rng.uniform(0.01, 0.08)))
        turn = float(rng.uniform(0, 180))
        size = int(axes[0]), int(axes[1])
        cv2.ellipse(mask, _point(middle), size, turn, 0, 360, 255, width, cv2.LINE_AA)
        spokes = int(rng.integers(3, 24)) if rng.random() < 0.4 else 0
        for angle in np.linspace(0, 2 * np.pi, spokes, endpoint=False):
            end = middle + np.array([np.cos(angle), np.sin(angle)]) * axes.min()
            cv2.line(mask, _point(middle), _point(end), 255, max(2, width // 3), cv2.LINE_AA)


def _lattice(rng: Generator, mask: Alpha) -> None:
    """Draw a frame filled with bars or a net, as of fences, baskets and shelves."""
    side = len(mask)
    top, left = rng.uniform(0.08, 0.3, 2) * side
    bottom, right = rng.uniform(0.7, 0.92, 2) * side
    width = max(3, int(side * rng.uniform(0.008, 0.03)))
    for x in np.linspace(left, right, int(rng.integers(2, 10))):
        cv2.line(mask, _point((x, top)), _point((x, bottom)), 255, width, cv2.LINE_AA)
    for y in np.linspace(top, bottom, int(rng.integers(2, 10))):
        cv2.line(mask, _point((left, y)), _point((right, y)), 255, width, cv2.LINE_AA)


def _leaves(rng: Generator, mask: Alpha) -> None:
    """Draw a twig with leaves."""
    side = len(mask)
    start, angle = np.array([0.5, 0.95]) * side, -np.pi / 2
    for _ in range(rng.integers(5, 16)):
        angle += rng.normal(0, 0.25)
        step = side * rng.uniform(0.04, 0.1)
        end = start + step * np.array([np.cos(angle), np.sin(angle)])
        cv2.line(mask, _point(start), _point(end), 255, max(2, side // 120), cv2.LINE_AA)
        for way in (-1, 1):
            lean = angle + way * rng.uniform(0.5, 1.3)
            length = side * rng.uniform(0.06, 0.2)
            middle = end + length * np.array([np.cos(lean), np.sin(lean)]) / 1.2
            axes = (int(length / 1.6), max(2, int(length * rng.uniform(0.12, 0.35))))
            cv2.ellipse(mask, _point(middle), axes, float(np.degrees(lean)), 0, 360, 255, -1)
        start = end


def _point(at: np.ndarray | tuple[float, float]) -> tuple[int, int]:
    return int(at[0]), int(at[1])
