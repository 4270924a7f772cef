"""The proof of a stack: laid back by every way, it must give the picture bit for bit."""

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from birefcli.errors import PictureError
from birefcli.image.types import Rgba
from birefcli.stack.compositing import clean, lay, lay_with_pillow
from birefcli.stack.formats.ora import read_ora
from birefcli.stack.formats.psd_read import read_psd
from birefcli.stack.provenance import Verdict
from birefcli.stack.read import read_files
from birefcli.stack.types import Stack


def judge(stack: Stack, picture: Rgba) -> Verdict:
    """Lay a stack back in whole numbers and compare it with the picture (H, W, 4)."""
    layers = [layer.rgba for layer in stack.layers]
    verdict = compare(picture, lay(stack.background, layers))
    soft = np.zeros(stack.size, np.uint16)
    for layer in layers:
        soft += (layer[..., 3] > 0) & (layer[..., 3] < 255)
    return Verdict(verdict.differing_px, verdict.max_abs, int(np.count_nonzero(soft > 1)))


def compare(picture: Rgba, other: Rgba) -> Verdict:
    """Count the pixels that differ; the colour of what is transparent in both is none."""
    if picture.shape != other.shape:
        return Verdict(max(picture.shape[0] * picture.shape[1], 1), 255)
    apart = np.abs(clean(picture).astype(np.int16) - clean(other)).max(2, initial=0)
    return Verdict(int(np.count_nonzero(apart)), int(apart.max(initial=0)))


def require_exact(name: str, stack: Stack, picture: Rgba, files: Mapping[str, bytes]) -> None:
    """Raise PictureError unless the stack and every file of it give the picture back.

    `files` are those of one stack folder by their names; `name` is what messages call it.
    """
    for way, recompose in _ways(stack, files):
        verdict = compare(picture, recompose())
        if not verdict.is_exact:
            raise PictureError(
                f"{name}: laid back {way}, {verdict.differing_px} pixels differ by up to "
                f"{verdict.max_abs}, so nothing was written; please report it, or give --no-verify",
                reason="not-exact",
            )


def _ways(stack: Stack, files: Mapping[str, bytes]) -> Iterator[tuple[str, Callable[[], Rgba]]]:
    """Give every way to lay a stack back, and its name."""
    layers = [layer.rgba for layer in stack.layers]
    yield "in whole numbers", lambda: lay(stack.background, layers)
    yield "by Pillow", lambda: lay_with_pillow(stack.background, layers)

    def again(stack: Stack) -> Rgba:
        return lay(stack.background, [layer.rgba for layer in stack.layers])

    yield "from its layers' files", lambda: again(read_files(files).stack)
    for name, data in files.items():
        if name.endswith(".ora"):
            yield f"from {name}", lambda data=data: lay_all(read_ora(data))  # type: ignore[misc]
        elif name.endswith((".psd", ".psb")):
            yield f"from {name}", lambda data=data: lay_all(read_psd(data))  # type: ignore[misc]


def lay_all(layers: list[Rgba]) -> Rgba:
    """Lay layers (H, W, 4) over the first of them."""
    return lay(layers[0], layers[1:])
