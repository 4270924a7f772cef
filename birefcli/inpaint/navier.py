"""The Navier-Stokes fill of OpenCV, for scratches a few pixels wide."""

from dataclasses import dataclass

import cv2
import numpy as np

from birefcli.image.types import Labels, Mask, Rgb
from birefcli.inpaint.protocol import blind_fill, each_region, hole_box, inside, paste

RADIUS = 3


@dataclass(frozen=True)
class NavierStokes:
    """Continues the lines of equal brightness into the hole."""

    name: str = "ns"

    def __call__(
        self,
        rgb: Rgb,
        hole: Mask,
        *,
        labels: Labels | None = None,
        source: Mask | None = None,
        seed: int = 0,
    ) -> Rgb:
        """Fill the hole from its rim, each region from its own."""
        if (answer := blind_fill(rgb, hole)) is not None:
            return answer
        box = inside(hole_box(hole, 2 * RADIUS + 2))
        filled = rgb.copy()
        crop = np.where(hole[box][..., None], np.uint8(0), rgb[box])
        local = None if labels is None else labels[box]
        for region, known in each_region(hole[box], ~hole[box], local):
            mask = (~known).astype(np.uint8)
            filled[box][region] = cv2.inpaint(crop, mask, RADIUS, cv2.INPAINT_NS)[region]
        return paste(rgb, hole, filled)
