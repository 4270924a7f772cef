"""How each picture ended, and what the run as a whole tells its caller."""

import json
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from birefcli.errors import ExitCode


class Status(StrEnum):
    """The four ways a picture can end."""

    DONE = "done"
    EMPTY = "empty"
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass(frozen=True)
class ModelInfo:
    """Which weights made a result."""

    name: str
    sha256: str
    licence: str
    tile_order: str


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
        return json.dumps(values, ensure_ascii=False)


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
    def exit_code(self) -> ExitCode:
        """1 if any picture failed, else 0."""
        return ExitCode.FAILED if self.counts[Status.FAILED] else ExitCode.OK

    def __str__(self) -> str:
        """Say it in one line: 12 done, 1 empty, 2 failed."""
        parts = [f"{n} {status}" for status in Status if (n := self.counts[status])]
        left = self.planned - len(self.outcomes)
        if left:
            parts.append(f"{left} not reached")
        return ", ".join(parts) or "nothing to do"
