"""What a peel starts from, and what it knows as it goes on: the picture, instances and layers."""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from birefcli.image import Disparity, Labels, Mask, Matte, Rgb
from birefcli.matte import Size
from birefcli.peeling.assemble import PeeledLayer, over_grey
from birefcli.peeling.geometry import nearest_pixel
from birefcli.peeling.instances.instance import Instance, confidence_of, label_map
from birefcli.peeling.lift.lift import Lifted
from birefcli.peeling.order.graph import OcclusionOrder
from birefcli.peeling.thresholds import LEAST_UNCOVERED, SUPPORT
from birefcli.stack import StopReason


@dataclass(frozen=True, eq=False)
class PeelStart:
    """A picture to peel from."""

    picture: Rgb  # (H, W, 3), opaque
    source: NDArray[np.uint8]  # (H, W, 3 or 4), which the stack recomposes to
    is_translucent: Mask  # (H, W), not opaque in the source
    is_transparent: Mask  # (H, W), fully transparent in the source
    is_invented: Mask  # (H, W), invented by fills before this peel

    @classmethod
    def of(cls, art: NDArray[np.uint8]) -> "PeelStart":
        """Begin with a picture (H, W, 3 or 4) as it was read."""
        size = (art.shape[0], art.shape[1])
        alpha = art[..., 3] if art.shape[2] == 4 else np.full(size, 255, np.uint8)
        return cls(over_grey(art), art, alpha < 255, alpha == 0, np.zeros(size, bool))


@dataclass(eq=False)
class PeelState:
    """The picture as it is by now, what is known in it, and what came off."""

    start: PeelStart
    disparity: Disparity | None = None  # continued behind what came off
    layers: list[PeeledLayer] = field(default_factory=list)  # the first that came off, the nearest
    instances: dict[int, Instance] = field(default_factory=dict)  # by number, still in the picture
    edges: dict[tuple[int, int], float] = field(default_factory=dict)  # scores by (front, behind)
    removed: list[Mask] = field(default_factory=list)  # of what came off or was rejected then
    rejected: StopReason | None = None  # the rule that the last rejected proposal broke
    found: int = 0  # proposals so far

    def __post_init__(self) -> None:
        self.picture = self.start.picture  # (H, W, 3)
        self.is_transparent = self.start.is_transparent  # (H, W)
        # The count of the layer, from 1, whose fill invented a pixel; -1 from before, else 0.
        self.invented = np.where(self.start.is_invented, -1, 0).astype(np.int32)

    @property
    def size(self) -> Size:
        """(height, width) of the picture as it is peeled."""
        return self.picture.shape[0], self.picture.shape[1]

    @property
    def is_invented(self) -> Mask:
        """(H, W): what fills made up, now or before."""
        return np.asarray(self.invented != 0, np.bool_)

    def labels(self) -> Labels:
        """Give the number of the instance that owns each pixel (H, W)."""
        return label_map(self.instances.values(), self.size)

    def add(
        self, matte: Matte, step: int, *, is_certain: bool, rejected: StopReason | None
    ) -> None:
        """Count a proposal, and know it as an instance unless a rule rejected it."""
        self.found += 1
        if rejected is not None:
            self.rejected = rejected
            return
        confidence = confidence_of(matte)
        self.instances[self.found] = Instance(self.found, matte, step, confidence, is_certain)

    def note_edges(self, order: OcclusionOrder) -> None:
        """Write down who is in front of whom, the first time that a pair is seen."""
        for (one, other), cues in order.cues.items():
            is_known = (one, other) in self.edges or (other, one) in self.edges
            if cues.score > 0 and not is_known:
                self.edges[one, other] = cues.score

    def remove(self, instance: Instance) -> None:
        """Forget an instance that is tried, but not where it was."""
        del self.instances[instance.number]
        self.removed.append(instance.matte > SUPPORT)

    def uncovered(self, share: Matte) -> dict[int, Instance]:
        """Give the instances by number, with the opacity back that a lifted layer's soft edge hid.

        `share` (H, W) is how much of a pixel that edge covered.
        """
        rest = np.maximum(1 - share, np.float32(LEAST_UNCOVERED))
        return {
            number: replace(one, matte=np.asarray(np.clip(one.matte / rest, 0, 1), np.float32))
            for number, one in self.instances.items()
        }

    def keep_layer(self, layer: PeeledLayer, lifted: Lifted, others: dict[int, Instance]) -> None:
        """Keep a layer, and go on with the picture under it, where the others are continued."""
        self.layers.append(layer.with_depth(self.disparity))
        self.picture = lifted.bottom
        index = len(self.layers)
        self.invented = np.where(lifted.core, index, self.invented).astype(np.int32)
        self.is_transparent = np.where(lifted.core, lifted.labels < 0, self.is_transparent)
        if self.disparity is not None:
            self.disparity = _continued(self.disparity, lifted.rgba[..., 3] > 0)
        for number, one in others.items():
            matte = np.where(lifted.behind, lifted.labels == number, one.matte)
            self.instances[number] = replace(one, matte=np.asarray(matte, np.float32))


def _continued(disparity: Disparity, hole: Mask) -> Disparity:
    """Continue the disparity around a hole (H, W) into it."""
    if hole.all():
        return disparity
    return np.asarray(disparity.ravel()[nearest_pixel(~hole)], np.float32)
