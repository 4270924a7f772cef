"""A ground that is known everywhere: what it looks like, how much it explains, and its name."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from birefcli.image import Rgb

Codes = NDArray[np.int32]  # (H, W), one number for each colour
Floats = NDArray[np.float32]


class GroundKind(StrEnum):
    """What a ground is made of."""

    PLAIN = "plain"
    CHECKER = "checkerboard"
    TILES = "tiles"
    GRADIENT = "gradient"


@dataclass(frozen=True, eq=False)
class Ground:
    """A ground that is known everywhere."""

    kind: GroundKind
    rgb: Floats  # (H, W, 3), levels: what would be seen if nothing stood on it
    tolerance: float  # levels a channel within which a pixel is ground
    share: float  # of the picture's pixels, that are ground
    border: float  # of the border's pixels, that are ground
    detail: str = ""  # its colours or period, in words
    has_lines: bool = False

    @property
    def confidence(self) -> float:
        """How sure it is, 0…1: the share of the border that it explains, less for few pixels."""
        return float(self.border * min(1.0, 0.5 + self.share))

    @property
    def words(self) -> str:
        """What a report calls it."""
        lines = " with grid lines" if self.has_lines else ""
        return f"{self.kind.value} {self.detail}{lines}".strip()

    def difference(self, rgb: Rgb) -> Floats:
        """Give how far each pixel is from the ground (H, W), in levels of its worst channel."""
        return np.asarray(np.abs(rgb.astype(np.float32) - self.rgb).max(-1), np.float32)

    def with_tolerance(self, rgb: Rgb, tolerance: float) -> "Ground":
        """Give the same ground, told apart by so many levels."""
        return measured(rgb, replace(self, tolerance=tolerance))

    def every(self, step: int) -> "Ground":
        """Give what is known of every so many-th row and column."""
        return replace(self, rgb=self.rgb[::step, ::step])


def measured(rgb: Rgb, ground: Ground) -> Ground:
    """Fill in how much of the picture and of its border a ground explains."""
    is_ground = ground.difference(rgb) <= ground.tolerance
    return replace(ground, share=float(is_ground.mean()), border=float(border_of(is_ground).mean()))


def border_of(array: NDArray[Any]) -> NDArray[Any]:
    """Give the outermost pixels of (H, W, …) as a list (N, …)."""
    return np.concatenate([array[0], array[-1], array[1:-1, 0], array[1:-1, -1]])


def hex_of(color: NDArray[Any] | tuple[int, int, int]) -> str:
    """Write a colour as #rrggbb."""
    return "#" + "".join(f"{int(np.clip(round(float(c)), 0, 255)):02x}" for c in color)


def codes_of(rgb: Rgb) -> Codes:
    """Number the colours of a picture (…, 3)."""
    wide = rgb.astype(np.int32)
    return np.asarray((wide[..., 0] << 16) | (wide[..., 1] << 8) | wide[..., 2])


def colors_of(codes: NDArray[Any]) -> Floats:
    """Give the colours (…, 3) of their numbers."""
    return np.stack([codes >> 16, (codes >> 8) & 255, codes & 255], -1).astype(np.float32)
