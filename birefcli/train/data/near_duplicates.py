"""Which pictures show the same thing: a difference hash finds candidates, a thumbnail decides."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from birefcli.image import Alpha, Rgb, rescale
from birefcli.scenes import trim

# Two pictures look alike when at most so many of 64 hash bits differ,
BITS = 8
# their thumbnails differ by at most this on average (of 255),
MEAN = 6.0
# in no pixel by more than this,
PEAK = 80
# and their sides' ratios by at most this factor.
ASPECT = 1.1
# A step of grey this small says nothing: flat fields must not give random bits.
_STEP = 2
_SIDE = 16
_ENOUGH = 128  # pixels a side to make the thumbnail from


@dataclass(frozen=True, eq=False)
class Fingerprint:
    """A picture in a few bytes: its hash, a thumbnail (16, 16, 4), and width over height."""

    bits: int
    thumbnail: NDArray[np.uint8]
    aspect: float


def fingerprint(rgb: Rgb, alpha: Alpha | None = None) -> Fingerprint:
    """Describe a picture (H, W, 3) by how it looks; of a sprite only what is visible counts."""
    if alpha is None:
        alpha = np.full(rgb.shape[:2], 255, np.uint8)
    rgba = trim(np.dstack([rgb, alpha]))
    aspect = rgba.shape[1] / rgba.shape[0]
    if max(rgba.shape) > _ENOUGH:
        scale = _ENOUGH / max(rgba.shape)
        height, width = (max(1, round(n * scale)) for n in rgba.shape[:2])
        rgba = rescale(rgba, (height, width))
    visible = rgba[..., 3:].astype(np.float32) / np.float32(255)
    flat = (rgba[..., :3] - np.float32(128)) * visible + 128
    grey = rescale(np.asarray(flat.mean(-1), np.float32), (8, 9))
    rises = np.diff(grey, axis=1) > _STEP
    bits = int.from_bytes(np.packbits(rises).tobytes(), "big")
    plane = np.dstack([flat, rgba[..., 3].astype(np.float32)]).astype(np.float32)
    thumbnail = np.clip(np.rint(rescale(plane, (_SIDE, _SIDE))), 0, 255).astype(np.uint8)
    return Fingerprint(bits, thumbnail, aspect)


def near_duplicate_pairs(pictures: Sequence[Fingerprint]) -> Iterator[tuple[int, int]]:
    """Give the index pairs (i, j), i < j, of pictures that look alike."""
    if len(pictures) < 2:
        return
    bits = np.array([picture.bits for picture in pictures], np.uint64)
    thumbnails = np.stack([picture.thumbnail for picture in pictures])
    aspects = np.log([picture.aspect for picture in pictures])
    for i in range(len(pictures) - 1):
        near = np.bitwise_count(bits[i + 1 :] ^ bits[i]) <= BITS
        near &= np.abs(aspects[i + 1 :] - aspects[i]) <= np.log(ASPECT)
        (others,) = np.nonzero(near)
        if not len(others):
            continue
        gap = np.abs(thumbnails[others + i + 1].astype(np.int16) - thumbnails[i])
        same = (gap.mean((1, 2, 3)) <= MEAN) & (gap.max((1, 2, 3)) <= PEAK)
        yield from ((i, int(j) + i + 1) for j in others[same])
