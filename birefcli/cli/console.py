"""What a run shows: paths or JSON on stdout, and for people a bar, warnings and a sum on stderr."""

import io
import os
import sys
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

from birefcli.errors import OutputError

if TYPE_CHECKING:
    from rich.progress import Progress, ProgressColumn, TaskID

    from birefcli.batch import Outcome, RunReport
    from birefcli.models import ModelInfo


class Console:
    """The streams of one run; the bar is drawn only on a terminal."""

    def __init__(
        self, total: int, *, as_json: bool = False, quiet: bool = False, report: Path | None = None
    ) -> None:
        self.total = total
        self.as_json = as_json
        self.quiet = quiet
        self.report_path = report
        # What the report says about every picture.
        self.model: ModelInfo | None = None
        self.device: str | None = None
        # Whether stdout still has somebody at its other end.
        self.is_read = True
        self._report: TextIO | None = None
        self._bar: _Bar | None = None
        self._stack = ExitStack()

    def __enter__(self) -> "Console":
        """Open the report and start the bar."""
        self._started = time.perf_counter()
        let_any_name_through(sys.stdout)
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
            self._bar = self._stack.enter_context(_Bar(self.total))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar = None
        self._stack.close()

    def show(self, outcome: "Outcome") -> None:
        """Tell how one picture ended, in every stream that wants to know."""
        line = outcome.to_json(self.model, self.device)
        self._note(line)
        if self.as_json:
            self.result(line)
        elif outcome.status.value != "skipped":
            for path in outcome.outputs:
                self.result(str(path))
        if outcome.message:
            words = f"{outcome.status.value}: {outcome.message}"
            if outcome.status.value == "failed":
                self.warn(words)
            else:
                self.say(words)
        if self._bar is not None:
            self._bar.advance(is_work=outcome.status.value != "skipped")

    def result(self, line: str) -> None:
        """Write a line to stdout, above the bar where both share the terminal."""
        if self._bar is not None and sys.stdout.isatty():
            self._bar.print(line)
            return
        if not self.is_read:
            return
        try:
            sys.stdout.write(line + "\n")
            sys.stdout.flush()
        except OSError as error:
            # What stays in the buffer has nowhere to go, also when Python exits.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            self.is_read = False
            if not isinstance(error, BrokenPipeError):
                raise OutputError(f"cannot write to standard output: {error.strerror}") from error

    def say(self, text: str) -> None:
        """Say something to a person, unless they want quiet."""
        if not self.quiet:
            self.warn(text)

    def warn(self, text: str) -> None:
        """Say something a person must know even when they want quiet."""
        text = on_one_line(text)
        if self._bar is not None:
            self._bar.print(text)
        else:
            sys.stderr.write(text + "\n")
            sys.stderr.flush()

    def sum_up(self, report: "RunReport") -> None:
        """Say how the whole run went."""
        seconds = time.perf_counter() - self._started
        self.say(f"{report} in {seconds:.1f} s")

    def _note(self, line: str) -> None:
        """Add a line to the report file."""
        if self._report is None:
            return
        try:
            self._report.write(line + "\n")
            self._report.flush()
        except OSError as error:
            report, self._report = self._report, None
            with suppress(OSError):
                report.close()
            raise OutputError(
                f"cannot write --report {self.report_path}: {error.strerror}"
            ) from error


class _Bar:
    """The bar below everything else: how many pictures are over, how fast, and how long still."""

    def __init__(self, total: int) -> None:
        from rich.progress import MofNCompleteColumn

        self._progress = draw_bar(MofNCompleteColumn(), "{task.fields[rate]}")
        self._task: TaskID = self._progress.add_task("", total=total, rate="")
        self._begun: float | None = None
        self._worked = 0

    def __enter__(self) -> "_Bar":
        self._progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._progress.stop()

    def print(self, text: str) -> None:
        """Print a line above the bar, just as it is."""
        print_above(self._progress, text)

    def advance(self, *, is_work: bool) -> None:
        """Count a picture; the rate is that of the work since the first one was through."""
        now = time.perf_counter()
        rate = ""
        if self._begun is None:
            self._begun = now if is_work else None
        elif is_work:
            self._worked += 1
        if self._begun is not None and self._worked:
            per_second = self._worked / max(now - self._begun, 1e-6)
            rate = f"{per_second:.{1 if per_second >= 1 else 2}f} pictures/s"
        self._progress.update(self._task, advance=1, rate=rate)


def draw_bar(*columns: "str | ProgressColumn") -> "Progress":
    """Make a bar on stderr with these columns behind it, and how long still at its end."""
    from rich.console import Console as RichConsole
    from rich.progress import BarColumn, Progress, TimeRemainingColumn

    return Progress(
        BarColumn(bar_width=None),
        *columns,
        TimeRemainingColumn(),
        console=RichConsole(stderr=True),
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )


def print_above(bar: "Progress", text: str) -> None:
    """Print a line above a bar, just as it is."""
    bar.console.print(text, markup=False, highlight=False, emoji=False, soft_wrap=True)


def let_any_name_through(stream: TextIO) -> None:
    """Write names that are no Unicode as the bytes they are."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="surrogateescape")


def on_one_line(text: str) -> str:
    """Show what a name holds of newlines and other control characters as escapes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def plural(count: int, what: str) -> str:
    """Say 1 picture, 2 pictures."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
