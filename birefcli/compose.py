"""Synthetic scenes for training: photographs, sprites on grounds, and pictures of nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from birefcli import grounds
from birefcli.grounds import GroundSupply, Rgb, Rgba, Size

Matte = NDArray[np.float32]


class Supply(GroundSupply, Protocol):
    """Where the parts of a scene come from."""

    def photo(self, rng: Generator) -> tuple[Rgb, NDArray[np.uint8]]:
        """Give a photograph (H, W, 3) and its mask (H, W)."""

    def pixel_sprite(self, rng: Generator) -> Rgba:
        """Give a piece of pixel art with alpha."""

    def smooth_sprite(self, rng: Generator) -> Rgba:
        """Give a drawn, rendered or photographed cut-out with alpha."""


@dataclass(frozen=True, kw_only=True)
class Mixture:
    """How often each kind of sample is drawn; the rest are smooth compositions."""

    photo: float = 0.38
    empty: float = 0.08
    pixel: float = 0.26
    same_color: float = 0.12  # of the composed ones: the ground has the object's own colour


@dataclass(frozen=True, eq=False)
class Scene:
    """A picture and its truth."""

    rgb: Rgb  # (H, W, 3)
    matte: Matte  # (H, W), 0…1


def draw_sample(rng: Generator, size: Size, supply: Supply, mixture: Mixture) -> Scene:
    """Draw one training sample of `size` (height, width); the same generator gives the same one."""
    kind = rng.random()
    if kind < mixture.photo:
        return distort(rng, photo_scene(rng, size, supply), jpeg=0.25)
    if kind < mixture.photo + mixture.empty:
        return distort(rng, empty_scene(rng, size, supply), jpeg=0.25)
    if kind < mixture.photo + mixture.empty + mixture.pixel:
        return distort(rng, pixel_scene(rng, size, supply, mixture), jpeg=0.15)
    return distort(rng, smooth_scene(rng, size, supply, mixture), jpeg=0.35)


def fit(scene: Scene, size: Size) -> Scene:
    """Resize a scene to `size`, averaging when it shrinks, as the network's input is made."""
    if scene.matte.shape == size:
        return scene
    h, w = scene.matte.shape
    how = cv2.INTER_AREA if h > size[0] or w > size[1] else cv2.INTER_LINEAR
    target = (size[1], size[0])
    return Scene(
        cv2.resize(scene.rgb, target, interpolation=how),
        cv2.resize(scene.matte, target, interpolation=how),
    )


# ---- photographs -----------------------------------------------------------------------------


def photo_scene(rng: Generator, size: Size, supply: Supply) -> Scene:
    """Cut a window out of a photograph: whole, random, or close on the head of its object."""
    rgb, mask = supply.photo(rng)
    if rng.random() < 0.5:
        rgb, mask = rgb[:, ::-1], mask[:, ::-1]
    rgb, mask = np.ascontiguousarray(rgb), np.ascontiguousarray(mask)
    if rng.random() < 0.1:
        rgb, mask = _padded(rng, rgb, mask)
    if rng.random() < 0.15:
        rgb, mask = _rotated(rng, rgb, mask)
    way = rng.random()
    if way < 0.45:
        top, left, bottom, right = 0, 0, *mask.shape
    elif way < 0.63:
        top, left, bottom, right = _portrait_window(rng, mask, size)
    else:
        top, left, bottom, right = _random_window(rng, mask, size)
    window = Scene(
        np.ascontiguousarray(rgb[top:bottom, left:right]),
        mask[top:bottom, left:right].astype(np.float32) / 255,
    )
    return fit(window, size)


def _padded(rng: Generator, rgb: Rgb, mask: NDArray[np.uint8]) -> tuple[Rgb, NDArray[np.uint8]]:
    h, w = mask.shape
    top, bottom, left, right = (int(p) for p in rng.uniform(0, 0.2, 4) * [h, h, w, w])
    border = int(rng.choice([cv2.BORDER_REFLECT_101, cv2.BORDER_REPLICATE]))
    return (
        cv2.copyMakeBorder(rgb, top, bottom, left, right, border),
        cv2.copyMakeBorder(mask, top, bottom, left, right, border),
    )


def _rotated(rng: Generator, rgb: Rgb, mask: NDArray[np.uint8]) -> tuple[Rgb, NDArray[np.uint8]]:
    h, w = mask.shape
    turn = cv2.getRotationMatrix2D((w / 2, h / 2), rng.uniform(-18, 18), rng.uniform(1, 1.25))
    return (
        cv2.warpAffine(rgb, turn, (w, h), borderMode=cv2.BORDER_REFLECT_101),
        cv2.warpAffine(mask, turn, (w, h), borderMode=cv2.BORDER_REFLECT_101),
    )


def _random_window(
    rng: Generator, mask: NDArray[np.uint8], size: Size
) -> tuple[int, int, int, int]:
    """Pick a window of about the aspect of `size` that shows part of the object."""
    h, w = mask.shape
    for _ in range(6):
        area = rng.uniform(0.2, 1.0)
        aspect = size[1] / size[0] * np.exp(rng.uniform(-0.2, 0.2))
        ch = min(h, max(16, round(np.sqrt(area * h * w / aspect))))
        cw = min(w, max(16, round(ch * aspect)))
        top, left = int(rng.integers(0, h - ch + 1)), int(rng.integers(0, w - cw + 1))
        if mask[top : top + ch, left : left + cw].mean() > 0.03 * 255:
            return top, left, top + ch, left + cw
    return 0, 0, h, w


def _portrait_window(
    rng: Generator, mask: NDArray[np.uint8], size: Size
) -> tuple[int, int, int, int]:
    """Pick a window close on the upper part of the object, cut off by the frame below."""
    h, w = mask.shape
    ys, xs = np.nonzero(mask > 127)
    if len(ys) == 0:
        return 0, 0, h, w
    top, height = int(ys.min()), int(ys.max() - ys.min() + 1)
    part = max(24, int(height * rng.uniform(0.22, 0.6)))
    upper = xs[ys < top + part]
    centre = int(upper.mean()) + int(rng.normal(0, part * 0.15))
    y0 = max(0, top - int(part * rng.uniform(0, 0.4)))
    y1 = min(h, top + part)
    half = max(16, int((y1 - y0) * size[1] / size[0] * rng.uniform(0.45, 0.65)))
    return y0, max(0, centre - half), y1, min(w, max(centre + half, 32))


# ---- nothing ---------------------------------------------------------------------------------


def empty_scene(rng: Generator, size: Size, supply: Supply) -> Scene:
    """Draw a ground with no object on it."""
    if rng.random() < 0.45:
        small = _source_size(rng, size, pixel=True)
        rgb = grounds.pixel_ground(rng, small, supply, plain=rng.random() < 0.15)
        rgb = cv2.resize(rgb, (size[1], size[0]), interpolation=cv2.INTER_NEAREST)
    elif rng.random() < 0.5:
        rgb = grounds.crop_to(rng, supply.photo_ground(rng), size)
    else:
        rgb = grounds.smooth_ground(rng, size, supply, plain=rng.random() < 0.3)
    return Scene(rgb, np.zeros(size, np.float32))


# ---- sprites on grounds ----------------------------------------------------------------------


def pixel_scene(rng: Generator, size: Size, supply: Supply, mixture: Mixture) -> Scene:
    """Compose pixel art at its own size, blow it up by a whole factor, and fit it to `size`."""
    small = _source_size(rng, size, pixel=True)
    sprites = [supply.pixel_sprite(rng) for _ in range(rng.choice([1, 2, 3], p=[0.6, 0.28, 0.12]))]
    factor = rng.uniform(0.25, 0.95) if len(sprites) == 1 else rng.uniform(0.2, 0.65)
    placed = [_pixel_fit(rng, sprite, small, factor) for sprite in sprites]
    ground = _ground_for(rng, small, placed, mixture, grounds.pixel_ground, supply)
    scene = lay(rng, ground, placed, shadow=0.12)
    scale = max(1, round(size[0] / small[0]))
    grown = Scene(
        cv2.resize(scene.rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_NEAREST),
        cv2.resize(scene.matte, None, fx=scale, fy=scale, interpolation=cv2.INTER_NEAREST),
    )
    return fit(grown, size)


def smooth_scene(rng: Generator, size: Size, supply: Supply, mixture: Mixture) -> Scene:
    """Compose drawn, rendered and photographed cut-outs, and now and then a bare shape."""
    canvas = _source_size(rng, size, pixel=False)
    count = rng.choice([1, 2, 3, 4], p=[0.55, 0.26, 0.13, 0.06])
    placed = []
    for _ in range(count):
        way = rng.random()
        if way < 0.14:
            sprite = random_shape(rng, canvas, supply)
        elif way < 0.45:
            sprite = _photo_cutout(rng, supply)
        else:
            sprite = supply.smooth_sprite(rng)
        large = rng.random() < 0.12 and count == 1
        factor = rng.uniform(1, 1.6) if large else rng.uniform(0.22, 1) / count**0.4
        placed.append(_smooth_fit(rng, sprite, canvas, factor))
    ground = _ground_for(rng, canvas, placed, mixture, grounds.smooth_ground, supply)
    return fit(lay(rng, ground, placed, shadow=0.35), size)


def lay(rng: Generator, ground: Rgb, sprites: Sequence[Rgba], *, shadow: float) -> Scene:
    """Lay sprites onto a ground at random places; shadows darken the ground and are not object."""
    h, w = ground.shape[:2]
    picture = ground.astype(np.float32)
    matte = np.zeros((h, w), np.float32)
    for sprite in sprites:
        sh, sw = sprite.shape[:2]
        # Half of a sprite may hang over the frame, most lie inside.
        slack = 0.4 if rng.random() < 0.2 else 0.0
        top = _place(rng, h, sh, slack)
        left = _place(rng, w, sw, slack)
        full = np.zeros((h, w, 4), np.float32)
        y0, x0, y1, x1 = max(top, 0), max(left, 0), min(top + sh, h), min(left + sw, w)
        if y0 >= y1 or x0 >= x1:
            continue
        full[y0:y1, x0:x1] = sprite[y0 - top : y1 - top, x0 - left : x1 - left]
        alpha = full[..., 3] / 255
        if rng.random() < 0.04:
            alpha = alpha * rng.uniform(0.4, 0.9)
        if rng.random() < shadow:
            picture *= 1 - _shadow(rng, alpha)[..., None]
        picture = picture * (1 - alpha[..., None]) + full[..., :3] * alpha[..., None]
        matte = np.maximum(matte, alpha + matte * (1 - alpha))
    return Scene(np.clip(np.rint(picture), 0, 255).astype(np.uint8), np.clip(matte, 0, 1))


def random_shape(rng: Generator, canvas: Size, supply: Supply) -> Rgba:
    """Draw a blob, polygon, ring or line figure filled with one material."""
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
    if rng.random() < 0.5:
        soft = cv2.GaussianBlur(mask, (0, 0), side * 0.06)
        mask = np.where(soft > 127, 255, 0).astype(np.uint8)
    alpha = cv2.resize(mask, (side, side), interpolation=cv2.INTER_AREA)
    colour = grounds.smooth_ground(rng, (side, side), supply)
    if rng.random() < 0.4:
        colour = grounds.gradient(rng, (side, side))
    return trim(np.dstack([colour, alpha]))


def trim(sprite: Rgba) -> Rgba:
    """Cut a sprite to the box of its alpha; an empty one stays as it is."""
    ys, xs = np.nonzero(sprite[..., 3] > 8)
    if len(ys) == 0:
        return sprite
    return sprite[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1]


def _photo_cutout(rng: Generator, supply: Supply) -> Rgba:
    """Cut the object out of a photograph, its rim pulled in so that no ground comes along."""
    rgb, mask = supply.photo(rng)
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


def _pixel_fit(rng: Generator, sprite: Rgba, canvas: Size, factor: float) -> Rgba:
    """Flip and scale pixel art by a whole factor, so that it stays on one grid."""
    if rng.random() < 0.5:
        sprite = sprite[:, ::-1]
    room = min(canvas[0] / sprite.shape[0], canvas[1] / sprite.shape[1]) * factor
    whole = max(1, int(room))
    if room < 0.6:
        shrink = -(-1 // max(room, 0.05))
        sprite = sprite[:: int(shrink), :: int(shrink)]
    sprite = np.repeat(np.repeat(sprite, whole, 0), whole, 1) if whole > 1 else sprite
    return _tinted(rng, sprite) if rng.random() < 0.25 else sprite


def _smooth_fit(rng: Generator, sprite: Rgba, canvas: Size, factor: float) -> Rgba:
    """Flip, turn, tint and scale a sprite to a share of the canvas."""
    if rng.random() < 0.5:
        sprite = sprite[:, ::-1]
    if rng.random() < 0.35:
        sprite = trim(
            _turned(sprite, rng.uniform(-180, 180) if rng.random() < 0.3 else rng.uniform(-30, 30))
        )
    scale = min(canvas[0] / sprite.shape[0], canvas[1] / sprite.shape[1]) * factor
    h, w = (max(3, round(n * scale)) for n in sprite.shape[:2])
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    sprite = cv2.resize(np.ascontiguousarray(sprite), (w, h), interpolation=how)
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
    plane = cv2.warpAffine(plane, turn, (side, side))
    rgb = plane[..., :3] / np.maximum(plane[..., 3:] / 255, 1e-3)
    return np.clip(np.dstack([rgb, plane[..., 3:]]), 0, 255).astype(np.uint8)


def _tinted(rng: Generator, sprite: Rgba) -> Rgba:
    """Turn the hue of a sprite, and its saturation and value a little."""
    hsv = cv2.cvtColor(np.ascontiguousarray(sprite[..., :3]), cv2.COLOR_RGB2HSV).astype(np.float32)
    hsv[..., 0] = (hsv[..., 0] + rng.uniform(0, 180)) % 180
    hsv[..., 1:] = np.clip(hsv[..., 1:] * rng.uniform(0.6, 1.3, 2), 0, 255)
    rgb = cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2RGB)
    return np.dstack([rgb, sprite[..., 3]])


def _ground_for(rng, canvas, sprites, mixture, maker, supply) -> Rgb:  # type: ignore[no-untyped-def]
    """Make a ground; now and then one in the object's own colour, or white behind a light one."""
    if rng.random() >= mixture.same_color:
        made: Rgb = maker(rng, canvas, supply)
        return made
    sprite = sprites[rng.integers(len(sprites))]
    solid = sprite[sprite[..., 3] > 200][:, :3].astype(np.float32)
    if len(solid) == 0:
        return grounds.flat(canvas, grounds.random_color(rng))
    if solid.mean() > 170 and rng.random() < 0.5:
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
    strength = rng.uniform(0.15, 0.6)
    if rng.random() < 0.35:
        ys, xs = np.nonzero(alpha > 0.5)
        if len(ys):
            spot = np.zeros_like(alpha)
            half = max(2, int(xs.max() - xs.min()) // 2)
            centre = (int(xs.min()) + half, int(ys.max()))
            cv2.ellipse(spot, centre, (half, max(1, half // 4)), 0, 0, 360, 1.0, -1)
            return cv2.GaussianBlur(spot, (0, 0), max(0.6, half * 0.1)) * strength
    shift = rng.uniform(-0.08, 0.08, 2) * [w, h]
    move = np.array([[1, 0, shift[0]], [0, 1, shift[1]]], np.float32)
    moved = cv2.warpAffine(alpha, move, (w, h))
    return cv2.GaussianBlur(moved, (0, 0), rng.uniform(0.6, 0.03 * max(h, w) + 0.7)) * strength


# ---- what cameras and files do ---------------------------------------------------------------


def distort(rng: Generator, scene: Scene, *, jpeg: float) -> Scene:
    """Change brightness, contrast and colour, blur, add noise, compress; the truth stays."""
    rgb = scene.rgb
    if rng.random() < 0.6:
        gain = rng.uniform(0.7, 1.3) * rng.uniform(0.93, 1.07, 3)
        rgb = np.clip((rgb - 128.0) * gain + 128 + rng.uniform(-28, 28), 0, 255).astype(np.uint8)
    if rng.random() < 0.06:
        rgb = np.repeat(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)[..., None], 3, -1)
    if rng.random() < 0.1:
        rgb = cv2.GaussianBlur(rgb, (0, 0), rng.uniform(0.4, 1.4))
    if rng.random() < 0.1:
        noise = rng.normal(0, rng.uniform(2, 14), rgb.shape)
        rgb = np.clip(rgb + noise, 0, 255).astype(np.uint8)
    if rng.random() < jpeg:
        quality = int(rng.integers(35, 95))
        rgb = compressed(rgb, quality)
    return Scene(np.ascontiguousarray(rgb), scene.matte)


def compressed(rgb: Rgb, quality: int) -> Rgb:
    """Take a picture through JPEG and back."""
    bgr = np.ascontiguousarray(rgb[..., ::-1])
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.ascontiguousarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1])
