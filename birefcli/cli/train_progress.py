"""The bar of a training: how far, how good the loss, how fast, how long still, the best so far."""

import sys
from typing import TYPE_CHECKING

from birefcli.cli.console import draw_bar, on_one_line, print_above

if TYPE_CHECKING:
    from rich.progress import TaskID

    from birefcli.train import StepSummary


class TrainConsole:
    """What a training says; lines above a bar on a terminal, plain lines elsewhere."""

    def __init__(self, *, quiet: bool) -> None:
        self.quiet = quiet
        self.has_bar = not quiet and sys.stderr.isatty()

    def __enter__(self) -> "TrainConsole":
        if self.has_bar:
            self._progress = draw_bar(
                "{task.percentage:.0f} %  step {task.fields[step]}",
                "loss {task.fields[loss]}  {task.fields[rate]} samples/s",
                "best {task.fields[best]}",
            )
            self._task: TaskID = self._progress.add_task(
                "", total=1.0, step=0, loss="-", rate="-", best="-"
            )
            self._progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self.has_bar:
            self._progress.stop()

    def say(self, text: str) -> None:
        """Say something to a person, unless they want quiet."""
        if not self.quiet:
            self.warn(text)

    def warn(self, text: str) -> None:
        """Say something a person must know even when they want quiet."""
        text = on_one_line(text)
        if self.has_bar:
            print_above(self._progress, text)
        else:
            sys.stderr.write(text + "\n")
            sys.stderr.flush()

    def watch(self, now: "StepSummary") -> None:
        """Move the bar."""
        self._progress.update(
            self._task,
            completed=now.share,
            step=now.step,
            loss=f"{now.loss:.2f}",
            rate=f"{now.rate:.1f}",
            best="-" if now.best is None else f"{now.best:.4f}",
        )
