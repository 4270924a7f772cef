"""The exemplar fill: patches of the picture itself are copied in, strong edges first.

After Criminisi, Perez and Toyama, "Region filling and object removal by exemplar-based image
inpainting" (2004). Pixels are copied and never mixed, so no colour is invented.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from birefcli.image import Labels, Mask, Rgb, looks_hard, rescale
from birefcli.inpaint.holes import box_index, hole_box
from birefcli.inpaint.patches import PatchCopy, Patchwork
from birefcli.inpaint.protocol import FillTask, HoleFiller

RADIUS, ART_RADIUS = 4, 2  # 9×9 patches; 5×5 in pixel art
REACH = 48  # how far a patch is fetched from
# So many hole pixels are filled at full size; a larger hole is planned at half, a quarter, …
DIRECT = 20_000


@dataclass(frozen=True)
class Exemplar(HoleFiller):
    """Copies patches of `radius` pixels to each side; None takes what the picture asks for."""

    radius: int | None = None
    name: str = "exemplar"

    def fill_hole(self, task: FillTask) -> Rgb:
        """Fill the hole with copies of patches of the sources, each region from its own."""
        rgb, hole, labels, source = task.rgb, task.hole, task.labels, task.sources
        radius = self.radius
        if radius is None:
            radius = ART_RADIUS if looks_hard(rgb) else RADIUS
        scale = 1
        while hole.sum() > DIRECT * scale**2:
            scale *= 2
        box = box_index(hole_box(hole, (2 * REACH + 2 * radius) * scale))
        if not source[box].any():
            box = box_index(hole_box(np.ones_like(hole), 0))
        local = None if labels is None else labels[box]
        filled = rgb.copy()
        filled[box] = _fill_or_plan(rgb[box], hole[box], source[box], local, radius, scale)
        return filled


def _fill_or_plan(
    rgb: Rgb, hole: Mask, source: Mask, labels: Labels | None, radius: int, scale: int
) -> Rgb:
    """Fill directly, or plan the fill on a small copy and follow the plan at full size."""
    work = Patchwork(rgb, hole, source, labels, radius)
    if scale == 1:
        work.fill(REACH)
    else:
        small = _shrink(rgb, hole, source, labels, scale)
        plan = Patchwork(small.rgb, small.hole, small.source, small.labels, radius).fill(REACH)
        _follow(plan, work, radius, scale)
    work.fill_rest()
    return work.result()


def _follow(plan: list[PatchCopy], work: Patchwork, radius: int, scale: int) -> None:
    """Copy the planned patches at full size, each moved by up to a small pixel to fit best."""
    for step in plan:
        work.copy_near(step, radius, scale)


@dataclass(frozen=True, eq=False)
class _Shrunk:
    rgb: Rgb
    hole: Mask
    source: Mask
    labels: Labels | None


def _shrink(rgb: Rgb, hole: Mask, source: Mask, labels: Labels | None, scale: int) -> _Shrunk:
    """Average the known pixels of every `scale`×`scale` block; any hole in it makes it hole."""
    height, width = hole.shape
    size = -(-height // scale), -(-width // scale)
    padding = ((0, size[0] * scale - height), (0, size[1] * scale - width))

    def blocks(mask: Mask) -> NDArray[np.float32]:
        padded = np.pad(mask, padding, mode="edge").astype(np.float32)
        return rescale(padded, size, cv2.INTER_AREA)

    known = (~hole)[..., None].astype(np.float32)
    color = np.pad(rgb * known, (*padding, (0, 0)), mode="edge")
    share = np.maximum(blocks(~hole), 1e-6)[..., None]
    mean = rescale(color.astype(np.float32), size, cv2.INTER_AREA) / share
    few = None
    if labels is not None:
        middle = np.pad(labels, padding, mode="edge")[scale // 2 :: scale, scale // 2 :: scale]
        few = np.ascontiguousarray(middle)
    is_hole = blocks(hole) > 0
    return _Shrunk(
        np.clip(np.rint(mean), 0, 255).astype(np.uint8),
        is_hole,
        (blocks(source) > 0.999) & ~is_hole,
        few,
    )
