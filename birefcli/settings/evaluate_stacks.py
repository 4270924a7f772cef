"""What `birefcli eval-peel` was asked: which scenes, told how much, and by what it scores."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from birefcli.errors import UsageError
from birefcli.settings.model import ANY_MODEL, ModelSettings
from birefcli.settings.synth import Suite


class PeelMode(StrEnum):
    """How much of the truth a peel is told."""

    ORACLE = "oracle"  # what is visible of each object
    UNION = "union"  # the matte of all objects together
    NET = "net"  # nothing: a model looks


class Baseline(StrEnum):
    """Simpler ways to take a picture apart."""

    B0 = "B0"  # one cut, and a fill by Navier and Stokes
    B1 = "B1"  # rounds of whole masks, unblended, as LayerD does it
    B2 = "B2"  # our peel in a random order
    B3 = "B3"  # our peel with copied patches alone


@dataclass(frozen=True)
class StackMetric:
    """A number that says how good a stack is; of an error, less is better."""

    name: str
    is_error: bool = False
    digits: int = 3
    is_shown: bool = True  # in tables; JSON has all


MERGES = 5  # edits that the LayerD score grants
GROUPINGS = {"layerd": 8, "layerd0": 0}  # alphas above which layers meet, ours and LayerD's own
METRICS = (
    StackMetric("differing-px", is_error=True, digits=0),
    StackMetric("float-error", is_error=True, digits=2),
    StackMetric("matched"),
    StackMetric("missed", is_error=True, digits=2),
    StackMetric("extra", is_error=True, digits=2),
    StackMetric("duplicates", is_error=True, digits=2),
    StackMetric("first-iou"),
    StackMetric("left-alone"),
    StackMetric("order"),
    StackMetric("tau"),
    StackMetric("abstained", is_error=True),
    StackMetric("visible-iou"),
    StackMetric("amodal-iou"),
    StackMetric("band-sad", is_error=True, digits=1),
    StackMetric("color", is_error=True, digits=2),
    StackMetric("edge-color", is_error=True, digits=2),
    StackMetric("hidden-found"),
    StackMetric("hidden-color", is_error=True, digits=2),
    StackMetric("background", is_error=True, digits=2),
    StackMetric("new-colors", is_error=True),
    StackMetric("exact-fill"),
    *(
        StackMetric(f"{grouping}-{kind}-{edits}", kind == "rgb", digits, is_shown)
        for grouping in GROUPINGS
        for kind, digits in (("rgb", 4), ("iou", 4))
        for edits in range(MERGES + 1)
        for is_shown in (grouping == "layerd" and edits in (0, 3, MERGES),)
    ),
    StackMetric("layers-off", is_error=True, digits=2),
    StackMetric("invented", is_error=True),
    StackMetric("seconds", is_error=True, digits=2),
)


@dataclass(frozen=True)
class StackBar:
    """A mean that every suite must reach, or for errors stay under."""

    metric: StackMetric
    value: float


@dataclass(frozen=True, kw_only=True)
class EvalPeelSettings:
    """Everything `birefcli eval-peel` needs to know."""

    suites: tuple[Suite, ...] = tuple(Suite)
    mode: PeelMode = PeelMode.ORACLE
    against: tuple[Baseline, ...] = ()
    # Without a number, every suite has its own.
    number: int | None = None
    first_seed: int = 0
    # The canvas's shorter side in pixels; without one, every suite has its own.
    side: int | None = None
    inpaint: str = "auto"
    model: ModelSettings = ANY_MODEL
    fail_below: tuple[StackBar, ...] = ()
    json: Path | None = None
    markdown: Path | None = None

    def __post_init__(self) -> None:
        if self.mode != PeelMode.NET and self.model.model is not None:
            raise UsageError(f"--model is for --mode net; --mode {self.mode} is told the truth")

    @property
    def scenes(self) -> tuple[tuple[Suite, int], ...]:
        """Every scene to peel: its suite and its seed."""
        return tuple(
            (suite, seed)
            for suite in self.suites
            for seed in range(self.first_seed, self.first_seed + (self.number or suite.scenes))
        )
