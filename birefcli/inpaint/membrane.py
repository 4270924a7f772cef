"""The smooth fills: a membrane stretched over the hole, and the same in the rim's own palette."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from birefcli.image import Mask, Rgb, rescale, to_uint8
from birefcli.inpaint.holes import box_index, each_region, hole_box, rim
from birefcli.inpaint.palette import find_palette
from birefcli.inpaint.protocol import FillTask, HoleFiller

_Floats = NDArray[np.float32]

SWEEPS = 12  # Jacobi sweeps a level
MARGIN = 8  # known pixels around the hole that the membrane is fixed to
RIM = 3  # pixels around the hole whose grain it takes on
PALETTE_RIM = 8  # pixels around the hole whose colours are its palette
# A rim whose pixels stray further than this from their surroundings would betray a smooth fill, so
# that is dithered and gets their grain; flat graphics and clean gradients stay clean. What strays
# further than grain does is texture, which nothing drawn at random looks like.
GRAIN, MOST_GRAIN = 0.5, 4.0


@dataclass(frozen=True)
class Membrane(HoleFiller):
    """Solves Laplace's equation in the hole, with the known pixels as its frame."""

    name: str = "membrane"

    def fill_hole(self, task: FillTask) -> Rgb:
        """Fill the hole smoothly from its rim, each region from its own."""
        rgb, hole, labels = task.rgb, task.hole, task.labels
        box = box_index(hole_box(hole, MARGIN))
        crop, gap = rgb[box], hole[box]
        filled = crop.astype(np.float32)
        for region, known in each_region(gap, ~gap, None if labels is None else labels[box]):
            filled[region] = solve_membrane(crop, known)[region]
        strays = _strays(crop, rim(gap, RIM))
        stray = float(np.median(np.abs(strays).max(-1))) if len(strays) else 0.0
        if stray > GRAIN:
            random = np.random.default_rng(task.seed)
            filled += random.uniform(-0.5, 0.5, filled.shape)
            if stray <= MOST_GRAIN:
                grain = strays[random.integers(0, len(strays), int(gap.sum()))]
                filled[gap] += np.clip(grain, -2 * stray, 2 * stray)
        answer = rgb.copy()
        answer[box] = to_uint8(filled)
        return answer


@dataclass(frozen=True)
class PaletteFill(HoleFiller):
    """The membrane, with every pixel snapped to the few colours of the rim where they are few."""

    name: str = "palette"

    def fill_hole(self, task: FillTask) -> Rgb:
        """Fill the hole smoothly, then snap the fill to the rim's palette if it has one."""
        filled = Membrane().fill(task).rgb
        palette = find_palette(task.rgb[rim(task.hole, PALETTE_RIM)])
        if palette is not None:
            filled[task.hole] = palette.snap(filled[task.hole])
        return filled


def solve_membrane(rgb: Rgb | _Floats, known: Mask) -> _Floats:
    """Return float32 (H, W, 3) on 0…255: known pixels as they are, all others the membrane's.

    The membrane is found coarse to fine, as by "pull-push" in Gortler et al., "The Lumigraph"
    (1996), with a few sweeps of Jacobi's method at every size.
    """
    return _pull_push(rgb.astype(np.float32), known)


def _pull_push(image: _Floats, known: Mask) -> _Floats:
    """Solve at half the size first, enlarge what is missing, and smooth it."""
    if known.all():
        return image
    weight = known.astype(np.float32)[..., None]
    height, width = known.shape
    if max(height, width) <= 2 or not known.any():
        total = max(float(weight.sum()), 1.0)
        return np.where(weight > 0, image, (image * weight).sum((0, 1)) / total)
    small = -(-height // 2), -(-width // 2)
    padding = ((0, small[0] * 2 - height), (0, small[1] * 2 - width))
    share = rescale(np.pad(weight[..., 0], padding), small, cv2.INTER_AREA)
    color = rescale(np.pad(image * weight, (*padding, (0, 0))), small, cv2.INTER_AREA)
    mean = color / np.maximum(share, np.float32(1e-6))[..., None]
    coarse = _pull_push(np.asarray(mean, np.float32), share > 0)
    wide = rescale(coarse, (small[0] * 2, small[1] * 2), cv2.INTER_LINEAR)[:height, :width]
    filled: _Floats = np.where(weight > 0, image, wide)
    kernel = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], np.float32) / 4
    for _ in range(SWEEPS):
        around = cv2.filter2D(filled, cv2.CV_32F, kernel, borderType=cv2.BORDER_REPLICATE)
        filled = np.where(weight > 0, image, np.asarray(around, np.float32))
    return filled


def _strays(rgb: Rgb, ring: Mask) -> _Floats:
    """Give how far pixels of a rim stray from the mean of their known neighbours (N, 3)."""
    weight = ring.astype(np.float32)
    share = np.maximum(cv2.blur(weight, (3, 3)), 1e-6)[..., None]
    mean = cv2.blur(rgb.astype(np.float32) * weight[..., None], (3, 3)) / share
    return np.asarray((rgb - mean)[ring], np.float32)
