"""What is measured of one stack beside the truth: objects, order, edges, colours, hidden parts."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import nan

import cv2
import numpy as np
from numpy.typing import NDArray

from birefcli.image import Mask, Matte, Rgb, Rgba
from birefcli.metrics.stacks.match import Matching, match, soft_iou
from birefcli.metrics.stacks.truth import LEAST_OVERLAP, PredictedStack, Truth

BAND = 5  # pixels on each side of an outline
SOFT, SOLID = 0.05, 0.95
HELD = 0.5  # of an object's visible part, that a layer holds to be asked for its colours


@dataclass(frozen=True, eq=False)
class Compared:
    """A truth, a stack, and which layer is which object."""

    truth: Truth
    predicted: PredictedStack
    matching: Matching

    @property
    def matched(self) -> list[tuple[int, int]]:
        """Objects and their layers."""
        return list(self.matching.layer_of.items())

    @property
    def held(self) -> list[tuple[int, int]]:
        """Objects and the layers that show most of them, also where one holds several."""
        found = []
        for i, seen in enumerate(self.truth.visible):
            shares = [
                float(np.minimum(seen, predicted).sum()) for predicted in self.predicted.visible
            ]
            if shares and max(shares) >= HELD * float(seen.sum()) > 0:
                found.append((i, int(np.argmax(shares))))
        return found


def measure_stack(truth: Truth, predicted: PredictedStack) -> dict[str, float]:
    """Give every metric that pixels decide, by name; NaN where a scene has nothing to ask about."""
    matching = match(truth.visible, predicted.visible, predicted.mattes)
    compared = Compared(truth, predicted, matching)
    return {
        **_counts(compared),
        **order(compared),
        **_shapes(compared),
        **_colors(compared),
        **_hidden(compared),
        **_palette(truth, predicted),
        "invented": float(predicted.invented.mean()),
    }


def _counts(found: Compared) -> dict[str, float]:
    """Count what was found, missed, made up and shown twice."""
    objects, layers = len(found.truth.layers), len(found.predicted.layers)
    hits = len(found.matching.layer_of)
    fits = [
        soft_iou(found.truth.visible[i], found.predicted.visible[-1]) if layers else 0.0
        for i in found.truth.uncovered
    ]
    return {
        "matched": hits / objects if objects else nan,
        "missed": float(objects - hits),
        "extra": float(len(found.matching.extra)),
        "duplicates": float(found.matching.duplicates),
        "first-iou": max(fits, default=nan),
        "left-alone": nan if objects else float(layers == 0),
        "layers-off": float(abs(layers - objects)),
    }


def order(found: Compared) -> dict[str, float]:
    """Score the order: of overlapping pairs both of which were found, and of all objects found."""
    layer_of = found.matching.layer_of
    asked = [pair for pair in found.truth.pairs if all(i in layer_of for i in pair)]
    right = [layer_of[front] > layer_of[behind] for front, behind in asked]
    layers = [layer_of[i] for i in sorted(layer_of)]
    signs = [np.sign(b - a) for i, a in enumerate(layers) for b in layers[i + 1 :]]
    return {
        "order": _mean(right),
        "tau": _mean(signs),
        "abstained": 1 - len(asked) / len(found.truth.pairs) if found.truth.pairs else nan,
    }


def _shapes(found: Compared) -> dict[str, float]:
    """Compare alphas; an object that was missed has an overlap of 0."""
    truth, predicted = found.truth, found.predicted
    misses = [0.0] * (len(truth.layers) - len(found.matched))
    whole = [soft_iou(truth.mattes[i], predicted.mattes[j]) for i, j in found.matched]
    sad = []
    for i, j in found.matched:
        band = outline_band(truth.visible[i])
        sad.append(float(np.abs(truth.visible[i] - predicted.visible[j])[band].sum()))
    return {
        "visible-iou": _mean([*found.matching.iou.values(), *misses]),
        "amodal-iou": _mean([*whole, *misses]),
        "band-sad": _mean(sad),
    }


def outline_band(matte: Matte) -> Mask:
    """Give all that is within a few pixels of where a matte passes a half (H, W)."""
    solid = (matte > 0.5).astype(np.uint8)
    ball = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * BAND + 1, 2 * BAND + 1))
    return np.asarray(cv2.dilate(solid, ball) != cv2.erode(solid, ball), np.bool_)


def _colors(found: Compared) -> dict[str, float]:
    """Compare colours where an object is solid and seen, and in its soft edge over the ground."""
    inside, edges = [], []
    for i, j in found.held:
        matte, seen = found.truth.mattes[i], found.truth.visible[i]
        true, layer = found.truth.layers[i], found.predicted.layers[j]
        is_own = ~found.truth.is_shadowed
        is_inside = is_own & (seen > SOLID) & (layer[..., 3] > 127)
        inside.append(apart(true, layer, is_inside))
        # In the edge nothing lies over it, so that what is soft is its own doing.
        is_edge = is_own & (matte > SOFT) & (matte < SOLID) & (seen > SOLID * matte)
        edges.append(apart(true, layer, is_edge & (layer[..., 3] > 0)))
    return {"color": _mean(inside), "edge-color": _mean(edges)}


def _hidden(found: Compared) -> dict[str, float]:
    """Compare what nobody sees: parts behind others, and the background behind everything."""
    truth, predicted = found.truth, found.predicted
    shares, colors = [], []
    layer_of = found.matching.layer_of
    for i, matte in enumerate(truth.mattes):
        is_hidden = (matte > 0.5) & (truth.visible[i] < 0.5 * matte)
        if np.count_nonzero(is_hidden) < LEAST_OVERLAP:
            continue
        if i not in layer_of:
            shares.append(0.0)
            continue
        layer = predicted.layers[layer_of[i]]
        is_found = is_hidden & (layer[..., 3] > 127)
        shares.append(np.count_nonzero(is_found) / np.count_nonzero(is_hidden))
        colors.append(apart(truth.layers[i], layer, is_found & ~truth.is_shadowed))
    behind = _any([matte > 0.5 for matte in truth.mattes], truth.is_shadowed.shape)
    return {
        "hidden-found": _mean(shares),
        "hidden-color": _mean(colors),
        "background": apart(truth.background, predicted.background, behind & ~truth.is_shadowed),
    }


def _palette(truth: Truth, predicted: PredictedStack) -> dict[str, float]:
    """Ask of filled pixels which have a colour the background has not, and which are right."""
    if not truth.has_palette or not predicted.invented.any():
        return {"new-colors": nan, "exact-fill": nan}
    weights = np.array([65536, 256, 1])
    own = np.unique(truth.background.astype(np.int64) @ weights)
    filled, true = predicted.background[predicted.invented], truth.background[predicted.invented]
    return {
        "new-colors": float((~np.isin(filled.astype(np.int64) @ weights, own)).mean()),
        "exact-fill": float((filled == true).all(-1).mean()),
    }


def apart(one: Rgb | Rgba, other: Rgb | Rgba, where: Mask) -> float:
    """Give the mean difference of colours in levels; NaN where there is nowhere to look."""
    if not where.any():
        return nan
    return float(np.abs(one[where][:, :3].astype(np.int16) - other[where][:, :3]).mean())


def _any(masks: Iterable[NDArray[np.bool_]], size: tuple[int, ...]) -> Mask:
    """Give where any of some masks is set; nowhere, if there are none."""
    return np.asarray(np.any([np.zeros(size, bool), *masks], axis=0), np.bool_)


def _mean(values: Iterable[float]) -> float:
    """Give the mean of those that are numbers; NaN if none is."""
    known = [float(value) for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else nan
