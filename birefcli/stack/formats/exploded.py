"""The exploded view: a picture beside its layers, which stand behind one another like cards."""

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from birefcli.image import Rgb, Rgba, rescale, to_uint8
from birefcli.stack.compositing import composite
from birefcli.stack.formats.preview import scaled
from birefcli.stack.trimmed_layers import trim_layers
from birefcli.stack.types import Stack

SIDE = 360  # pixels of a card's long side
_FINE = 2  # everything is drawn this much larger first, which smooths slanting edges
_MARGIN = 20
_LABEL = 22  # pixels under a card for its name
_NARROW = 0.72  # how much of its width a card shows
_SLANT = 0.14  # how far a card's far edge rises, of its width
_PAPER = (246, 245, 242)
_INK = (88, 88, 96)
_FRAME = (150, 150, 158, 255)
_RED = (214, 40, 52)
_GLASS = np.array([255, 255, 255, 36], np.float32)
_SHADE = 0.34  # how dark a shadow is

_Floats = npt.NDArray[np.float32]


def draw_exploded(stack: Stack, side: int = SIDE) -> Rgb:
    """Draw the picture, then its background and layers as cards, the nearest in front.

    Return uint8 (h, w, 3); a card has a long side of `side` pixels at most.

    Red stripes show what the layers above hide altogether, so what was made up.
    """
    layers = scaled(stack, side, tints=False)
    picture = composite(layers[0], layers[1:])
    height, width = picture.shape[:2]
    # Wide cards are seen from the side anyway; tall ones need more room between them.
    step_x, step_y = round(0.34 * width + 0.2 * height), round(0.09 * height)
    across, rise = max(1, round(_NARROW * width)), round(_SLANT * width)
    pile = across + _MARGIN
    size = (
        2 * _MARGIN + rise + height + (len(layers) - 1) * step_y + _LABEL,
        2 * _MARGIN + pile + across + (len(layers) - 1) * step_x,
    )
    sheet = np.full((size[0] * _FINE, size[1] * _FINE, 3), _PAPER, np.float32)
    spots = [(_MARGIN, _MARGIN)]
    spots += [(_MARGIN + pile + i * step_x, _MARGIN + i * step_y) for i in range(len(layers))]
    for card, (left, top) in zip((picture, *_striped(layers)), spots, strict=True):
        _set_down(sheet, _standing(_framed(card), across, rise), left * _FINE, top * _FINE)
    names = ["picture", *(layer.stem for layer in trim_layers(stack))]
    feet = [(left, top + rise + height) for left, top in spots]
    return _labelled(to_uint8(rescale(sheet, size)), names, feet)


def _striped(layers: Sequence[Rgba]) -> list[Rgba]:
    """Lay red stripes over the part of every layer that those above it hide altogether."""
    height, width = layers[0].shape[:2]
    y, x = np.indices((height, width))
    is_stripe = (x + y) % 10 < 2
    is_hidden = np.zeros((height, width), bool)
    striped = []
    for layer in reversed(layers):
        is_marked = is_hidden & is_stripe & (layer[..., 3] > 0)
        marked = layer.copy()
        marked[is_marked, :3] = to_uint8(0.55 * layer[is_marked, :3] + 0.45 * np.array(_RED))
        striped.append(marked)
        is_hidden |= layer[..., 3] == 255
    return striped[::-1]


def _framed(card: Rgba) -> _Floats:
    """Lay a layer on a pane of glass with a thin frame; colour is weighed by alpha (h, w, 4)."""
    weighed = _weighed(card.astype(np.float32))
    glassy = weighed + (1 - weighed[..., 3:] / 255) * _weighed(_GLASS)
    large = rescale(
        np.asarray(glassy, np.float32),
        (card.shape[0] * _FINE, card.shape[1] * _FINE),
        cv2.INTER_NEAREST,
    )
    for edge in (np.s_[:_FINE], np.s_[-_FINE:], np.s_[:, :_FINE], np.s_[:, -_FINE:]):
        large[edge] = _FRAME
    return large


def _weighed(rgba: _Floats) -> _Floats:
    """Multiply colour by alpha, as warping and laying need it."""
    share = rgba[..., 3:] / 255
    return np.concatenate([rgba[..., :3] * share, rgba[..., 3:]], axis=-1)


def _standing(card: _Floats, across: int, rise: int) -> _Floats:
    """Turn a card about its near edge, so that its far edge rises (h, w, 4)."""
    height, width = card.shape[:2]
    across, rise = across * _FINE, rise * _FINE
    corners = np.array([[0, 0], [width, 0], [0, height]], np.float32)
    stands = np.array([[0, rise], [across, 0], [0, rise + height]], np.float32)
    turned = cv2.warpAffine(card, cv2.getAffineTransform(corners, stands), (across, rise + height))
    return np.asarray(turned, np.float32)


def _set_down(sheet: _Floats, card: _Floats, left: int, top: int) -> None:
    """Draw a card and its soft shadow onto the sheet (H, W, 3), in place."""
    height, width = card.shape[:2]
    reach = 5 * _FINE
    around = (2 * reach,) * 4
    # What lies on the glass throws a shadow, the glass itself none.
    solid = np.clip((card[..., 3] - _GLASS[3]) / (255 - _GLASS[3]), 0, 1)
    shade = cv2.copyMakeBorder(solid, *around, cv2.BORDER_CONSTANT)
    shade = cv2.GaussianBlur(shade, (0, 0), reach)[..., None]
    # Light comes from the upper right: a shadow falls to the lower left, inside the margin.
    rows = slice(top - reach, top + height + 3 * reach)
    columns = slice(left - 3 * reach, left + width + reach)
    sheet[rows, columns] *= 1 - _SHADE * shade
    spot = sheet[top : top + height, left : left + width]
    spot[...] = card[..., :3] + (1 - card[..., 3:] / 255) * spot


def _labelled(sheet: Rgb, names: Sequence[str], feet: Sequence[tuple[int, int]]) -> Rgb:
    """Write a name under every card, at its (left, bottom)."""
    image = Image.fromarray(sheet)
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(12)
    for name, (left, bottom) in zip(names, feet, strict=True):
        draw.text((left, bottom + 5), name, _INK, font)
    return np.array(image)
