"""LaMa: a network fills the hole, seen in a crop around it.

Suvorov et al., "Resolution-robust Large Mask Inpainting with Fourier Convolutions" (2022).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np

from birefcli.image import Alpha, Mask, Rgb, rescale, to_uint8
from birefcli.inpaint.exemplar import Exemplar
from birefcli.inpaint.holes import box_index, each_region, hole_box
from birefcli.inpaint.protocol import FillTask, HoleFiller
from birefcli.matte import pad_box

MARGIN, MARGIN_SHARE = 128, 0.5  # known pixels around the hole, and at least this part of it
APART = 16  # holes nearer than this share one run


class Network(Protocol):
    """A loaded network."""

    @property
    def name(self) -> str:
        """What `--inpaint` calls it."""

    @property
    def run(self) -> Callable[[Rgb, Alpha], Rgb]:
        """Takes a crop (h, w, 3) and a mask (h, w), 255 is hole, and gives the crop filled."""

    @property
    def longest(self) -> int:
        """The most pixels a side that it is shown."""

    @property
    def sha256(self) -> str:
        """The hash of its weights, in hexadecimal."""


@dataclass(frozen=True, eq=False)
class Lama(HoleFiller):
    """Fills with a network that is shown crops of at most `longest` pixels a side."""

    run: Callable[[Rgb, Alpha], Rgb]
    longest: int
    sha256: str
    name: str = "lama"

    @staticmethod
    def from_network(network: Network) -> "Lama":
        """Return the filler that a network makes."""
        return Lama(network.run, network.longest, network.sha256, network.name)

    @property
    def provenance(self) -> Mapping[str, str]:
        """The hash of the weights, for the manifest."""
        return {"lama_sha256": self.sha256}

    def fill_hole(self, task: FillTask) -> Rgb:
        """Fill the hole crop by crop, each region from its own side."""
        rgb, hole, labels = task.rgb, task.hole, task.labels
        filled = rgb.copy()
        side = 2 * (APART // 2) + 1
        near = cv2.dilate(hole.astype(np.uint8), np.ones((side, side), np.uint8))
        count, groups = cv2.connectedComponents(near)
        for number in range(1, count):
            part = hole & (groups == number)
            tight = hole_box(part, 0)
            longer = max(tight[2] - tight[0], tight[3] - tight[1])
            margin = max(MARGIN, round(MARGIN_SHARE * longer))
            box = box_index(pad_box(tight, margin, (hole.shape[0], hole.shape[1])))
            local = None if labels is None else labels[box]
            for region, known in each_region(part[box], ~hole[box], local):
                filled[box][region] = self._fill_crop(rgb[box], ~known, box, task)[region]
        return filled

    def _fill_crop(self, rgb: Rgb, hole: Mask, box: tuple[slice, slice], task: FillTask) -> Rgb:
        """Fill a crop; one that is too large is filled smaller, and then gets its grain back."""
        blank = np.where(hole[..., None], np.uint8(0), rgb)
        shrink = max(hole.shape) / self.longest
        if shrink <= 1:
            return self.run(blank, hole.astype(np.uint8) * np.uint8(255))
        height, width = hole.shape
        size = max(round(height / shrink), 1), max(round(width / shrink), 1)
        share = rescale((~hole).astype(np.float32), size, cv2.INTER_AREA)
        mean = rescale(blank.astype(np.float32), size, cv2.INTER_AREA)
        small = to_uint8(mean / np.maximum(share, 1e-6)[..., None])
        mask = (share < 0.999).astype(np.uint8) * np.uint8(255)
        coarse = self.run(np.where(mask[..., None] > 0, np.uint8(0), small), mask)
        wide = rescale(coarse.astype(np.float32), (height, width), cv2.INTER_CUBIC)
        # The fine grain comes from patches of the picture, all else from the network.
        local = None if task.source is None else task.source[box]
        copied = Exemplar()(rgb, hole, source=local, seed=task.seed).astype(np.float32)
        return to_uint8(wide + copied - cv2.GaussianBlur(copied, (0, 0), shrink))
