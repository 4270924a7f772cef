"""What an output folder remembers: which results are ours, from which source and settings.

One line per finished picture in `.birefcli/journal.jsonl`, written just before its files are
moved into place. A result counts as done only while every file still has the hash noted here, so
a run that was killed at any moment is simply gone on with.
"""

import hashlib
import json
import os
import threading
from collections import defaultdict
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType

from birefcli.errors import OutputError
from birefcli.imagefile import output_error, remove_stale_temporaries, sha256_file

FOLDER = ".birefcli"


@dataclass(frozen=True)
class Key:
    """What decides a result's bytes."""

    source_sha256: str
    settings: str  # digest of the settings that matter
    model_sha256: str
    arithmetic: int


@dataclass(frozen=True)
class Entry:
    """One finished picture: its source, what decided its result, and the files with their hashes."""

    source: str
    status: str
    key: Key
    targets: dict[str, str]  # path below the output folder → sha256

    def to_json(self) -> str:
        """Write one line."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, line: str) -> "Entry":
        """Read what `to_json` wrote."""
        values = json.loads(line)
        return cls(values["source"], values["status"], Key(**values["key"]), values["targets"])


class Journal:
    """The memory of one output folder, held by one run at a time."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.path = root / FOLDER / "journal.jsonl"
        self.entries: dict[str, Entry] = {}
        self._turn = threading.Lock()
        # Every hash we ever wrote to a path: whatever else lies there is not ours.
        self._ours: dict[str, set[str]] = defaultdict(set)
        for line in self._lines():
            # A line cut short by a kill is no line.
            with suppress(ValueError, KeyError, TypeError):
                self._remember(Entry.from_json(line))

    def __enter__(self) -> "Journal":
        """Take the folder for this run, and clear what killed runs left lying about."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = (self.root / FOLDER / "lock").open("a+b")
            self._file = self.path.open("a", encoding="utf-8", newline="\n")
        except OSError as error:
            raise OutputError(
                f"cannot write to {self.root} ({error.strerror}); choose another folder with -o"
            ) from error
        if not _try_lock(self._lock.fileno()):
            self._lock.close()
            self._file.close()
            raise OutputError(f"another run is writing to {self.root}; wait for it to end")
        remove_stale_temporaries(self.root)
        if self._ends_mid_line():
            self._file.write("\n")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
        self._lock.close()

    def is_done(self, source: str, key: Key, targets: list[str]) -> Entry | None:
        """Give the entry of a source whose result is complete, unedited and still what is wanted."""
        entry = self.entries.get(source)
        if entry is None or entry.key != key:
            return None
        if entry.targets and list(entry.targets) != targets:
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

    def note(self, entry: Entry) -> None:
        """Write an entry down, on the disk itself, before its files move into place."""
        try:
            with self._turn:
                self._file.write(entry.to_json() + "\n")
                self._file.flush()
                os.fsync(self._file.fileno())
        except OSError as error:
            raise output_error(error, self.path) from error
        self._remember(entry)

    def _remember(self, entry: Entry) -> None:
        self.entries[entry.source] = entry
        for target, sha256 in entry.targets.items():
            self._ours[target].add(sha256)

    def _lines(self) -> list[str]:
        if not self.path.is_file():
            return []
        return self.path.read_text(encoding="utf-8", errors="replace").splitlines()

    def _ends_mid_line(self) -> bool:
        with self.path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            if file.tell() == 0:
                return False
            file.seek(-1, os.SEEK_END)
            return file.read() != b"\n"


def digest(values: object) -> str:
    """Give a short digest of plain values, the same in every run."""
    text = json.dumps(values, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


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
    except OSError:
        return False
    return True
