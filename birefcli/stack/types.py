"""A stack: the background and the layers that were lifted off it, nearest last."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from birefcli.image import Rgb, Rgba
from birefcli.matte import Box, Size, over8


class PictureKind(StrEnum):
    """What sort of picture it is, which decides how edges and fills are made."""

    PHOTO = "photo"
    FLAT = "flat"
    PIXEL = "pixel"


class StopRule(StrEnum):
    """Why a peel ended."""

    BUDGET = "budget"
    NOTHING = "nothing"
    UNSURE = "unsure"
    HALLUCINATED = "hallucinated"
    GHOST = "ghost"
    BACKDROP = "backdrop"
    INVENTED = "invented"
    TIME = "time"


@dataclass(frozen=True)
class StopReason:
    """The rule that ended a peel, and the numbers it looked at, in words."""

    rule: StopRule
    detail: str


@dataclass(frozen=True)
class Vote:
    """How a layer stood against one that touches it; scores run -1…1, above 0 it is in front."""

    other: int
    hull: float
    junction: float
    depth: float | None
    score: float


@dataclass(frozen=True)
class Hole:
    """What a layer left behind, in pixels, and how far beyond its matte that reaches."""

    px: int
    core_px: int
    ring_px: int
    dilate: int


@dataclass(frozen=True)
class Fill:
    """How a hole was filled: by whom, how well on a proxy hole, with or without labels."""

    backend: str
    proxy_l1: float | None
    label_prior: bool


@dataclass(frozen=True)
class DepthSpan:
    """Quartiles of the estimated disparity under a layer; larger is nearer."""

    median: float
    q25: float
    q75: float


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Why a layer is what it is."""

    step: int  # the pass it was found in, from 1
    confidence: float  # mean matte on its support
    exposure: float  # its worst vote against anything that touches it; 1 without neighbours
    votes: tuple[Vote, ...] = ()
    hidden_px: int = 0  # completed behind earlier layers
    alpha_raised_px: int = 0  # where the exact step had to raise alpha
    hole: Hole = Hole(0, 0, 0, 0)
    fill: Fill | None = None
    parent: int | None = None
    depth: DepthSpan | None = None


@dataclass(frozen=True, eq=False)
class Layer:
    """One lifted thing at the canvas's size; colour is 0 where alpha is 0."""

    name: str
    rgba: Rgba  # (H, W, 4)
    evidence: Evidence

    @property
    def box(self) -> Box:
        """The smallest box around all that is not transparent."""
        rows, columns = (np.flatnonzero(self.rgba[..., 3].any(axis)) for axis in (1, 0))
        if not len(rows):
            return 0, 0, 0, 0
        return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


@dataclass(frozen=True)
class Edge:
    """One layer was judged to be in front of another."""

    front: int
    behind: int
    score: float


@dataclass(frozen=True, eq=False)
class Stack:
    """A peeled picture. Layer `layers[i]` has number i + 1; the background is number 0."""

    background: Rgba  # (H, W, 4); opaque unless the picture itself was not
    layers: tuple[Layer, ...]
    kind: PictureKind
    stop: StopReason
    # What the picture looked like under layer i + 1, from the bottom up (H, W, 3).
    bottoms: tuple[Rgb, ...] = ()
    edges: tuple[Edge, ...] = ()
    cycles: tuple[tuple[int, ...], ...] = ()
    # (H, W): 0 where the background is the picture's own, else the number of the layer whose
    # removal invented it.
    invented: NDArray[np.uint8] = field(default_factory=lambda: np.zeros((0, 0), np.uint8))
    grid: int = 1  # screen pixels to a pixel of the art

    @property
    def size(self) -> Size:
        """(height, width)."""
        return self.background.shape[0], self.background.shape[1]

    def composed(self) -> Rgb:
        """Lay all layers over the opaque background in whole numbers: the picture (H, W, 3)."""
        return composed(self.background[..., :3], [layer.rgba for layer in self.layers])


@dataclass(frozen=True, kw_only=True)
class SourceRecord:
    """What a manifest says of the picture that was peeled."""

    file: str  # its name without folders; - is standard input
    sha256: str
    mode: str  # as its file has it: RGB, RGBA, P, L, …
    # These two are kept by the layers' files instead.
    icc: bytes | None = None
    dpi: tuple[float, float] | None = None


@dataclass(frozen=True, kw_only=True)
class EngineRecord:
    """What a manifest says of the program, the models and the settings that peeled it."""

    version: str
    segmenter: str
    segmenter_sha256: str
    segmenter_size: tuple[int, int] | None  # (width, height); None: the weights decide
    inpaint: str
    inpaint_weights: Mapping[str, str | None] = field(default_factory=dict)
    depth: str | None = None
    seed: int = 0
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Difference:
    """How what a stack composes to differs from the picture."""

    differing_px: int
    max_abs: int  # levels
    soft_overlap_px: int = 0  # where several soft layers lie over one another

    @property
    def is_exact(self) -> bool:
        """Whether no pixel differs."""
        return self.differing_px == 0


def composed(background: Rgb, layers: Sequence[Rgba]) -> Rgb:
    """Lay layers (H, W, 4) over an opaque background, bottom up, as every 8-bit viewer does."""
    return reduce(lambda below, layer: over8(layer, below), layers, background)
