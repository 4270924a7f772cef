"""A picture with its truth, and what may be done to both: windows, turns, noise, compression."""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.random import Generator

from birefcli.image import Alpha as Mask
from birefcli.image import Matte, Rgb, rescale, to_uint8
from birefcli.matte import Size


@dataclass(frozen=True, eq=False)
class Scene:
    """A picture and its truth."""

    rgb: Rgb  # (H, W, 3)
    matte: Matte  # (H, W), 0…1
    # (H, W): 1 where the truth is known, 0 where nobody can say; None where all of it is known.
    known: Matte | None = None
    is_photo: bool = False  # a window of a photograph, with nothing laid onto it


@dataclass(frozen=True, eq=False)
class Photo:
    """A photograph, the mask of its object, and where something unlabelled may be an object too."""

    rgb: Rgb  # (H, W, 3)
    mask: Mask  # (H, W)
    unknown: Mask | None = None  # (H, W), 255 where the mask says nothing

    @property
    def planes(self) -> Mask:
        """Mask and unknown part as planes (H, W, 2), to be cut and turned together."""
        unknown = np.zeros_like(self.mask) if self.unknown is None else self.unknown
        return np.dstack([self.mask, unknown])


def fit(scene: Scene, size: Size) -> Scene:
    """Resize a scene to `size`, averaging when it shrinks, as the network's input is made."""
    if scene.matte.shape == size:
        return scene
    known = None if scene.known is None else rescale(scene.known, size)
    return replace(
        scene, rgb=rescale(scene.rgb, size), matte=rescale(scene.matte, size), known=known
    )


def photo_scene(rng: Generator, size: Size, photo: Photo) -> Scene:
    """Cut a window out of a photograph: whole, random, or close on the head of its object."""
    rgb, mask = photo.rgb, photo.planes
    if rng.random() < 0.5:
        rgb, mask = rgb[:, ::-1], mask[:, ::-1]
    rgb, mask = np.ascontiguousarray(rgb), np.ascontiguousarray(mask)
    if rng.random() < 0.1:
        rgb, mask = _padded(rng, rgb, mask)
    if rng.random() < 0.15:
        rgb, mask = _rotated(rng, rgb, mask)
    way = rng.random()
    if way < 0.45:
        top, left, bottom, right = 0, 0, *mask.shape[:2]
    elif way < 0.63:
        top, left, bottom, right = _portrait_window(rng, mask[..., 0], size)
    else:
        top, left, bottom, right = _random_window(rng, mask[..., 0], size)
    window = Scene(
        np.ascontiguousarray(rgb[top:bottom, left:right]),
        mask[top:bottom, left:right, 0].astype(np.float32) / np.float32(255),
        1 - mask[top:bottom, left:right, 1].astype(np.float32) / np.float32(255),
        is_photo=True,
    )
    return fit(window, size)


def _padded(rng: Generator, rgb: Rgb, mask: Mask) -> tuple[Rgb, Mask]:
    h, w = mask.shape[:2]
    top, bottom, left, right = (int(p) for p in rng.uniform(0, 0.2, 4) * [h, h, w, w])
    border = int(rng.choice([cv2.BORDER_REFLECT_101, cv2.BORDER_REPLICATE]))
    return (
        to_uint8(cv2.copyMakeBorder(rgb, top, bottom, left, right, border)),
        to_uint8(cv2.copyMakeBorder(mask, top, bottom, left, right, border)),
    )


def _rotated(rng: Generator, rgb: Rgb, mask: Mask) -> tuple[Rgb, Mask]:
    h, w = mask.shape[:2]
    turn = cv2.getRotationMatrix2D((w / 2, h / 2), rng.uniform(-18, 18), rng.uniform(1, 1.25))
    return (
        to_uint8(cv2.warpAffine(rgb, turn, (w, h), borderMode=cv2.BORDER_REFLECT_101)),
        to_uint8(cv2.warpAffine(mask, turn, (w, h), borderMode=cv2.BORDER_REFLECT_101)),
    )


def _random_window(rng: Generator, mask: Mask, size: Size) -> tuple[int, int, int, int]:
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


def _portrait_window(rng: Generator, mask: Mask, size: Size) -> tuple[int, int, int, int]:
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


def distort(rng: Generator, scene: Scene, *, jpeg: float) -> Scene:
    """Change brightness, contrast and colour, blur, add noise, compress; the truth stays."""
    rgb = scene.rgb
    if rng.random() < 0.6:
        gain = rng.uniform(0.7, 1.3) * rng.uniform(0.93, 1.07, 3)
        # Of a byte there are only 256 values: a table of them (256, 3) instead of all pixels.
        levels = (np.arange(256.0)[:, None] - 128) * gain + 128 + rng.uniform(-28, 28)
        table = np.clip(levels, 0, 255).astype(np.uint8)
        rgb = np.asarray(cv2.LUT(np.ascontiguousarray(rgb), table[None]), np.uint8)
    if rng.random() < 0.06:
        rgb = np.repeat(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)[..., None], 3, -1)
    if rng.random() < 0.1:
        rgb = to_uint8(cv2.GaussianBlur(rgb, (0, 0), rng.uniform(0.4, 1.4)))
    if rng.random() < 0.1:
        noise = rng.normal(0, rng.uniform(2, 14), rgb.shape)
        rgb = np.clip(rgb + noise, 0, 255).astype(np.uint8)
    if rng.random() < jpeg:
        quality = int(rng.integers(35, 95))
        rgb = compressed(rgb, quality)
    return replace(scene, rgb=np.ascontiguousarray(rgb))


def compressed(rgb: Rgb, quality: int) -> Rgb:
    """Take a picture (H, W, 3) through JPEG of a quality 0…100 and back."""
    bgr = np.ascontiguousarray(rgb[..., ::-1])
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert decoded is not None
    return to_uint8(decoded[..., ::-1])
