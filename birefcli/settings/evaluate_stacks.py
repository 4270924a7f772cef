"""What `birefcli eval-peel` was asked: which scenes, told how much, and by what it scores."""

from dataclasses import dataclass
from enum import StrEnum

from birefcli.errors import UsageError
from birefcli.settings.bench import BenchSettings
from birefcli.settings.evaluate import EvalSettings, SaveSettings
from birefcli.settings.model import ANY_MODEL, ModelSettings
from birefcli.settings.options import Panel, borrowed, option
from birefcli.settings.peel import PeelCommand
from birefcli.settings.run import JsonSettings, QuietSettings
from birefcli.settings.synth import SceneSettings, Suite
from birefcli.settings.words import Bar, several


class PeelMode(StrEnum):
    """How much of the truth a peel is told."""

    ORACLE = "oracle"  # what is visible of each object
    UNION = "union"  # the matte of all objects together
    NET = "net"  # nothing: a model looks


class Baseline(StrEnum):
    """Simpler methods that take a picture apart."""

    B0 = "B0"  # one cut, and a fill by Navier and Stokes
    B1 = "B1"  # rounds of whole masks, unblended, as LayerD does it
    B2 = "B2"  # our peel in a random order
    B3 = "B3"  # our peel with copied patches alone


@dataclass(frozen=True, kw_only=True)
class EvalPeelSettings(JsonSettings, QuietSettings, SaveSettings, SceneSettings):
    """Everything `birefcli eval-peel` needs to know."""

    # Reports begin at seed 0, tuning at 10000.
    suites: tuple[Suite, ...] = borrowed(SceneSettings, "suites", default=tuple(Suite))
    # The canvas's shorter side in pixels; without one, every suite has its own.
    side: int | None = borrowed(BenchSettings, "side", default=None)
    mode: PeelMode = option(
        PeelMode.ORACLE,
        "What a peel is told: each visible object, all objects together, or nothing.",
        panel=Panel.PEEL,
    )
    against: tuple[Baseline, ...] = option(
        (),
        "Set against one cut (B0), rounds as LayerD does them (B1), our peel in a random"
        " order (B2) or with copied patches alone (B3).",
        panel=Panel.PEEL,
        words=several(Baseline),
    )
    inpaint: str = borrowed(PeelCommand, "inpaint")
    model: ModelSettings = ANY_MODEL
    fail_below: tuple[Bar, ...] = borrowed(EvalSettings, "fail_below")

    def __post_init__(self) -> None:
        if self.mode != PeelMode.NET and self.model.model is not None:
            raise UsageError(f"--model is for --mode net; --mode {self.mode} is told the truth")
        self.check_files()

    @property
    def scenes(self) -> tuple[tuple[Suite, int], ...]:
        """Every scene to peel: its suite and its seed."""
        return tuple(
            (suite, seed)
            for suite in self.suites
            for seed in range(self.seed, self.seed + (self.number or suite.scenes))
        )
