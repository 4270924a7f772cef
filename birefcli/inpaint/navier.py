"""The Navier-Stokes fill of OpenCV, for scratches a few pixels wide.

After Bertalmio, Bertozzi and Sapiro, "Navier-Stokes, Fluid Dynamics, and Image and Video
Inpainting" (2001).
"""

from dataclasses import dataclass

import cv2
import numpy as np

from birefcli.image import Rgb
from birefcli.inpaint.holes import box_index, each_region, hole_box
from birefcli.inpaint.protocol import FillTask, HoleFiller

RADIUS = 3  # pixels around each hole pixel that OpenCV looks at


@dataclass(frozen=True)
class NavierStokes(HoleFiller):
    """Continues the lines of equal brightness into the hole."""

    name: str = "ns"

    def fill_hole(self, task: FillTask) -> Rgb:
        """Fill the hole from its rim, each region from its own."""
        rgb, hole, labels = task.rgb, task.hole, task.labels
        box = box_index(hole_box(hole, 2 * RADIUS + 2))
        filled = rgb.copy()
        crop = np.where(hole[box][..., None], np.uint8(0), rgb[box])
        local = None if labels is None else labels[box]
        for region, known in each_region(hole[box], ~hole[box], local):
            mask = (~known).astype(np.uint8)
            filled[box][region] = cv2.inpaint(crop, mask, RADIUS, cv2.INPAINT_NS)[region]
        return filled
