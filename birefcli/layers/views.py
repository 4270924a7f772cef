"""Pictures that explain a stack: its layers pulled apart, and every step with its evidence."""

from collections.abc import Sequence

import cv2
import numpy as np

from birefcli.arrays import Rgb, Rgba
from birefcli.foreground import checkerboard, over8
from birefcli.gallery import Row, page, shrunk
from birefcli.imagefile import encode
from birefcli.layers.pieces import Piece
from birefcli.layers.preview import scaled
from birefcli.peel.stack import Evidence, Stack

SIDE = 360  # pixels of a card's long side
_SLANT = 0.16  # how far a card's far edge rises, of its width
_NARROW = 0.62  # how much of its width a card shows
_FRAME = (120, 120, 128, 255)
_PAPER = (250, 250, 250)


def explain(stack: Stack, picture: Rgba, pieces: Sequence[Piece]) -> dict[str, bytes]:
    """Give explain/exploded.webp and, where there are layers, explain/steps.webp."""
    files = {"explain/exploded.webp": encode(exploded(stack), "webp")}
    if stack.layers:
        files["explain/steps.webp"] = encode(steps(stack, picture, pieces), "webp")
    return files


def exploded(stack: Stack, side: int = SIDE) -> Rgb:
    """Draw all layers as cards that stand behind one another, the nearest in front (h, w, 3)."""
    cards = [_card(rgba) for rgba in scaled(stack, side, tints=False)]
    height, width = cards[0].shape[:2]
    rise = round(_SLANT * width)
    step_x, step_y = round(width * 0.5), round(height * 0.1)
    across = round(width * _NARROW)
    behind = len(cards) - 1
    size = (height + rise + behind * step_y + 24, across + behind * step_x + 24)
    sheet = np.full((*size, 3), _PAPER, np.uint8)
    corners = np.array([[0, 0], [width, 0], [0, height]], np.float32)
    for i, card in enumerate(cards):
        left, top = 12 + i * step_x, 12 + i * step_y
        stands = np.array(
            [[left, top + rise], [left + across, top], [left, top + rise + height]], np.float32
        )
        placed = cv2.warpAffine(
            _weighed(card),
            cv2.getAffineTransform(corners, stands),
            (size[1], size[0]),
            flags=cv2.INTER_LINEAR,
        )
        alpha = placed[..., 3:] / 255
        sheet = np.clip(np.rint(placed[..., :3] + (1 - alpha) * sheet), 0, 255).astype(np.uint8)
    return sheet


def steps(stack: Stack, picture: Rgba, pieces: Sequence[Piece]) -> Rgb:
    """Draw a row for every layer, the first that came off on top: before, matte, layer, after."""
    above = picture[..., :3]
    rows = []
    # Layers came off from the nearest on; what lay under one is what the next came off.
    for i in reversed(range(len(stack.layers))):
        layer = stack.layers[i].rgba
        below = stack.bottoms[i] if i < len(stack.bottoms) else stack.background[..., :3]
        matte = np.repeat(layer[..., 3:], 3, 2)
        squares = checkerboard(stack.size, max(8, max(stack.size) // 30))
        cells = (above, matte, over8(layer, squares), below)
        caption = f"{pieces[i + 1].stem}: {evidence_words(stack.layers[i].evidence)}"
        rows.append(Row(caption, tuple(shrunk(cell) for cell in cells)))
        above = below
    return page(rows)


def evidence_words(evidence: Evidence) -> str:
    """Say in a line why a layer is what it is."""
    words = [f"pass {evidence.step}", f"matte {evidence.confidence:.2f}"]
    words += [f"{vote.score:+.2f} against {vote.other}" for vote in evidence.votes]
    words.append(f"hole {evidence.hole.px} px (core {evidence.hole.core_px})")
    if evidence.fill:
        words.append(f"filled by {evidence.fill.backend}")
    return ", ".join(words)


def _card(rgba: Rgba) -> Rgba:
    """Lay a layer on a faint pane with a frame, so that its place on the canvas shows."""
    card = rgba.astype(np.float32)
    pane = np.zeros_like(card)
    pane[...] = (200, 205, 215, 28)
    share = card[..., 3:] / 255
    alpha = card[..., 3:] + pane[..., 3:] * (1 - share)
    color = (card[..., :3] * card[..., 3:] + pane[..., :3] * pane[..., 3:] * (1 - share)) / alpha
    whole = np.rint(np.dstack([color, alpha])).astype(np.uint8)
    for edge in (np.s_[:1], np.s_[-1:], np.s_[:, :1], np.s_[:, -1:]):
        whole[edge] = _FRAME
    return whole


def _weighed(rgba: Rgba) -> np.ndarray:
    """Multiply colour by alpha, as warping needs it."""
    values = rgba.astype(np.float32)
    values[..., :3] *= values[..., 3:] / 255
    return values
