"""The proof of a stack: it and every file of it must give the picture back bit for bit."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pkgutil import resolve_name

import numpy as np

from birefcli.errors import PictureError
from birefcli.image import Rgba
from birefcli.stack.compositing import clean, composite, composite_with_pillow
from birefcli.stack.formats.table import FORMATS
from birefcli.stack.types import Difference, Stack


def measure_recomposition(stack: Stack, picture: Rgba) -> Difference:
    """Compose a stack in whole numbers and compare it with the picture (H, W, 4)."""
    layers = [layer.rgba for layer in stack.layers]
    difference = compare(picture, composite(stack.background, layers))
    soft = np.zeros(stack.size, np.uint16)
    for layer in layers:
        soft += (layer[..., 3] > 0) & (layer[..., 3] < 255)
    overlap = int(np.count_nonzero(soft > 1))
    return Difference(difference.differing_px, difference.max_abs, overlap)


def compare(picture: Rgba, other: Rgba) -> Difference:
    """Count the pixels that differ between two pictures (H, W, 4).

    The colour of what is transparent in both does not count; of another size, all pixels differ.
    """
    if picture.shape != other.shape:
        return Difference(max(picture.shape[0] * picture.shape[1], 1), 255)
    apart = np.abs(clean(picture).astype(np.int16) - clean(other)).max(2, initial=0)
    return Difference(int(np.count_nonzero(apart)), int(apart.max(initial=0)))


def require_exact(name: str, stack: Stack, picture: Rgba, files: Mapping[str, bytes]) -> None:
    """Raise PictureError unless the stack and every file of it give the picture back.

    `files` are those of one stack folder by their names; `name` is what messages call it.
    """
    for how, compose in _recompositions(stack, files):
        difference = compare(picture, compose())
        if not difference.is_exact:
            raise PictureError(
                f"{name}: laid back {how}, {difference.differing_px} pixels differ by up to "
                f"{difference.max_abs}, so nothing was written; please report it, "
                "or give --no-verify",
                reason="not-exact",
            )


def composite_all(layers: Sequence[Rgba]) -> Rgba:
    """Composite layers (H, W, 4) over the first of them, bottom up."""
    return composite(layers[0], layers[1:])


def _recompositions(
    stack: Stack, files: Mapping[str, bytes]
) -> Iterator[tuple[str, Callable[[], Rgba]]]:
    """Give every way to compose a stack, and its name: from memory, then from what was written."""
    layers = [layer.rgba for layer in stack.layers]
    yield "in whole numbers", lambda: composite(stack.background, layers)
    yield "by Pillow", lambda: composite_with_pillow(stack.background, layers)
    for format in FORMATS:
        own = {name: data for name, data in files.items() if format.wrote(name)}
        if format.read is not None and own:
            read: Callable[[Mapping[str, bytes]], list[Rgba]] = resolve_name(format.read)
            how = f"from {next(iter(own))}" if len(own) == 1 else f"from its {format.name} files"
            yield how, lambda read=read, own=own: composite_all(read(own))  # type: ignore[misc]
