"""How each picture ended, and what the run as a whole tells its caller."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from birefcli.errors import ExitCode
from birefcli.models import ModelInfo


class Status(StrEnum):
    """The four ways a picture can end."""

    DONE = "done"
    EMPTY = "empty"
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass(frozen=True)
class CutFacts:
    """What decided a cutout, and where in the result the corner of its box lies, (x, y)."""

    decided_by: str
    ground: str | None = None
    ground_confidence: float | None = None
    offset: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class Outcome:
    """How one picture ended; boxes are (left, top, right, bottom), sizes (height, width)."""

    source: str
    status: Status
    reason: str = ""
    message: str = ""
    outputs: tuple[Path, ...] = ()
    size: tuple[int, int] | None = None
    box: tuple[int, int, int, int] | None = None
    seconds: float = 0.0
    layers: int | None = None  # of a stack
    cut: CutFacts | None = None  # of a cutout
    frames: int | None = None  # of an animation
    pivot: tuple[float, float] | None = None  # of an animation: x and y in the source

    def to_json(self, model: ModelInfo | None, device: str | None) -> str:
        """Write the outcome as one line of JSON."""
        values: dict[str, Any] = {
            "source": self.source,
            "status": self.status.value,
            "reason": self.reason,
            "message": self.message,
            "outputs": [path.as_posix() for path in self.outputs],
            "size": self.size,
            "box": self.box,
            "seconds": round(self.seconds, 4),
            "model": vars(model) if model else None,
            "device": device,
        }
        for name in ("layers", "frames", "pivot"):
            if getattr(self, name) is not None:
                values[name] = getattr(self, name)
        if self.cut is not None:
            values |= vars(self.cut)
        return to_line(values)


@dataclass
class RunReport:
    """The outcomes of a run, counted."""

    outcomes: list[Outcome] = field(default_factory=list)
    planned: int = 0

    @property
    def counts(self) -> Counter[Status]:
        """How many ended which way."""
        return Counter(outcome.status for outcome in self.outcomes)

    @property
    def left(self) -> int:
        """How many pictures the run ended before."""
        return self.planned - len(self.outcomes)

    @property
    def exit_code(self) -> ExitCode:
        """1 if any picture failed or was not reached, else 0."""
        return ExitCode.FAILED if self.counts[Status.FAILED] or self.left else ExitCode.OK

    def __str__(self) -> str:
        """Say it in one line: 12 done, 1 empty, 2 failed."""
        parts = [f"{n} {status}" for status in Status if (n := self.counts[status])]
        if self.left:
            parts.append(f"{self.left} not reached")
        return ", ".join(parts) or "nothing to do"


def to_line(values: Mapping[str, Any]) -> str:
    """Write values as one line of JSON that is text everywhere."""
    line = json.dumps(values, ensure_ascii=False)
    try:
        line.encode()
    except UnicodeEncodeError:
        # A name that is no Unicode holds halves of surrogate pairs, which UTF-8 has no place for.
        return json.dumps(values)
    return line
