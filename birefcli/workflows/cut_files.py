"""The arrays of results as the bytes of picture files."""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from birefcli.image import Animation, Picture, Rgba, encode, write_frames
from birefcli.settings import CutSettings, Format

_STILLS: dict[Format, Literal["png", "webp", "jpg"]] = {
    Format.PNG: "png",
    Format.WEBP: "webp",
    Format.JPG: "jpg",
}


def encode_still(
    array: NDArray[Any], format: Format, picture: Picture, settings: CutSettings
) -> bytes:
    """Encode grey (H, W), RGB or RGBA; only colours keep the source's profile.

    A gif has no soft edges: alpha from 128 on is solid.
    """
    if format not in _STILLS:
        return write_frames(Animation((as_rgba(array),), (0,), loop=1), "gif")
    return encode(
        array,
        _STILLS[format],
        icc=picture.icc if array.ndim == 3 else None,
        dpi=picture.dpi,
        quality=settings.quality,
        png_level=settings.png_level,
    )


def as_rgba(array: NDArray[Any]) -> Rgba:
    """Give grey (H, W), RGB or RGBA as RGBA (H, W, 4)."""
    if array.ndim == 2:
        array = np.repeat(array[..., None], 3, axis=2)
    if array.shape[2] == 4:
        return array
    return np.dstack([array, np.full(array.shape[:2], 255, np.uint8)])
