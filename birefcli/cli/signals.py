"""Ctrl-C and SIGTERM: the first ends a run in good order, the second at once."""

import signal
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from birefcli.errors import ExitCode

if TYPE_CHECKING:
    from birefcli.batch import StopFlag


class Signals:
    """Asks a run to stop, remembers why, and puts the former handlers back at the end."""

    def __init__(self, stop: "StopFlag", warn: Callable[[str], None], words: str) -> None:
        self.stop = stop
        self.warn = warn
        self.words = words
        self.exit_code: ExitCode | None = None

    def __enter__(self) -> "Signals":
        """Take both signals."""
        numbers = (signal.SIGINT, signal.SIGTERM)
        self.before = {number: signal.signal(number, self._caught) for number in numbers}
        return self

    def __exit__(self, *error: object) -> None:
        """Give them back."""
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def _caught(self, number: int, frame: Any) -> None:
        is_interrupt = number == signal.SIGINT
        self.exit_code = ExitCode.INTERRUPTED if is_interrupt else ExitCode.TERMINATED
        signal.signal(number, signal.SIG_DFL)
        self.stop.ask()
        # The signal may have come in the middle of writing to the same stream.
        with suppress(RuntimeError):
            self.warn(f"stopping: {self.words} (again to stop at once)")
