"""What an output folder remembers: which results are ours, from which source and settings.

One line per finished picture in `.birefcli/journal.jsonl`, written just before its files are
moved into place. A result counts as done only while every file still has the hash noted here, so
a run that was killed at any moment is simply gone on with.
"""

import errno
import hashlib
import json
import os
import threading
from collections import defaultdict
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType

from birefcli.batch.report import to_line
from birefcli.errors import OutputError
from birefcli.image import output_error, remove_stale_temporaries, sha256_file

FOLDER = ".birefcli"
LOCK = "lock"


@dataclass(frozen=True)
class ResultKey:
    """What decides a result's bytes."""

    source_sha256: str
    settings: str  # digest of the settings that matter
    model_sha256: str
    arithmetic: int


@dataclass(frozen=True)
class JournalEntry:
    """A finished picture: its source, what decided its result, and the files with their hashes."""

    source: str  # the picture's path as seen from the output folder
    status: str
    key: ResultKey
    targets: dict[str, str]  # path below the output folder → sha256

    def to_json(self) -> str:
        """Write one line."""
        return to_line(asdict(self))

    @classmethod
    def from_json(cls, line: str) -> "JournalEntry":
        """Read what `to_json` wrote."""
        values = json.loads(line)
        return cls(
            values["source"], values["status"], ResultKey(**values["key"]), values["targets"]
        )


@dataclass(frozen=True)
class KnownNames:
    """The names a journal holds: every target ever given to a source, and the bytes it had."""

    targets: Mapping[str, tuple[str, ...]]
    hashes: Mapping[str, frozenset[str]]


NOTHING_KNOWN = KnownNames({}, {})


class Journal:
    """The memory of one output folder, held by one run at a time."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.path = root / FOLDER / "journal.jsonl"
        self._turn = threading.Lock()
        self._held = ExitStack()
        self._recall()

    def __enter__(self) -> "Journal":
        """Take the folder for this run, and clear what killed runs left lying about."""
        with ExitStack() as stack:
            try:
                _make_folder(self.path.parent)
                lock = stack.enter_context(self.path.with_name(LOCK).open("a+b"))
                self._file = stack.enter_context(self.path.open("ab", buffering=0))
            except OSError as error:
                raise OutputError(
                    f"cannot write to {self.root} ({error.strerror}); choose another folder with -o"
                ) from error
            if not _try_lock(lock.fileno()):
                raise OutputError(f"another run is writing to {self.root}; wait for it to end")
            remove_stale_temporaries(self.root)
            self._recall()
            if self._ends_mid_line():
                self._append(b"\n")
            self._held = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._held.close()

    def remove_if_empty(self) -> None:
        """Remove the journal, and its folder too if nothing else is in it, where nothing was noted.

        So a picture that cannot be read leaves no folder behind. Call it after the lock is let go.
        """
        with suppress(OSError):
            if self.path.stat().st_size == 0:
                self.path.unlink()
                self.path.with_name(LOCK).unlink()
                self.path.parent.rmdir()
                self.root.rmdir()

    @property
    def known(self) -> KnownNames:
        """Give the names that are taken."""
        targets: dict[str, dict[str, None]] = defaultdict(dict)
        hashes: dict[str, set[str]] = defaultdict(set)
        for entry in self._history:
            targets[entry.source].update(dict.fromkeys(entry.targets))
            hashes[entry.source].add(entry.key.source_sha256)
        return KnownNames(
            {source: tuple(names) for source, names in targets.items()},
            {source: frozenset(values) for source, values in hashes.items()},
        )

    def is_done(
        self,
        source: str,
        key: ResultKey,
        targets: list[str] | None,
        *,
        or_more: bool = False,
    ) -> JournalEntry | None:
        """Give the entry of a source whose result is complete, unedited and what is wanted.

        Without targets, whatever was written is what is wanted; `or_more` allows further files.
        """
        entry = self._last.get((source, key.settings))
        if entry is None or entry.key != key:
            return None
        if entry.targets and targets is not None:
            written = list(entry.targets)
            if written != targets and not (or_more and set(targets) <= set(written)):
                return None
        for target, sha256 in entry.targets.items():
            path = self.root / target
            if not path.is_file() or sha256_file(path) != sha256:
                return None
        return entry

    def may_replace(self, target: str) -> bool:
        """Tell whether nothing lies at a target, or something we wrote and nobody edited."""
        path = self.root / target
        if not os.path.lexists(path):
            return True
        return path.is_file() and sha256_file(path) in self._ours[target]

    def note(self, entry: JournalEntry) -> None:
        """Write an entry to the disk before its files move into place, or raise OutputError."""
        try:
            with self._turn:
                self._append(entry.to_json().encode() + b"\n")
                os.fsync(self._file.fileno())
                self._remember(entry)
        except OSError as error:
            raise output_error(error, self.path) from error

    def _append(self, line: bytes) -> None:
        """Add a line to the file, or nothing at all."""
        length = self._file.seek(0, os.SEEK_END)
        try:
            written = self._file.write(line)
            if written != len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            with suppress(OSError):
                self._file.truncate(length)
            raise

    def _recall(self) -> None:
        """Read everything noted so far; a line cut short by a kill is no line."""
        self._history: list[JournalEntry] = []
        self._last: dict[tuple[str, str], JournalEntry] = {}
        # Every hash we ever wrote to a path: whatever else lies there is not ours.
        self._ours: dict[str, set[str]] = defaultdict(set)
        for line in self._text().split("\n"):
            with suppress(ValueError, KeyError, TypeError, AttributeError):
                self._remember(JournalEntry.from_json(line))

    def _remember(self, entry: JournalEntry) -> None:
        for target, sha256 in entry.targets.items():
            self._ours[target].add(sha256)
        self._last[entry.source, entry.key.settings] = entry
        self._history.append(entry)

    def _text(self) -> str:
        try:
            return self.path.read_text(encoding="utf-8", errors="replace")
        except (FileNotFoundError, NotADirectoryError):
            return ""
        except OSError as error:
            raise OutputError(
                f"cannot read {self.path} ({error.strerror}); choose another folder with -o"
            ) from error

    def _ends_mid_line(self) -> bool:
        with self.path.open("rb") as file:
            length = file.seek(0, os.SEEK_END)
            file.seek(max(length - 1, 0))
            return file.read() not in (b"", b"\n")


def digest(values: object) -> str:
    """Give a short digest of plain values, the same in every run."""
    text = json.dumps(values, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _make_folder(folder: Path) -> None:
    """Make the folder of the journal, which is never reached through a link of its own."""
    if folder.is_symlink():
        raise NotADirectoryError(errno.ENOTDIR, f"{folder.name} in it is a link")
    folder.mkdir(parents=True, exist_ok=True)


def _try_lock(descriptor: int) -> bool:
    """Lock an open file for this process, or say that another one has it."""
    try:
        import fcntl
    except ImportError:
        import msvcrt

        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        except OSError:
            return False
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        # Some network file systems know no locks; they are no reason to refuse to work.
        return True
    return True
