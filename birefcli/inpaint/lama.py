"""LaMa: a network fills the hole, seen in a crop around it."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from birefcli.image.types import Alpha, Labels, Mask, Rgb, rescale, to_uint8
from birefcli.inpaint.exemplar import Exemplar
from birefcli.inpaint.protocol import blind_fill, each_region, hole_box, inside, paste
from birefcli.matte.morphology import pad_box

MARGIN, MARGIN_SHARE = 128, 0.5  # known pixels around the hole, and at least this part of it
APART = 16  # holes nearer than this share one run


@dataclass(frozen=True, eq=False)
class Lama:
    """Fills with a network that takes a crop and a mask (255 is hole) and gives the crop filled."""

    run: Callable[[Rgb, Alpha], Rgb]
    longest: int
    sha256: str
    name: str = "lama"

    def __call__(
        self,
        rgb: Rgb,
        hole: Mask,
        *,
        labels: Labels | None = None,
        source: Mask | None = None,
        seed: int = 0,
    ) -> Rgb:
        """Fill the hole crop by crop, each region from its own side."""
        if (answer := blind_fill(rgb, hole)) is not None:
            return answer
        filled = rgb.copy()
        side = 2 * (APART // 2) + 1
        near = cv2.dilate(hole.astype(np.uint8), np.ones((side, side), np.uint8))
        count, groups = cv2.connectedComponents(near)
        for number in range(1, count):
            part = hole & (groups == number)
            tight = hole_box(part, 0)
            longer = max(tight[2] - tight[0], tight[3] - tight[1])
            margin = max(MARGIN, round(MARGIN_SHARE * longer))
            box = inside(pad_box(tight, margin, (hole.shape[0], hole.shape[1])))
            local = None if labels is None else labels[box]
            for region, known in each_region(part[box], ~hole[box], local):
                filled[box][region] = self._crop(rgb[box], ~known, source, box, seed)[region]
        return paste(rgb, hole, filled)

    def _crop(
        self,
        rgb: Rgb,
        hole: Mask,
        source: Mask | None,
        box: tuple[slice, slice],
        seed: int,
    ) -> Rgb:
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
        local = None if source is None else source[box]
        copied = Exemplar()(rgb, hole, source=local, seed=seed).astype(np.float32)
        return to_uint8(wide + copied - cv2.GaussianBlur(copied, (0, 0), shrink))
