"""What `birefcli synth` was asked: suites or sprites, how many scenes, and where to."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from birefcli.errors import UsageError
from birefcli.settings.cut import CutSettings


class Suite(StrEnum):
    """The seeded suites of layered scenes."""

    FLAT = "flat"
    PIXEL = "pixel"
    TEXTURE = "texture"
    SCENE = "scene"
    HARD = "hard"

    @property
    def number(self) -> int:
        """Its place in the list, which is part of every seed."""
        return list(Suite).index(self)

    @property
    def scenes(self) -> int:
        """How many scenes it has when nobody says."""
        return {"flat": 100, "pixel": 60, "texture": 100, "scene": 60, "hard": 40}[self]


@dataclass(frozen=True, kw_only=True)
class SynthSettings:
    """Everything `birefcli synth` needs to know."""

    # What to draw: suites, or sprites over grounds.
    sprites: tuple[Path, ...] = ()
    suites: tuple[Suite, ...] = ()
    grounds: Path | None = None
    # Without a number, a suite has its own and sprites give a hundred.
    number: int | None = None
    seed: int = 0
    # (height, width) of scenes of sprites.
    size: tuple[int, int] = (512, 512)
    # Of the scenes with several sprites: how many have some that overlap.
    overlap: float = 0.6
    layers: bool = False
    # Where to write, and how.
    out: Path
    # Without a number, one process per core.
    jobs: int | None = None
    redo: bool = False
    max_pixels: int = CutSettings.max_pixels

    def __post_init__(self) -> None:
        if bool(self.sprites) == bool(self.suites):
            raise UsageError("give sprites (pictures or folders with alpha), or a --suite")
        if self.suites and self.grounds is not None:
            raise UsageError("--grounds lie behind sprites; a --suite draws its own")
        if self.suites and self.layers:
            raise UsageError("--layers is for sprites; a --suite always writes its layers")
        if not 0 <= self.overlap <= 1:
            raise UsageError(f"--overlap is a share from 0 to 1, not {self.overlap}")
        if min(self.size) < 16:
            raise UsageError("--size needs at least 16 pixels a side")
