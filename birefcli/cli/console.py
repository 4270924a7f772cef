"""What a run shows: paths or JSON on stdout, and for people a bar, warnings and a sum on stderr."""

import sys
import time
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, TextIO

from birefcli.errors import OutputError

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from birefcli.report import Outcome, RunReport
    from birefcli.segmenter import LoadedSegmenter


class Console:
    """The streams of one run; the bar is drawn only on a terminal."""

    def __init__(
        self, total: int, *, as_json: bool = False, quiet: bool = False, report: Path | None = None
    ) -> None:
        self.total = total
        self.as_json = as_json
        self.quiet = quiet
        self.report_path = report
        self.loaded: LoadedSegmenter | None = None
        self._report: TextIO | None = None
        self._bar: tuple[Progress, TaskID] | None = None
        self._stack = ExitStack()

    def __enter__(self) -> "Console":
        """Open the report and start the bar."""
        self._started = time.perf_counter()
        if self.report_path is not None:
            try:
                self._report = self._stack.enter_context(
                    self.report_path.open("w", encoding="utf-8", newline="\n")
                )
            except OSError as error:
                raise OutputError(
                    f"cannot write --report {self.report_path}: {error.strerror}"
                ) from error
        if sys.stderr.isatty() and not self.quiet and self.total > 1:
            self._start_bar()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()
        self._bar = None

    def show(self, outcome: "Outcome") -> None:
        """Tell how one picture ended, in every stream that wants to know."""
        loaded = self.loaded
        line = outcome.to_json(loaded.model if loaded else None, loaded.device if loaded else None)
        if self._report is not None:
            self._report.write(line + "\n")
            self._report.flush()
        if self.as_json:
            self.result(line)
        else:
            for path in outcome.outputs if outcome.status.value != "skipped" else ():
                self.result(str(path))
        if outcome.message:
            self.warn(f"{outcome.status.value}: {outcome.message}")
        if self._bar is not None:
            progress, task = self._bar
            progress.advance(task)

    def result(self, line: str) -> None:
        """Write a line to stdout, above the bar where both share the terminal."""
        if self._bar is not None and sys.stdout.isatty():
            self._bar[0].console.print(line, markup=False, highlight=False, soft_wrap=True)
        else:
            sys.stdout.write(line + "\n")
            sys.stdout.flush()

    def say(self, text: str) -> None:
        """Say something to a person, unless they want quiet."""
        if not self.quiet:
            self.warn(text)

    def warn(self, text: str) -> None:
        """Say something a person must know even when they want quiet."""
        if self._bar is not None:
            self._bar[0].console.print(text, markup=False, highlight=False, soft_wrap=True)
        else:
            sys.stderr.write(text + "\n")
            sys.stderr.flush()

    def sum_up(self, report: "RunReport") -> None:
        """Say how the whole run went."""
        seconds = time.perf_counter() - self._started
        self.say(f"{report} in {seconds:.1f} s")

    def _start_bar(self) -> None:
        from rich.console import Console as RichConsole
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        progress = Progress(
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            console=RichConsole(stderr=True),
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._stack.enter_context(progress)
        self._bar = progress, progress.add_task("", total=self.total, rate="")


def plural(count: int, what: str) -> str:
    """Say 1 picture, 2 pictures."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def is_binary_to_terminal(target: Any) -> bool:
    """Tell whether picture bytes would be poured onto a terminal."""
    return target == "-" and sys.stdout.isatty()
