"""Grounds to put objects on, drawn from a generator: flat, graded, patterned, tiled and scenery.

A ground is uint8 (H, W, 3); its size is (height, width).
"""

from collections.abc import Callable
from typing import Protocol

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from birefcli.image import Rgb, Rgba, rescale, to_uint8
from birefcli.matte import Size

# Colours that people key out or export on.
STUDIO_COLORS = ((255, 255, 255), (0, 0, 0), (255, 0, 255), (0, 177, 64), (0, 0, 255), (128,) * 3)


class GroundSupply(Protocol):
    """Where grounds come from when they are pictures rather than drawn."""

    def photo_ground(self, rng: Generator) -> Rgb:
        """Give a photograph (H, W, 3) without a main object."""

    def game_ground(self, rng: Generator) -> Rgb:
        """Give a picture (H, W, 3) of game scenery or a wall."""

    def tile(self, rng: Generator) -> Rgb:
        """Give a small picture (H, W, 3) that repeats."""

    def layer(self, rng: Generator) -> Rgba:
        """Give a scenery layer (H, W, 4): hills, clouds, trees."""


def random_color(rng: Generator) -> NDArray[np.float32]:
    """Pick a colour (3,) on 0…255, often one of those people export sprites on."""
    if rng.random() < 0.35:
        return np.array(STUDIO_COLORS[rng.integers(len(STUDIO_COLORS))], np.float32)
    return rng.integers(0, 256, 3).astype(np.float32)


def flat(size: Size, color: NDArray[np.float32]) -> Rgb:
    """Fill (H, W, 3) with one colour."""
    return np.broadcast_to(np.clip(np.rint(color), 0, 255).astype(np.uint8), (*size, 3)).copy()


def gradient(rng: Generator, size: Size) -> Rgb:
    """Blend two or three colours along a random direction, sometimes in hard bands."""
    h, w = size
    angle = rng.uniform(0, 2 * np.pi)
    ys, xs = np.mgrid[0:h, 0:w].astype(np.float32)
    t = np.cos(angle) * xs / w + np.sin(angle) * ys / h
    t = (t - t.min()) / max(float(np.ptp(t)), 1e-6)
    if rng.random() < 0.25:
        bands = rng.integers(3, 9)
        t = np.floor(t * bands) / bands
    stops = np.stack([random_color(rng) for _ in range(rng.integers(2, 4))])
    where = np.linspace(0, 1, len(stops))
    return np.stack([np.interp(t, where, stops[:, c]) for c in range(3)], -1).astype(np.uint8)


def checker(rng: Generator, size: Size) -> Rgb:
    """Draw a checkerboard: half of them the grey one that pretends to be transparency."""
    cell = int(rng.integers(4, max(5, min(size) // 6)))
    ys, xs = np.mgrid[0 : size[0], 0 : size[1]]
    odd = ((ys // cell + xs // cell) % 2 == 1)[..., None]
    if rng.random() < 0.5:
        light = float(rng.integers(220, 256))
        a, b = np.full(3, light, np.float32), np.full(3, light - rng.integers(20, 70), np.float32)
    else:
        a, b = random_color(rng), random_color(rng)
    return to_uint8(np.where(odd, a, b))


def stripes(rng: Generator, size: Size) -> Rgb:
    """Draw stripes of two colours at a random angle."""
    angle = rng.choice([0, np.pi / 2, rng.uniform(0, np.pi)])
    period = rng.uniform(4, max(8, min(size) / 4))
    ys, xs = np.mgrid[0 : size[0], 0 : size[1]].astype(np.float32)
    odd = (np.floor((np.cos(angle) * xs + np.sin(angle) * ys) / period) % 2 == 0)[..., None]
    return to_uint8(np.where(odd, random_color(rng), random_color(rng)))


def texture(rng: Generator, size: Size) -> Rgb:
    """Draw smooth coloured noise of a random coarseness around a colour."""
    h, w = size
    coarse = float(rng.choice([2, 4, 8, 16, 32]))
    small = (max(2, int(h / coarse)), max(2, int(w / coarse)))
    noise = rng.normal(0, rng.uniform(4, 45), (*small, 1 if rng.random() < 0.6 else 3))
    grown = rescale(noise.astype(np.float32), size, cv2.INTER_CUBIC).reshape(h, w, -1)
    return to_uint8(random_color(rng) + grown)


def tiled(rng: Generator, size: Size, supply: GroundSupply) -> Rgb:
    """Repeat one tile, or lay a floor of two with a few others strewn in."""
    tile = supply.tile(rng)
    th, tw = tile.shape[:2]
    rows, columns = -(-size[0] // th) + 1, -(-size[1] // tw) + 1
    out = np.tile(tile, (rows, columns, 1))
    if rng.random() < 0.5:
        for _ in range(rng.integers(1, 4)):
            other = supply.tile(rng)
            other = rescale(other, (th, tw), cv2.INTER_NEAREST)
            if rng.random() < 0.5:
                at = [
                    (rng.integers(rows), rng.integers(columns)) for _ in range(rng.integers(1, 6))
                ]
            else:
                row = int(rng.integers(rows))
                at = [(row, c) for c in range(columns)]
            for r, c in at:
                out[r * th : (r + 1) * th, c * tw : (c + 1) * tw] = other
    top, left = rng.integers(0, th), rng.integers(0, tw)
    return np.ascontiguousarray(out[top : top + size[0], left : left + size[1]])


def room(rng: Generator, size: Size, supply: GroundSupply) -> Rgb:
    """Lay out a room as games draw it: a floor, walls around or across, and tiles strewn in."""
    floor = supply.tile(rng)
    th, tw = floor.shape[:2]
    rows, columns = -(-size[0] // th) + 1, -(-size[1] // tw) + 1
    kinds = [floor] + [
        rescale(supply.tile(rng), (th, tw), cv2.INTER_NEAREST) for _ in range(rng.integers(1, 5))
    ]
    plan = np.zeros((rows, columns), np.int64)
    for kind in range(1, len(kinds)):
        way = rng.random()
        r, c = int(rng.integers(rows)), int(rng.integers(columns))
        if way < 0.3:
            plan[r : r + int(rng.integers(1, 3))] = kind
        elif way < 0.55:
            plan[:, c : c + int(rng.integers(1, 3))] = kind
        elif way < 0.75:
            plan[r : r + int(rng.integers(2, 6)), c : c + int(rng.integers(2, 6))] = kind
        else:
            plan[rng.random(plan.shape) < rng.uniform(0.02, 0.2)] = kind
    out = np.concatenate([np.concatenate([kinds[k] for k in row], 1) for row in plan], 0)
    top, left = rng.integers(0, th), rng.integers(0, tw)
    return np.ascontiguousarray(out[top : top + size[0], left : left + size[1]])


def lines(rng: Generator, ground: Rgb) -> Rgb:
    """Draw what is no object onto a ground (H, W, 3): thin lines, dots, a grid, or discs."""
    h, w = ground.shape[:2]
    out = np.ascontiguousarray(ground)
    over = out.copy()
    points = (rng.uniform(0, 1, (int(rng.integers(6, 40)), 2)) * [w, h]).astype(np.int32)
    color = tuple(float(c) for c in random_color(rng))
    way = rng.random()
    if way < 0.5:
        near = rng.uniform(0.1, 0.4) * max(h, w)
        for i, a in enumerate(points):
            for b in points[:i]:
                if np.hypot(*(a - b)) < near:
                    cv2.line(over, a.tolist(), b.tolist(), color, 1, cv2.LINE_AA)
            if rng.random() < 0.5:
                cv2.circle(over, a.tolist(), int(rng.integers(1, 4)), color, -1, cv2.LINE_AA)
    elif way < 0.75:
        step = int(rng.integers(8, 60))
        over[::step, :] = color
        over[:, ::step] = color
    else:
        for a in points:
            cv2.circle(over, a.tolist(), int(rng.uniform(0.01, 0.12) * max(h, w)) + 1, color, -1)
        over = to_uint8(cv2.GaussianBlur(over, (0, 0), rng.uniform(1, 6)))
    share = rng.uniform(0.1, 0.6)
    return to_uint8(cv2.addWeighted(over, share, out, 1 - share, 0))


def crop_to(rng: Generator, picture: Rgb, size: Size, *, nearest: bool = False) -> Rgb:
    """Scale a random window of a picture (h, w, 3), of the aspect of `size`, to `size`."""
    h, w = picture.shape[:2]
    scale = min(h / size[0], w / size[1]) * rng.uniform(0.45, 1)
    ch, cw = max(1, int(size[0] * scale)), max(1, int(size[1] * scale))
    top, left = rng.integers(0, h - ch + 1), rng.integers(0, w - cw + 1)
    window = picture[top : top + ch, left : left + cw]
    return rescale(window, size, cv2.INTER_NEAREST if nearest else None)


def scenery(rng: Generator, size: Size, supply: GroundSupply) -> Rgb:
    """Stand scenery layers on a sky: hills, clouds and ground belong to the ground."""
    out = gradient(rng, size) if rng.random() < 0.5 else flat(size, random_color(rng))
    for _ in range(rng.integers(1, 4)):
        layer = supply.layer(rng)
        factor = max(size[0] / layer.shape[0], size[1] / layer.shape[1]) * rng.uniform(0.7, 1.2)
        h, w = (max(1, round(n * factor)) for n in layer.shape[:2])
        layer = rescale(layer, (h, w), cv2.INTER_NEAREST)
        top, left = size[0] - h + int(rng.integers(0, h // 3 + 1)), (size[1] - w) // 2
        y0, x0 = max(top, 0), max(left, 0)
        y1, x1 = min(top + h, size[0]), min(left + w, size[1])
        part = layer[y0 - top : y1 - top, x0 - left : x1 - left].astype(np.float32)
        alpha = part[..., 3:] / 255
        out[y0:y1, x0:x1] = out[y0:y1, x0:x1] * (1 - alpha) + part[..., :3] * alpha
    return out


PLAIN = 2  # how many makers at the head of a list draw plain fields


def pixel_ground(rng: Generator, size: Size, supply: GroundSupply, *, plain: bool = True) -> Rgb:
    """Draw what lies behind pixel art: flat and checkered fields, floors, walls, scenery."""
    makers: list[tuple[float, Callable[[], Rgb]]] = [
        (0.28, lambda: flat(size, random_color(rng))),
        (0.08, lambda: gradient(rng, size)),
        (0.07, lambda: checker(rng, size)),
        (0.03, lambda: stripes(rng, size)),
        (0.19, lambda: tiled(rng, size, supply)),
        (0.12, lambda: room(rng, size, supply)),
        (0.15, lambda: crop_to(rng, supply.game_ground(rng), size, nearest=True)),
        (0.12, lambda: scenery(rng, size, supply)),
    ]
    return _pick(rng, makers if plain else makers[PLAIN:])


def smooth_ground(rng: Generator, size: Size, supply: GroundSupply, *, plain: bool = True) -> Rgb:
    """Draw what lies behind pictures that are not pixel art."""
    makers: list[tuple[float, Callable[[], Rgb]]] = [
        (0.20, lambda: flat(size, random_color(rng))),
        (0.12, lambda: gradient(rng, size)),
        (0.38, lambda: crop_to(rng, supply.photo_ground(rng), size)),
        (0.08, lambda: checker(rng, size)),
        (0.05, lambda: stripes(rng, size)),
        (0.07, lambda: texture(rng, size)),
        (0.10, lambda: crop_to(rng, supply.game_ground(rng), size)),
    ]
    ground = _pick(rng, makers if plain else makers[PLAIN:])
    return lines(rng, ground) if rng.random() < 0.12 else ground


def _pick(rng: Generator, makers: list[tuple[float, Callable[[], Rgb]]]) -> Rgb:
    weights = np.array([weight for weight, _ in makers])
    return makers[rng.choice(len(makers), p=weights / weights.sum())][1]()
