"""The run's log: JSON lines always, TensorBoard where it is installed, words for people."""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from birefcli.settings import TrainSettings
from birefcli.train.run_folder import LOG
from birefcli.train.schedule import Progress
from birefcli.train.step import StepResult
from birefcli.train.validation import ValidationResult

WRITE_EVERY, SAY_EVERY = 10, 50  # steps


@dataclass(frozen=True)
class StepSummary:
    """How a training stands: what a bar shows."""

    share: float
    step: int
    loss: float
    rate: float  # pictures a second
    best: float | None


class Log:
    """Notes steps and validations; `watch` is shown every step."""

    def __init__(
        self,
        settings: TrainSettings,
        begin: Progress,
        say: Callable[[str], None],
        watch: Callable[[StepSummary], None] | None,
    ) -> None:
        self.settings = settings
        self.begin = begin
        self.say = say
        self.watch = watch
        self.path = settings.out / LOG
        _forget_after(self.path, begin.step)
        self._board = _open_board(settings.out, begin.step)

    def step(self, progress: Progress, taken: StepResult) -> None:
        """Note a step that was taken."""
        done = progress.samples - self.begin.samples
        speed = done / max(1e-9, progress.seconds - self.begin.seconds)
        if self.watch is not None:
            share = progress.share(self.settings)
            best = None if progress.best is None else abs(progress.best)
            self.watch(StepSummary(share, progress.step, taken.loss, speed, best))
        if progress.step == 1 or progress.step % WRITE_EVERY == 0:
            numbers = {"loss": taken.loss, "rate": taken.rate, "norm": taken.norm, **taken.terms}
            self._write(progress, numbers | {"samples_per_second": round(speed, 2)})
            self._plot(progress.step, {f"train/{name}": n for name, n in numbers.items()})
        if self.watch is None and progress.step % SAY_EVERY == 0:
            parts = " ".join(f"{name} {value:.2f}" for name, value in taken.terms.items())
            self.say(
                f"step {progress.step} minute {progress.seconds / 60:.1f} {speed:.1f} samples/s "
                f"norm {taken.norm:.1f} {parts}"
            )

    def validation(self, progress: Progress, result: ValidationResult) -> None:
        """Note a validation."""
        value = None if math.isnan(result.value) else result.value
        self._write(progress, {"metric": result.metric, "value": value, "scores": result.scores})
        plots = {f"val/{name}": score for name, score in result.scores.items()}
        self._plot(progress.step, {**plots, f"val/{result.metric}": result.value})
        parts = " ".join(f"{name} {value:.4f}" for name, value in result.scores.items())
        self.say(f"validated at step {progress.step}: {result.metric} {result.value:.4f} {parts}")

    def close(self) -> None:
        """Finish the board's file."""
        if self._board is not None:
            self._board.close()

    def _write(self, progress: Progress, values: dict[str, Any]) -> None:
        line = {
            "step": progress.step,
            "samples": progress.samples,
            "seconds": round(progress.seconds, 2),
            **values,
        }
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def _plot(self, step: int, values: dict[str, float]) -> None:
        if self._board is not None:
            for name, value in values.items():
                self._board.add_scalar(name, value, step)


def _forget_after(path: Path, step: int) -> None:
    """Drop what was noted after the step a run goes on from; it will be noted again.

    A new run, at step 0, forgets all of one that was broken off before its first checkpoint.
    """
    if not path.is_file():
        return
    lines = path.read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if 0 < step >= _step_of(line)]
    path.write_text("".join(line + "\n" for line in kept), encoding="utf-8")


def _step_of(line: str) -> float:
    """Give the step of a line; one that was cut off by a kill comes after all others."""
    try:
        step: int = json.loads(line)["step"]
        return step
    except (ValueError, KeyError, TypeError):
        return math.inf


def _open_board(folder: Path, step: int) -> Any:
    """Give TensorBoard's writer, or None where TensorBoard is not installed."""
    if find_spec("tensorboard") is None:
        return None
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(folder / "tensorboard"), purge_step=step)
