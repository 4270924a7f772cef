"""What things are made of: plain colours, patterns of two, and grown textures."""

from collections.abc import Callable
from typing import TypeAlias

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from birefcli.image import Matte, Rgb, rescale, to_uint8
from birefcli.matte import Size
from birefcli.scenes.suites.layered import Paint

Colors: TypeAlias = NDArray[np.float32]  # (N, 3), 0…255

OCTAVES = 5
_CANDIDATES = 16


def contrasting(rng: Generator, taken: Colors) -> Colors:
    """Pick a colour (3,) that is far from all that are taken."""
    candidates = rng.integers(0, 256, (_CANDIDATES, 3)).astype(np.float32)
    if not len(taken):
        return np.asarray(candidates[0], np.float32)
    apart = np.abs(candidates[:, None] - taken[None]).max(2).min(1)
    return np.asarray(candidates[apart.argmax()], np.float32)


def sampled(rgb: Rgb) -> Colors:
    """Give some of a picture's colours (N, 3)."""
    height, width = rgb.shape[:2]
    step = max(1, min(height, width) // 12)
    return rgb[::step, ::step].reshape(-1, 3).astype(np.float32)


def plain(color: Colors) -> Paint:
    """Paint one colour (3,)."""
    return lambda size: np.broadcast_to(to_uint8(color), (*size, 3)).copy()


def striped(rng: Generator, colors: Colors, width: float) -> Paint:
    """Paint stripes of two colours, `width` pixels wide, upright, flat or slanted."""
    angle = float(rng.choice([0, np.pi / 2, rng.uniform(0, np.pi)]))
    return lambda size: _chosen(_along(size, angle) // width % 2 == 1, colors)


def checkered(colors: Colors, cell: int) -> Paint:
    """Paint squares of two colours."""

    def paint(size: Size) -> Rgb:
        y, x = np.indices(size) // cell
        return _chosen((x + y) % 2 == 1, colors)

    return paint


def halved(rng: Generator, colors: Colors) -> Paint:
    """Paint two colours on the two sides of a line near the middle."""
    angle, where = rng.uniform(0, 2 * np.pi), rng.uniform(0.35, 0.65)

    def paint(size: Size) -> Rgb:
        t = _along(size, angle)
        return _chosen(t - t.min() > where * np.ptp(t), colors)

    return paint


def graded(rng: Generator, colors: Colors) -> Paint:
    """Paint a linear gradient of two colours."""
    angle = rng.uniform(0, 2 * np.pi)

    def paint(size: Size) -> Rgb:
        t = _along(size, angle)
        t = ((t - t.min()) / max(float(np.ptp(t)), 1e-6))[..., None]
        return to_uint8(colors[0] * (1 - t) + colors[1] * t)

    return paint


def textured(rng: Generator, scale: float, around: Colors | None = None) -> Paint:
    """Paint noise of five octaves through three colours, half of the time woven, lit from above.

    `scale` is how many pixels a unit of the full-sized suite has; `around` is a colour to stay
    near.
    """
    if around is None:
        stops = rng.integers(10, 246, (3, 3)).astype(np.float32)
    else:
        stops = np.clip(around + rng.normal(0, 35, (3, 3)), 0, 255).astype(np.float32)
    weave = rng.uniform(6, 16, 2) * scale if rng.random() < 0.5 else None
    coarse = rng.uniform(40, 140) * scale
    shade = rng.uniform(0.05, 0.25)
    # A texture of its own, whose pixels do not depend on what is drawn after it.
    seed = int(rng.integers(1 << 62))

    def paint(size: Size) -> Rgb:
        field = noise(np.random.default_rng(seed), size, coarse)
        light = np.linspace(1 + shade, 1 - shade, size[0], dtype=np.float32)[:, None]
        if weave is not None:
            y = np.sin(np.arange(size[0]) * (2 * np.pi / max(weave[0], 3)))
            x = np.sin(np.arange(size[1]) * (2 * np.pi / max(weave[1], 3)))
            light = light * (1 + 0.12 * np.outer(y, x).astype(np.float32))
        ramp = np.linspace(0, 1, 256)
        table = np.stack([np.interp(ramp, (0.2, 0.5, 0.8), stops[:, c]) for c in range(3)], -1)
        rgb = table.astype(np.float32)[to_uint8(field * 255)]
        return to_uint8(rgb * np.broadcast_to(light, size)[..., None])

    return paint


def noise(rng: Generator, size: Size, coarse: float) -> Matte:
    """Grow smooth noise (H, W) of 0…1, its coarsest grains `coarse` pixels wide."""
    total = np.zeros(size, np.float32)
    for octave in range(OCTAVES):
        grain = max(1.0, coarse / 2**octave)
        small = [max(2, int(np.ceil(n / grain)) + 1) for n in size]
        grains = rng.random(small, np.float32) - np.float32(0.5)
        total += rescale(grains, size, cv2.INTER_CUBIC) * np.float32(0.5**octave)
    low, high = float(total.min()), float(total.max())
    return np.asarray((total - low) / max(high - low, 1e-6), np.float32)


def split(rng: Generator, upper: Paint, lower: Paint) -> Paint:
    """Paint the upper part one way and the lower part another."""
    where, wave = rng.uniform(0.35, 0.65), rng.uniform(0, 0.06)

    def paint(size: Size) -> Rgb:
        x = np.arange(size[1]) / max(size[1], 1)
        edge = (where + wave * np.sin(9 * x)) * size[0]
        is_upper = np.arange(size[0])[:, None] < edge[None]
        return np.where(is_upper[..., None], upper(size), lower(size))

    return paint


def two_toned(rng: Generator, first: Colors, second: Colors, size: Size) -> tuple[str, Paint]:
    """Pick a pattern of two colours for a thing in a canvas of `size`; give its name and paint."""
    colors = np.stack([first, second])
    width = rng.uniform(0.02, 0.06) * min(size)
    ways: dict[str, Callable[[], Paint]] = {
        "halved": lambda: halved(rng, colors),
        "striped": lambda: striped(rng, colors, max(2.0, width)),
        "checkered": lambda: checkered(colors, max(2, round(width))),
    }
    way = str(rng.choice(list(ways)))
    return way, ways[way]()


def _along(size: Size, angle: float) -> NDArray[np.float32]:
    """How far each pixel (H, W) lies in a direction."""
    y, x = np.arange(size[0], dtype=np.float32), np.arange(size[1], dtype=np.float32)
    return np.asarray(y[:, None] * np.sin(angle) + x[None] * np.cos(angle), np.float32)


def _chosen(is_second: NDArray[np.bool_], colors: Colors) -> Rgb:
    pair = to_uint8(colors)
    return np.asarray(np.where(is_second[..., None], pair[1], pair[0]), np.uint8)
