"""What `birefcli synth` was asked: suites or sprites, how many scenes, and where to."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from birefcli.errors import UsageError
from birefcli.settings.options import REQUIRED, Panel, option
from birefcli.settings.run import JsonSettings, PixelLimit, QuietSettings
from birefcli.settings.words import SIZE, several


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
class SceneSettings:
    """Which drawn scenes there are."""

    suites: tuple[Suite, ...] = option(
        (),
        "{choices} or all, several with commas.",
        panel=Panel.SCENES,
        names=("--suite",),
        words=several(Suite, everything="all"),
        choices=lambda: Suite,
    )
    # Without a number, a suite has its own.
    number: int | None = option(
        None,
        "How many are drawn; of every suite, if several.",
        panel=Panel.SCENES,
        names=("--number", "-n"),
        min=1,
    )
    seed: int = option(
        0,
        "The same number gives the same scenes; of a suite, it is that of the first.",
        panel=Panel.SCENES,
        min=0,
    )


@dataclass(frozen=True, kw_only=True)
class SynthSettings(JsonSettings, QuietSettings, PixelLimit, SceneSettings):
    """Everything `birefcli synth` needs to know."""

    # What to draw in place of suites: sprites over grounds.
    sprites: tuple[Path, ...] = option(
        (), "Pictures with alpha, or folders of them.", is_argument=True, metavar="[SPRITES]..."
    )
    grounds: Path | None = option(
        None,
        "Pictures behind the sprites; else drawn ones.",
        panel=Panel.SCENES,
        metavar="FOLDER",
    )
    # (height, width) of scenes of sprites.
    size: tuple[int, int] = option(
        (512, 512), "Size of scenes of sprites.", panel=Panel.SCENES, words=SIZE
    )
    # Of the scenes with several sprites: how many have some that overlap.
    overlap: float = option(
        0.6,
        "Share of scenes of several sprites in which some overlap.",
        panel=Panel.SCENES,
        min=0,
        max=1,
    )
    layers: bool = option(False, "Write the true layers of sprites too.", panel=Panel.SCENES)
    # Where to write, and how.
    out: Path = option(
        REQUIRED,
        "Where the scenes go.",
        panel=Panel.OUTPUT,
        names=("--out", "-o"),
        metavar="FOLDER",
    )
    # Without a number, one process per core.
    jobs: int | None = option(None, "Scenes drawn at a time; one per core.", panel=Panel.RUN, min=1)
    redo: bool = option(False, "Write over scenes of the same name in FOLDER.", panel=Panel.RUN)

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
