"""Pictures that explain a stack: its layers pulled apart, and every step with its evidence."""

from collections.abc import Sequence

import numpy as np

from birefcli.image import Rgb, Rgba, Row, encode, page, shrunk
from birefcli.matte import checkerboard, over8
from birefcli.stack.formats.exploded import draw_exploded
from birefcli.stack.trimmed_layers import TrimmedLayer
from birefcli.stack.types import Evidence, Stack


def explain(stack: Stack, picture: Rgba, layers: Sequence[TrimmedLayer]) -> dict[str, bytes]:
    """Encode explain/exploded.webp and, where there are layers, explain/steps.webp, by name.

    `picture` (H, W, 4) is what the stack was peeled from.
    """
    files = {"explain/exploded.webp": encode(draw_exploded(stack), "webp", quality=90)}
    if stack.layers:
        files["explain/steps.webp"] = encode(steps(stack, picture, layers), "webp")
    return files


def steps(stack: Stack, picture: Rgba, layers: Sequence[TrimmedLayer]) -> Rgb:
    """Draw a page (h, w, 3) of a row for every layer, the first that came off on top.

    A row shows the picture before, the layer's alpha, the layer, and the picture after.
    """
    above = picture[..., :3]
    rows = []
    # Layers came off from the nearest on; what lay under one is what the next came off.
    for i in reversed(range(len(stack.layers))):
        rgba = stack.layers[i].rgba
        below = stack.bottoms[i] if i < len(stack.bottoms) else stack.background[..., :3]
        matte = np.repeat(rgba[..., 3:], 3, 2)
        squares = checkerboard(stack.size, max(8, max(stack.size) // 30))
        cells = (above, matte, over8(rgba, squares), below)
        caption = f"{layers[i + 1].stem}: {evidence_words(stack.layers[i].evidence)}"
        rows.append(Row(caption, tuple(shrunk(cell) for cell in cells)))
        above = below
    return page(rows)


def evidence_words(evidence: Evidence) -> str:
    """Return a line of the numbers that a layer was decided by."""
    words = [f"pass {evidence.step}", f"matte {evidence.confidence:.2f}"]
    words += [f"{vote.score:+.2f} against {vote.other}" for vote in evidence.votes]
    words.append(f"hole {evidence.hole.px} px (core {evidence.hole.core_px})")
    if evidence.fill:
        words.append(f"filled by {evidence.fill.backend}")
    return ", ".join(words)
