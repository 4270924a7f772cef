"""What an animation is here: whole frames with their times; and the parts that a file keeps."""

from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Literal, TypeAlias

from birefcli.image.types import Rgb, Rgba

Container: TypeAlias = Literal["gif", "apng", "webp"]


@dataclass(frozen=True, eq=False)
class FramePalette:
    """The one colour table of an indexed animation: uint8 (N, 3), and which entry is clear."""

    colors: Rgb
    clear: int | None = None


@dataclass(frozen=True, eq=False)
class Animation:
    """Frames as a viewer shows them, all of one size, with what a file needs to say again.

    `durations` are milliseconds, one a frame. `loop` is how often all frames are played, 0 for
    ever. `poster` is the picture that an APNG shows where animations are not known.
    """

    frames: tuple[Rgba, ...]  # (H, W, 4) each, alpha straight
    durations: tuple[float, ...]
    loop: int = 0
    container: Container = "apng"
    palette: FramePalette | None = None
    poster: Rgba | None = None
    icc: bytes | None = None
    dpi: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if not self.frames or len({frame.shape for frame in self.frames}) > 1:
            raise ValueError("an animation has frames, and all of one size")
        if len(self.frames) != len(self.durations):
            raise ValueError(f"{len(self.frames)} frames with {len(self.durations)} durations")

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        return self.frames[0].shape[0], self.frames[0].shape[1]

    def with_frames(self, frames: tuple[Rgba, ...]) -> "Animation":
        """Return other frames with these times; the poster, which showed the old ones, goes."""
        return replace(self, frames=frames, poster=None)


class Disposal(Enum):
    """What becomes of a part once its time is over."""

    KEEP = auto()
    CLEAR = auto()  # its rectangle turns transparent
    RESTORE = auto()  # what was there before comes back


@dataclass(frozen=True)
class FramePart:
    """One frame as a file keeps it: a picture file of its own, placed on the canvas."""

    data: bytes
    left: int
    top: int
    width: int
    height: int
    duration: float = 0
    disposal: Disposal = Disposal.KEEP
    is_blended: bool = True  # else it replaces what it covers, alpha and all


@dataclass(frozen=True)
class Layout:
    """An animated file taken apart: its canvas and its parts, none of them decoded yet."""

    width: int
    height: int
    parts: tuple[FramePart, ...]
    loop: int
    palette: FramePalette | None = None
    poster: FramePart | None = None
    icc: bytes | None = None


class EndsEarlyError(Exception):
    """A file stops before its end."""
