"""What a peel was asked to do: how many layers, of what, and when it has seen enough."""

from dataclasses import dataclass
from enum import StrEnum

from birefcli.errors import UsageError


class PeelBy(StrEnum):
    """What becomes one layer: a single object, or everything that nothing covers."""

    OBJECT = "object"
    GROUP = "group"


class PeelKind(StrEnum):
    """What sort of picture it is taken for; auto looks."""

    AUTO = "auto"
    PHOTO = "photo"
    FLAT = "flat"
    PIXEL = "pixel"


@dataclass(frozen=True, kw_only=True)
class PeelSettings:
    """Everything the peel of one picture needs to know."""

    max_layers: int = 8
    by: PeelBy = PeelBy.OBJECT
    kind: PeelKind = PeelKind.AUTO
    min_area: float = 0.001  # of the canvas, that a thing must cover
    max_seconds: float | None = None
    seed: int = 0
    is_jpeg: bool = False  # the picture was stored with loss, so equal colours no longer are
    # Where a thing is not believed, or not worth a layer.
    unsure: float = 0.6  # mean matte on its support
    too_soft: float = 0.5  # share of it between 0.1 and 0.9
    hallucinated: float = 0.5  # share of it that a fill invented
    ghost: float = 0.6  # overlap with something that was taken off already
    scrap: float = 0.05  # of the largest thing taken off, that what is found later must cover
    leftover: float = 0.7  # share of it that lines what was taken off, as bad edges do
    ghost_change: float = 2.0  # levels that taking it off must change
    backdrop: float = 0.85  # share of the canvas it covers
    backdrop_border: float = 0.7  # share of three borders it touches
    invented: float = 0.8  # share of the canvas that fills invented, where the peel ends
    # Where regions of colour are asked because the segmenter does not know.
    fallback: float = 0.75  # mean matte below which flat art is cut by its colours
    # Who is in front.
    front: float = -0.1  # exposure from which a thing counts as uncovered

    def __post_init__(self) -> None:
        if not 0 <= self.max_layers <= 255:
            raise UsageError(f"--max-layers is between 0 and 255, not {self.max_layers}")
        if not 0 <= self.min_area < 1:
            raise UsageError(f"--min-area is a share of the picture, not {self.min_area}")
        if self.max_seconds is not None and not self.max_seconds > 0:
            raise UsageError(f"--max-seconds is above 0, not {self.max_seconds}")
