"""From an animated file to whole frames, or one sentence that says why not."""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np

from birefcli.errors import PictureError
from birefcli.image.animation import apng, gif, webp
from birefcli.image.animation.types import (
    Animation,
    Container,
    Disposal,
    EndsEarlyError,
    Layout,
)
from birefcli.image.decode import Picture, decode, identify, picture_error
from birefcli.image.files import open_picture
from birefcli.image.types import Rgba, to_uint8

_TAKE_APART = {"gif": gif.take_apart, "apng": apng.take_apart, "webp": webp.take_apart}
_FORMATS = {"GIF", "PNG", "WEBP"}


def is_animated(source: Path | bytes) -> bool:
    """Tell whether a file is a GIF, PNG or WebP of several frames; what cannot be read is not.

    Nor is a named pipe, which could be read only once.
    """
    try:
        if isinstance(source, Path) and not source.is_file():
            return False
        with open_picture(source) if isinstance(source, Path) else BytesIO(source) as stream:
            image = identify(stream)
            return image.format in _FORMATS and getattr(image, "n_frames", 1) > 1
    except Exception:
        return False


def read_frames(
    source: Path | bytes, max_pixels: int, *, name: str = "standard input"
) -> Animation:
    """Return all frames of a GIF, PNG or WebP as a viewer shows them; a still has one frame.

    Raise PictureError, one sentence about the file, for whatever goes wrong; that is also more
    than `max_pixels` in all frames together.
    """
    if isinstance(source, Path):
        name = str(source)
        with open_picture(source) as stream:
            source = stream.read()
    try:
        container = _container(source, name)
        layout = _TAKE_APART[container](source)
        _check_size(layout, max_pixels, name)
        return _animation(layout, container, max_pixels, name)
    except EndsEarlyError as error:
        raise PictureError(
            f"{name} is truncated: the file ends before the animation does; copy it again",
            reason="truncated",
        ) from error
    except PictureError:
        raise
    except Exception as error:
        raise picture_error(error, BytesIO(source), name) from error


def blend(over: Rgba, under: Rgba) -> Rgba:
    """Lay straight RGBA over straight RGBA, rounded; what is clear keeps what lies under it."""
    a, b = over[..., 3:].astype(np.float64), under[..., 3:].astype(np.float64)
    share = b * (255 - a) / 255
    alpha = a + share
    mixed = (over[..., :3] * a + under[..., :3] * share) / np.maximum(alpha, 1e-9)
    result = to_uint8(np.concatenate([mixed, alpha], axis=2))
    return np.where(a == 0, under, np.where(a == 255, over, result))


def _container(data: bytes, name: str) -> Container:
    if not data:
        raise PictureError(f"{name} is empty (0 bytes); copy it again", reason="empty-file")
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "gif"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "apng"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "webp"
    raise PictureError(
        f"{name} is no GIF, PNG or WebP, which are the animations that can be read",
        reason="unreadable",
    )


def _check_size(layout: Layout, max_pixels: int, name: str) -> None:
    """Refuse what would not fit, before anything is decoded."""
    if not layout.parts or not layout.width or not layout.height:
        raise ValueError("it holds no frame")
    canvas = layout.width * layout.height
    kept = (*layout.parts, *([layout.poster] if layout.poster else []))
    pixels = sum(max(canvas, part.width * part.height) for part in kept)
    if pixels > max_pixels:
        raise PictureError(
            f"{name} has {len(layout.parts)} frames of {layout.width}x{layout.height}, together"
            f" {pixels / 1e6:.3g} million pixels, more than the {max_pixels / 1e6:g} million"
            " allowed; raise --max-pixels to read it",
            reason="too-large",
        )


def _animation(layout: Layout, container: Container, max_pixels: int, name: str) -> Animation:
    first = (
        decode(BytesIO(layout.parts[0].data), name, max_pixels) if layout.parts[0].data else None
    )
    poster = None
    if layout.poster is not None:
        poster = _rgba(decode(BytesIO(layout.poster.data), name, max_pixels))
    return Animation(
        frames=tuple(_compose(layout, max_pixels, name)),
        durations=tuple(part.duration for part in layout.parts),
        loop=layout.loop,
        container=container,
        palette=layout.palette,
        poster=poster,
        icc=layout.icc or (first.icc if first else None),
        dpi=first.dpi if first else None,
    )


def _compose(layout: Layout, max_pixels: int, name: str) -> Iterator[Rgba]:
    """Draw part after part on a clear canvas; give what it shows each time."""
    canvas = np.zeros((layout.height, layout.width, 4), np.uint8)
    for part in layout.parts:
        before = canvas.copy()
        # A part may reach over the canvas, and only to the right and below.
        place = (
            slice(part.top, min(part.top + part.height, layout.height)),
            slice(part.left, min(part.left + part.width, layout.width)),
        )
        under = canvas[place]
        if under.size and part.data:
            drawn = _rgba(decode(BytesIO(part.data), name, max_pixels))
            drawn = drawn[: under.shape[0], : under.shape[1]]
            canvas[place] = blend(drawn, under) if part.is_blended else drawn
        yield canvas.copy()
        if part.disposal is Disposal.CLEAR:
            canvas[place] = 0
        elif part.disposal is Disposal.RESTORE:
            canvas = before


def _rgba(picture: Picture) -> Rgba:
    alpha = picture.alpha
    if alpha is None:
        alpha = np.full(picture.size, 255, np.uint8)
    return np.dstack([picture.rgb, alpha])
