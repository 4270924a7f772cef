"""What fills a hole: the protocol of an inpainter, the task it is given, and what comes back."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from birefcli.image import Labels, Mask, Rgb
from birefcli.inpaint.holes import blind_fill, labels_matter, paste


class Inpainter(Protocol):
    """Anything that fills a hole in a picture."""

    @property
    def name(self) -> str:
        """What `--inpaint` and the manifest call it."""

    def __call__(
        self,
        rgb: Rgb,
        hole: Mask,
        *,
        labels: Labels | None = None,
        source: Mask | None = None,
        seed: int = 0,
    ) -> Rgb:
        """Return a copy of the picture, uint8 (H, W, 3), with the hole filled.

        `hole`, bool (H, W), is True where pixels are to be made up; what lies there is never
        looked at, and every other pixel stays as it is. `labels`, int32 (H, W), numbers the region
        of each pixel, inside the hole too: each region is filled from its own side. `source`, bool
        (H, W), is where pixels may be copied from; the default is all that is no hole. Without a
        hole the picture comes back; where all is hole, it is filled with its commonest colour.
        The same arguments give the same bytes.
        """


@runtime_checkable
class RecordsWeights(Protocol):
    """An inpainter with weights that the manifest records."""

    @property
    def provenance(self) -> Mapping[str, str]:
        """Keys of the manifest, as the table lists them, and what stands there."""


@dataclass(frozen=True, eq=False)
class FillTask:
    """The arguments of an inpainter in one value; `Inpainter` says what they mean."""

    rgb: Rgb
    hole: Mask
    labels: Labels | None = None
    source: Mask | None = None
    seed: int = 0

    @property
    def sources(self) -> Mask:
        """Where pixels may be copied from (H, W): all that is no hole where `source` has none."""
        known = ~self.hole
        if self.source is None or not (self.source & known).any():
            return known
        return self.source & known


@dataclass(frozen=True, eq=False)
class Filled:
    """A filled picture (H, W, 3), and how it came about."""

    rgb: Rgb
    backend: str  # the name of the inpainter that filled it
    proxy_l1: float | None = None  # mean error in levels on a hole whose content was known
    label_prior: bool = False  # whether regions decided where pixels were taken from


class ReportingInpainter(ABC):
    """An inpainter that tells how it filled; being called is answered by `fill`."""

    @abstractmethod
    def fill(self, task: FillTask) -> Filled:
        """Fill the hole as `Inpainter` says, and tell how."""

    def __call__(
        self,
        rgb: Rgb,
        hole: Mask,
        *,
        labels: Labels | None = None,
        source: Mask | None = None,
        seed: int = 0,
    ) -> Rgb:
        """Fill the hole as `Inpainter` says."""
        return self.fill(FillTask(rgb, hole, labels, source, seed)).rgb


class HoleFiller(ReportingInpainter):
    """An inpainter that only has to fill holes with known pixels around them."""

    @property
    @abstractmethod
    def name(self) -> str:
        """What `--inpaint` and the manifest call it."""

    @abstractmethod
    def fill_hole(self, task: FillTask) -> Rgb:
        """Return the picture with its hole filled; what is returned outside the hole is ignored.

        The hole is neither empty nor the whole picture.
        """

    def fill(self, task: FillTask) -> Filled:
        """Fill the hole as `Inpainter` says, and tell how."""
        filled = blind_fill(task.rgb, task.hole)
        if filled is None:
            filled = paste(task.rgb, task.hole, self.fill_hole(task))
        prior = labels_matter(task.hole, task.labels)
        return Filled(filled, self.name, label_prior=prior)


def fill(
    inpaint: Inpainter,
    rgb: Rgb,
    hole: Mask,
    *,
    labels: Labels | None = None,
    source: Mask | None = None,
    seed: int = 0,
) -> Filled:
    """Fill a hole with any inpainter, as `Inpainter` says, and tell how."""
    return fill_task(inpaint, FillTask(rgb, hole, labels, source, seed))


def fill_task(inpaint: Inpainter, task: FillTask) -> Filled:
    """Fill the hole of a task with any inpainter, and tell how."""
    if isinstance(inpaint, ReportingInpainter):
        return inpaint.fill(task)
    filled = inpaint(task.rgb, task.hole, labels=task.labels, source=task.source, seed=task.seed)
    return Filled(filled, inpaint.name, label_prior=labels_matter(task.hole, task.labels))
