"""Synthetic scenes for training: photographs, sprites on grounds, and empty grounds."""

from collections.abc import Sequence
from typing import Protocol

import cv2
import numpy as np
from numpy.random import Generator

from birefcli.image import Matte, Rgb, Rgba, rescale, to_uint8
from birefcli.matte import Size
from birefcli.scenes import grounds
from birefcli.scenes.grounds import GroundSupply
from birefcli.scenes.scene import Photo, Scene, fit

# Of the scenes of pixel art: sprites and ground on one grid, as in a game; else each has its own.
ON_ONE_GRID = 0.5


class Supply(GroundSupply, Protocol):
    """Where the parts of a scene come from."""

    def photo(self, rng: Generator) -> Photo:
        """Give a photograph and the mask of its object."""

    def pixel_sprite(self, rng: Generator) -> Rgba:
        """Give a piece of pixel art (H, W, 4)."""

    def smooth_sprite(self, rng: Generator) -> Rgba:
        """Give a drawn, rendered or photographed cut-out (H, W, 4)."""


# ---- nothing ---------------------------------------------------------------------------------


def empty_scene(rng: Generator, size: Size, supply: Supply) -> Scene:
    """Draw a ground with no object on it."""
    way = rng.random()
    if way < 0.35:
        # Walls and scenery hold lamps, signs and stains that are no objects.
        small = _source_size(rng, size, pixel=True)
        rgb = grounds.crop_to(rng, supply.game_ground(rng), small, nearest=True)
        rgb = rescale(rgb, size, cv2.INTER_NEAREST)
    elif way < 0.6:
        small = _source_size(rng, size, pixel=True)
        rgb = grounds.pixel_ground(rng, small, supply, plain=rng.random() < 0.15)
        rgb = rescale(rgb, size, cv2.INTER_NEAREST)
    elif way < 0.72:
        rgb = grounds.crop_to(rng, supply.photo_ground(rng), size)
        if rng.random() < 0.15:
            rgb = grounds.lines(rng, rgb)
    elif way < 0.82:
        rgb = bare_part(rng, size, supply)
    else:
        rgb = grounds.smooth_ground(rng, size, supply, plain=rng.random() < 0.3)
    return Scene(rgb, np.zeros(size, np.float32))


def bare_part(rng: Generator, size: Size, supply: Supply) -> Rgb:
    """Cut a part (H, W, 3) without anything labelled out of a photograph, else draw a ground."""
    for _ in range(4):
        photo = supply.photo(rng)
        taken = photo.planes.max(-1)
        h, w = taken.shape
        share = rng.uniform(0.3, 0.8)
        ch = max(16, int(h * share))
        cw = min(w, max(16, int(ch * size[1] / size[0])))
        top, left = int(rng.integers(0, h - ch + 1)), int(rng.integers(0, w - cw + 1))
        if taken[top : top + ch, left : left + cw].max() < 40:
            return rescale(photo.rgb[top : top + ch, left : left + cw], size)
    return grounds.crop_to(rng, supply.photo_ground(rng), size)


# ---- sprites on grounds ----------------------------------------------------------------------


def pixel_scene(
    rng: Generator, size: Size, supply: Supply, same_color: float = 0.0, plain: float = 1.0
) -> Scene:
    """Compose pixel art at its own size, blow it up by a whole factor, and fit it to `size`."""
    sprites = [supply.pixel_sprite(rng) for _ in range(rng.choice([1, 2, 3], p=[0.6, 0.28, 0.12]))]
    if rng.random() < ON_ONE_GRID:
        small = _grid_size(rng, size, sprites)
        placed = [_varied(rng, sprite) for sprite in sprites]
    else:
        small = _source_size(rng, size, pixel=True)
        factor = rng.uniform(0.25, 0.95) if len(sprites) == 1 else rng.uniform(0.2, 0.65)
        placed = [_pixel_fit(rng, sprite, small, factor) for sprite in sprites]
    if rng.random() < same_color:
        ground = own_color_ground(rng, small, placed)
    else:
        ground = grounds.pixel_ground(rng, small, supply, plain=rng.random() < plain)
    scene = lay(rng, ground, placed, shadow=0.12)
    scale = max(1, round(size[0] / small[0]))
    large = small[0] * scale, small[1] * scale
    nearest = cv2.INTER_NEAREST
    grown = Scene(rescale(scene.rgb, large, nearest), rescale(scene.matte, large, nearest))
    return fit(grown, size)


def smooth_scene(
    rng: Generator, size: Size, supply: Supply, same_color: float = 0.0, plain: float = 1.0
) -> Scene:
    """Compose drawn, rendered and photographed cut-outs, and now and then a bare shape."""
    canvas = _source_size(rng, size, pixel=False)
    count = rng.choice([1, 2, 3, 4], p=[0.55, 0.26, 0.13, 0.06])
    placed = []
    for _ in range(count):
        way = rng.random()
        if way < 0.14:
            sprite = random_shape(rng, canvas, supply)
        elif way < 0.45:
            sprite = photo_cutout(rng, supply)
        else:
            sprite = supply.smooth_sprite(rng)
        large = rng.random() < 0.15 and count == 1
        factor = rng.uniform(1, 1.6) if large else rng.uniform(0.22, 1) / count**0.4
        placed.append(_smooth_fit(rng, sprite, canvas, factor))
    if rng.random() < same_color:
        ground = own_color_ground(rng, canvas, placed)
    else:
        ground = grounds.smooth_ground(rng, canvas, supply, plain=rng.random() < plain)
    return fit(lay(rng, ground, placed, shadow=0.35), size)


def lay(rng: Generator, ground: Rgb, sprites: Sequence[Rgba], *, shadow: float) -> Scene:
    """Lay sprites (h, w, 4) onto a ground (H, W, 3) at random; shadows are no part of the truth."""
    h, w = ground.shape[:2]
    picture = ground.astype(np.float32)
    matte = np.zeros((h, w), np.float32)
    for sprite in sprites:
        sh, sw = sprite.shape[:2]
        # Half of a sprite may hang over the frame, most lie inside.
        slack = 0.5 if rng.random() < 0.3 else 0.0
        top = _place(rng, h, sh, slack)
        left = _place(rng, w, sw, slack)
        y0, x0, y1, x1 = max(top, 0), max(left, 0), min(top + sh, h), min(left + sw, w)
        if y0 >= y1 or x0 >= x1:
            continue
        part = sprite[y0 - top : y1 - top, x0 - left : x1 - left].astype(np.float32)
        alpha: Matte = part[..., 3] / np.float32(255)
        if rng.random() < 0.04:
            alpha = alpha * np.float32(rng.uniform(0.4, 0.9))
        if rng.random() < shadow:
            whole = np.zeros((h, w), np.float32)
            whole[y0:y1, x0:x1] = alpha
            picture *= 1 - _shadow(rng, whole)[..., None]
        # Only under the sprite does anything change.
        below, above = picture[y0:y1, x0:x1], alpha[..., None]
        picture[y0:y1, x0:x1] = below * (1 - above) + part[..., :3] * above
        seen = matte[y0:y1, x0:x1]
        matte[y0:y1, x0:x1] = np.maximum(seen, alpha + seen * (1 - alpha))
    return Scene(to_uint8(picture), np.clip(matte, 0, 1))


def random_shape(rng: Generator, canvas: Size, supply: Supply) -> Rgba:
    """Draw a blob, polygon, ring or line figure (h, w, 4) filled with one material."""
    side = int(max(32, min(canvas) * rng.uniform(0.3, 0.9)))
    mask = np.zeros((side * 2, side * 2), np.uint8)
    centre = np.array([side, side], np.float32)
    spikes = int(rng.integers(3, 12))
    angles = np.sort(rng.uniform(0, 2 * np.pi, spikes))
    radii = rng.uniform(0.35, 0.95, spikes) * side
    points = centre + np.stack([np.cos(angles), np.sin(angles)], -1) * radii[:, None]
    kind = rng.random()
    if kind < 0.35:
        cv2.fillPoly(mask, [points.astype(np.int32)], 255)
    elif kind < 0.6:
        axes = [int(a) for a in rng.uniform(0.3, 0.95, 2) * side]
        cv2.ellipse(mask, (side, side), axes, float(rng.uniform(0, 180)), 0, 360, 255, -1)
    else:
        width = int(max(2, side * rng.uniform(0.03, 0.25)))
        cv2.polylines(mask, [points.astype(np.int32)], bool(rng.random() < 0.7), 255, width)
    if rng.random() < 0.3 and kind < 0.6:
        hole = (centre + rng.normal(0, side * 0.15, 2)).astype(int)
        radius = int(side * rng.uniform(0.08, 0.3))
        cv2.circle(mask, (int(hole[0]), int(hole[1])), radius, 0, -1)
    if rng.random() < 0.5 and kind < 0.6:  # rounding would swallow thin lines
        soft = cv2.GaussianBlur(mask, (0, 0), side * 0.06)
        mask = np.where(soft > 127, 255, 0).astype(np.uint8)
    alpha = rescale(mask, (side, side))
    colour = grounds.smooth_ground(rng, (side, side), supply)
    if rng.random() < 0.4:
        colour = grounds.gradient(rng, (side, side))
    return trim(np.dstack([colour, alpha]))


def trim(sprite: Rgba) -> Rgba:
    """Cut a sprite (H, W, 4) to the box of its alpha; an empty one stays as it is."""
    ys, xs = np.nonzero(sprite[..., 3] > 8)
    if len(ys) == 0:
        return sprite
    return sprite[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1]


def photo_cutout(rng: Generator, supply: Supply) -> Rgba:
    """Cut the object (h, w, 4) out of a photograph, its rim pulled in so that no ground is left."""
    photo = supply.photo(rng)
    rgb, mask = photo.rgb, photo.mask
    soft = cv2.GaussianBlur(cv2.erode(mask, np.ones((3, 3), np.uint8)), (0, 0), 0.8)
    sprite = trim(np.dstack([rgb, soft]))
    if rng.random() < 0.3:  # head and shoulders
        sprite = trim(sprite[: max(16, int(sprite.shape[0] * rng.uniform(0.2, 0.6)))])
    return sprite


def _source_size(rng: Generator, size: Size, *, pixel: bool) -> Size:
    """Pick the size a scene is composed at before it is fitted to the network."""
    if pixel:
        scale = float(rng.choice([1, 2, 3, 4, 6], p=[0.22, 0.24, 0.22, 0.22, 0.1]))
    else:
        scale = 1 / rng.uniform(0.8, 1.4)
    return max(24, round(size[0] / scale)), max(24, round(size[1] / scale))


def _grid_size(rng: Generator, size: Size, sprites: Sequence[Rgba]) -> Size:
    """Pick a canvas of the aspect of `size` on which sprites and ground have pixels of one size."""
    share = max(max(s.shape[0] / size[0], s.shape[1] / size[1]) for s in sprites)
    share = min(1.0, share * rng.uniform(1.2, 3.0) * len(sprites) ** 0.4)
    return max(16, round(size[0] * share)), max(16, round(size[1] * share))


def _varied(rng: Generator, sprite: Rgba) -> Rgba:
    """Flip a sprite, and tint it, now and then."""
    if rng.random() < 0.5:
        sprite = sprite[:, ::-1]
    return _tinted(rng, sprite) if rng.random() < 0.25 else sprite


def _pixel_fit(rng: Generator, sprite: Rgba, canvas: Size, factor: float) -> Rgba:
    """Flip and scale pixel art by a whole factor, so that its own pixels stay squares."""
    if rng.random() < 0.5:
        sprite = sprite[:, ::-1]
    room = min(canvas[0] / sprite.shape[0], canvas[1] / sprite.shape[1]) * factor
    whole = max(1, int(room))
    if room < 0.6:
        every = int(np.ceil(1 / max(room, 0.05)))
        sprite = sprite[::every, ::every]
    sprite = np.repeat(np.repeat(sprite, whole, 0), whole, 1)
    return _tinted(rng, sprite) if rng.random() < 0.25 else sprite


def _smooth_fit(rng: Generator, sprite: Rgba, canvas: Size, factor: float) -> Rgba:
    """Flip, turn, tint and scale a sprite to a share of the canvas."""
    if rng.random() < 0.5:
        sprite = sprite[:, ::-1]
    if rng.random() < 0.35:
        limit = 180 if rng.random() < 0.3 else 30
        sprite = trim(_turned(sprite, rng.uniform(-limit, limit)))
    scale = min(canvas[0] / sprite.shape[0], canvas[1] / sprite.shape[1]) * factor
    h, w = (max(3, round(n * scale)) for n in sprite.shape[:2])
    sprite = rescale(sprite, (h, w))
    return _tinted(rng, sprite) if rng.random() < 0.25 else sprite


def _turned(sprite: Rgba, degrees: float) -> Rgba:
    """Rotate a sprite about its middle inside a square that holds all of it."""
    h, w = sprite.shape[:2]
    side = int(np.ceil(np.hypot(h, w)))
    turn = cv2.getRotationMatrix2D((w / 2, h / 2), degrees, 1)
    turn[:, 2] += (side - w) / 2, (side - h) / 2
    # Colour under transparent pixels must not bleed in: rotate it premultiplied.
    alpha = sprite[..., 3:].astype(np.float32) / 255
    plane = np.dstack([sprite[..., :3] * alpha, alpha * 255]).astype(np.float32)
    turned = np.asarray(cv2.warpAffine(plane, turn, (side, side)))
    rgb = turned[..., :3] / np.maximum(turned[..., 3:] / 255, 1e-3)
    return to_uint8(np.dstack([rgb, turned[..., 3:]]))


def _tinted(rng: Generator, sprite: Rgba) -> Rgba:
    """Turn the hue of a sprite, and its saturation and value a little."""
    hsv = cv2.cvtColor(np.ascontiguousarray(sprite[..., :3]), cv2.COLOR_RGB2HSV).astype(np.float32)
    hsv[..., 0] = (hsv[..., 0] + rng.uniform(0, 180)) % 180
    hsv[..., 1:] = np.clip(hsv[..., 1:] * rng.uniform(0.6, 1.3, 2), 0, 255)
    rgb = cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2RGB)
    return np.dstack([rgb, sprite[..., 3]])


def own_color_ground(rng: Generator, canvas: Size, sprites: Sequence[Rgba]) -> Rgb:
    """Make a ground (H, W, 3) in the colour of a sprite (h, w, 4), or white behind a light one."""
    sprite = sprites[int(rng.integers(len(sprites)))]
    solid = sprite[sprite[..., 3] > 200][:, :3].astype(np.float32)
    if len(solid) == 0:
        return grounds.flat(canvas, grounds.random_color(rng))
    if solid.mean() > 150 and rng.random() < 0.5:
        return grounds.flat(canvas, np.full(3, rng.uniform(245, 255), np.float32))
    color = solid.mean(0) if rng.random() < 0.6 else solid[rng.integers(len(solid))]
    return grounds.flat(canvas, color + rng.normal(0, 10, 3).astype(np.float32))


def _place(rng: Generator, room: int, length: int, slack: float) -> int:
    """Pick where something of `length` starts in `room`; it may hang over by `slack` of itself."""
    low = min(0, room - length) - int(slack * length)
    high = max(0, room - length) + int(slack * length)
    return int(rng.integers(low, high + 1))


def _shadow(rng: Generator, alpha: Matte) -> Matte:
    """Throw a soft shadow of a matte to one side, or a flat ellipse under it."""
    h, w = alpha.shape
    strength = np.float32(rng.uniform(0.15, 0.6))
    if rng.random() < 0.35:
        ys, xs = np.nonzero(alpha > 0.5)
        if len(ys):
            spot = np.zeros_like(alpha)
            half = max(2, int(xs.max() - xs.min()) // 2)
            centre = (int(xs.min()) + half, int(ys.max()))
            cv2.ellipse(spot, centre, (half, max(1, half // 4)), 0, 0, 360, 1.0, -1)
            return _softened(spot, max(0.6, half * 0.1)) * strength
    shift = rng.uniform(-0.08, 0.08, 2) * [w, h]
    move = np.array([[1, 0, shift[0]], [0, 1, shift[1]]], np.float32)
    moved = np.asarray(cv2.warpAffine(alpha, move, (w, h)), np.float32)
    return _softened(moved, rng.uniform(0.6, 0.03 * max(h, w) + 0.7)) * strength


def _softened(matte: Matte, sigma: float) -> Matte:
    return np.asarray(cv2.GaussianBlur(matte, (0, 0), sigma), np.float32)
