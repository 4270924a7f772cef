"""Many frames on one picture: trimmed, placed, and told where they are."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from birefcli.errors import UsageError
from birefcli.image.placing import place
from birefcli.image.types import Rgba

_Box: TypeAlias = tuple[int, int, int, int]  # (left, top, right, bottom)
_DURATION = 100.0


@dataclass(frozen=True)
class Entry:
    """Where one frame lies on the sheet, and where it lay in its own picture."""

    name: str
    box: _Box  # on the sheet, without what is extruded
    source_size: tuple[int, int]  # (height, width) of the whole frame
    offset: tuple[int, int]  # x and y of the box in the whole frame
    duration: float  # milliseconds
    pivot: tuple[float, float] | None  # x and y in the whole frame, in pixels

    @property
    def is_trimmed(self) -> bool:
        """Whether the sheet holds less than the whole frame."""
        left, top, right, bottom = self.box
        return (bottom - top, right - left) != self.source_size


@dataclass(frozen=True)
class Tag:
    """A series among the frames: its name, its first and its last frame, counted from 0."""

    name: str
    first: int
    last: int


@dataclass(frozen=True, eq=False)
class Atlas:
    """A sheet with its frames, in the order they were given."""

    rgba: Rgba
    entries: tuple[Entry, ...]


def pack(
    frames: Sequence[Rgba],
    names: Sequence[str],
    *,
    durations: Sequence[float] | None = None,
    pivots: Sequence[tuple[float, float]] | None = None,
    trim: bool = True,
    padding: int = 2,
    extrude: int = 0,
    power_of_two: bool = False,
    max_size: int = 8192,
    share_duplicates: bool = True,
) -> Atlas:
    """Return one sheet that holds all frames, never turned; the same frames make the same bytes.

    `trim` leaves out clear borders, a frame of nothing keeps one pixel. `padding` clear pixels
    lie between frames and around the sheet, outside of the `extrude` pixels by which the edge of
    each frame is repeated. Frames that look the same share one place. Raise UsageError where a
    sheet of `max_size` pixels a side does not hold them.
    """
    if not frames or len(frames) != len(names) or len(set(names)) < len(names):
        raise ValueError("frames to pack have one name each, and no two the same")
    boxes = [_visible_box(frame) if trim else _whole(frame) for frame in frames]
    pieces = [
        np.ascontiguousarray(f[t:b, x:r]) for f, (x, t, r, b) in zip(frames, boxes, strict=True)
    ]
    # The number of the first piece that looks the same.
    first: dict[object, int] = {}
    same = [
        first.setdefault((piece.shape, piece.tobytes()) if share_duplicates else i, i)
        for i, piece in enumerate(pieces)
    ]
    kept = sorted(set(same))
    around = 2 * extrude
    sizes = [(pieces[i].shape[0] + around, pieces[i].shape[1] + around) for i in kept]
    placed = place(sizes, padding=padding, power_of_two=power_of_two, max_size=max_size)
    if placed is None:
        raise UsageError(
            f"{len(frames)} frames do not fit on one sheet of {max_size}x{max_size} pixels;"
            " pack fewer, or allow a larger one"
        )
    sheet = np.zeros((*placed.size, 4), np.uint8)
    corner: dict[int, tuple[int, int]] = {}
    for i, (x, y) in zip(kept, placed.corners, strict=True):
        piece = np.pad(pieces[i], ((extrude,) * 2, (extrude,) * 2, (0, 0)), mode="edge")
        sheet[y : y + piece.shape[0], x : x + piece.shape[1]] = piece
        corner[i] = x + extrude, y + extrude
    entries = []
    for i, (frame, (left, top, right, bottom)) in enumerate(zip(frames, boxes, strict=True)):
        x, y = corner[same[i]]
        entries.append(
            Entry(
                name=names[i],
                box=(x, y, x + right - left, y + bottom - top),
                source_size=(frame.shape[0], frame.shape[1]),
                offset=(left, top),
                duration=durations[i] if durations is not None else _DURATION,
                pivot=pivots[i] if pivots is not None else None,
            )
        )
    return Atlas(sheet, tuple(entries))


def _whole(rgba: Rgba) -> _Box:
    return 0, 0, rgba.shape[1], rgba.shape[0]


def _visible_box(rgba: Rgba) -> _Box:
    """Return the box around what is visible; the first pixel where nothing is."""
    rows = np.flatnonzero(rgba[..., 3].any(axis=1))
    columns = np.flatnonzero(rgba[..., 3].any(axis=0))
    if not rows.size:
        return 0, 0, 1, 1
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
