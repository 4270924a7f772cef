"""Everything that can go wrong in words: each error says what to do next and carries its exit code.

BirefcliError                   1
├── PictureError                1   one picture cannot be read or used; the run goes on
├── OutputError                 1   a result cannot be written
│   └── DiskFullError           1   no space left; the run stops
├── UsageError                  2   the command line does not make sense
├── InputError                  3   no input path exists, or no picture was found
├── WeightsError                4   a model is missing, unfit or broken
└── DeviceError                 5   a device or a package is missing
"""

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes of the process."""

    OK = 0
    FAILED = 1
    USAGE = 2
    NO_INPUT = 3
    MODEL = 4
    DEVICE = 5
    INTERNAL = 70
    INTERRUPTED = 130
    TERMINATED = 143


class BirefcliError(Exception):
    """A failure that ends in one sentence for the user."""

    exit_code = ExitCode.FAILED


class PictureError(BirefcliError):
    """One picture cannot be read or used; `reason` is the word the report groups by."""

    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class OutputError(BirefcliError):
    """A result cannot be written."""


class DiskFullError(OutputError):
    """The disk or the quota is full; going on would fail every picture that follows."""


class UsageError(BirefcliError):
    """The command line does not make sense."""

    exit_code = ExitCode.USAGE


class InputError(BirefcliError):
    """No input path exists, or no picture was found."""

    exit_code = ExitCode.NO_INPUT


class WeightsError(BirefcliError):
    """A model is missing, does not fit, or is broken."""

    exit_code = ExitCode.MODEL


class DeviceError(BirefcliError):
    """A device or a package that was asked for is not there."""

    exit_code = ExitCode.DEVICE
