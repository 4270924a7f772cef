"""One run over many pictures: what is done is skipped, each picture ends once, no file is lost.

A command says what it does with one picture (`Task`); everything else is done here: journals,
skipping, failures, stopping, and the order in which things are noted and written.
"""

import hashlib
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from birefcli.batch.executor import Ended, Steps, StopFlag, run_jobs
from birefcli.batch.inputs import InputFile, Inputs
from birefcli.batch.journal import Journal, JournalEntry, ResultKey
from birefcli.batch.report import Outcome, Status
from birefcli.errors import BirefcliError, DiskFullError, OutputError, PictureError


class Job(Protocol):
    """One picture of a run, and where its result goes."""

    @property
    def source(self) -> InputFile:
        """The picture."""

    @property
    def name(self) -> str:
        """The picture as the journal knows it."""

    @property
    def root(self) -> Path | None:
        """The output folder whose journal knows the job; None: no journal does."""

    @property
    def wanted(self) -> list[str] | None:
        """The targets a finished job must have; None: whatever was written is what is wanted."""

    @property
    def has_more(self) -> bool:
        """Whether further files may come with them, which are known once they are computed."""

    def outputs(self, targets: Iterable[str]) -> tuple[Path, ...]:
        """Give what the report names, of the targets that were written."""


@dataclass(frozen=True)
class EncodedResult:
    """A finished picture: how it ended, and the bytes of its files by target."""

    outcome: Outcome
    files: Mapping[str, bytes]


J = TypeVar("J", bound=Job)
J_contra = TypeVar("J_contra", bound=Job, contravariant=True)
W = TypeVar("W")  # what a task knows of a picture on its way: decoded, then computed
M = TypeVar("M")  # the models it takes, loaded
M_contra = TypeVar("M_contra", contravariant=True)


class Task(Protocol[J_contra, W, M_contra]):
    """What a command does with one picture.

    What a method raises is the failure of that picture alone; what `batch` or `compute` raises
    ends the run. `batch` and `compute` run in one thread, the others in several.
    """

    @property
    def has_folder_per_picture(self) -> bool:
        """Whether pictures have output folders of their own.

        Such a folder that another run holds fails its own pictures, not the run, where there are
        several; and it is removed again if nothing came to be in it.
        """

    def key(self, job: J_contra) -> ResultKey | None:
        """Give what decides the bytes of a result; None: it is not to be noted in a journal."""

    def require_free(self, job: J_contra) -> None:
        """Raise PictureError where something lies in the way that we may not replace."""

    def read(self, job: J_contra, key: ResultKey | None) -> W:
        """Decode the picture that `key` was given for."""

    def batch(self, models: M_contra) -> int:
        """Give how many pictures are computed at once."""

    def compute(self, models: M_contra, works: Sequence[W]) -> list[W | Exception]:
        """Run the models on several pictures; what went wrong with one takes its place."""

    def encode(self, job: J_contra, work: W) -> EncodedResult:
        """Finish and encode a picture; nothing is written."""

    def place(self, job: J_contra, files: Mapping[str, bytes]) -> None:
        """Write the files of a result, which the journal knows already."""


@dataclass(frozen=True)
class Batch(Generic[J]):
    """What a run goes over: jobs in order, the inputs they came from, and the journals by root."""

    jobs: Sequence[J]
    inputs: Inputs
    journals: Mapping[Path, Journal]
    redo: bool = False
    fail_fast: bool = False


def run_batch(
    batch: Batch[J], task: Task[J, W, M], load: Callable[[], M], stop: StopFlag
) -> Iterator[Outcome]:
    """Take every job through a task, and give its outcome as soon as it is known, in order.

    `load` is called once, and only if a picture needs the models. Raise OutputError where an output
    folder cannot be written to or another run holds it; what `load` raises ends the run.
    """
    with ExitStack() as stack:
        locked = _take_journals(batch.journals, stack, task.has_folder_per_picture)
        worker = _Worker(batch, task, load, stop, locked)
        for outcome in chain(_unreachable(batch.inputs), run_jobs(batch.jobs, worker.steps, stop)):
            if outcome.status == Status.FAILED and batch.fail_fast:
                stop.ask()
            yield outcome


def _take_journals(
    journals: Mapping[Path, Journal], stack: ExitStack, has_folder_per_picture: bool
) -> dict[Path, OutputError]:
    """Hold every output folder until the stack is closed; give those that cannot be held."""
    locked: dict[Path, OutputError] = {}
    for root, journal in journals.items():
        if has_folder_per_picture:
            stack.callback(journal.remove_if_empty)
        try:
            stack.enter_context(journal)
        except OutputError as error:
            if len(journals) == 1 or not has_folder_per_picture:
                raise
            locked[root] = error
    return locked


@dataclass(frozen=True, eq=False)
class _InFlight(Generic[J, W]):
    """A job on its way, and the seconds spent on it so far."""

    job: J
    key: ResultKey | None
    work: W
    seconds: float


@dataclass
class _Worker(Generic[J, W, M]):
    """The three steps every picture goes through; a bad picture ends in its own outcome."""

    run: Batch[J]
    task: Task[J, W, M]
    load: Callable[[], M]
    stop: StopFlag
    locked: Mapping[Path, OutputError]
    _models: M | None = field(default=None, init=False)

    @property
    def steps(self) -> Steps[J, _InFlight[J, W], Outcome]:
        """Give the steps to the executor."""
        return Steps(self.read, self.compute, self.write, lambda: self.task.batch(self.models))

    @property
    def models(self) -> M:
        """Load the models the first time a picture needs them."""
        if self._models is None:
            self._models = self.load()
        return self._models

    def read(self, job: J) -> _InFlight[J, W] | Ended[Outcome]:
        """Decode a picture, unless its result is there already or must not be touched."""
        started = time.perf_counter()
        try:
            if job.root is not None and job.root in self.locked:
                raise self.locked[job.root]
            key = self.task.key(job)
            if not self.run.redo:
                skipped = self._skipped(job, key)
                if skipped is not None:
                    return Ended(skipped)
                self.task.require_free(job)
            work = self.task.read(job, key)
        except Exception as error:
            return Ended(_failed(job.source, error, time.perf_counter() - started))
        return _InFlight(job, key, work, time.perf_counter() - started)

    def compute(self, items: Sequence[_InFlight[J, W]]) -> list[_InFlight[J, W] | Ended[Outcome]]:
        """Run the models on a batch."""
        models = self.models
        started = time.perf_counter()
        works = self.task.compute(models, [item.work for item in items])
        seconds = (time.perf_counter() - started) / len(items)
        return [
            Ended(_failed(item.job.source, work, item.seconds + seconds))
            if isinstance(work, Exception)
            else replace(item, work=work, seconds=item.seconds + seconds)
            for item, work in zip(items, works, strict=True)
        ]

    def write(self, item: _InFlight[J, W]) -> Outcome:
        """Encode a picture, note it in the journal, and move its files into place."""
        started = time.perf_counter()
        try:
            result = self.task.encode(item.job, item.work)
            self._note(item, result)
            self.task.place(item.job, result.files)
            outcome = result.outcome
        except DiskFullError as error:
            self.stop.ask()
            outcome = _failed(item.job.source, error, 0, reason="disk-full")
        except Exception as error:
            outcome = _failed(item.job.source, error, 0)
        return replace(outcome, seconds=item.seconds + time.perf_counter() - started)

    def _skipped(self, job: J, key: ResultKey | None) -> Outcome | None:
        """Give the outcome of a job whose result is there already."""
        journal = self.run.journals.get(job.root) if job.root else None
        # What could not be read has no hash, and is never done.
        if journal is None or key is None or not key.source_sha256:
            return None
        done = journal.is_done(job.name, key, job.wanted, or_more=job.has_more)
        if done is None:
            return None
        outputs = job.outputs(done.targets)
        return Outcome(job.source.name, Status.SKIPPED, "up-to-date", outputs=outputs)

    def _note(self, item: _InFlight[J, W], result: EncodedResult) -> None:
        """Write the result down before its files are moved into place."""
        journal = self.run.journals.get(item.job.root) if item.job.root else None
        if journal is not None and item.key is not None:
            hashes = {t: hashlib.sha256(data).hexdigest() for t, data in result.files.items()}
            status = result.outcome.status.value
            journal.note(JournalEntry(item.job.name, status, item.key, hashes))


def _failed(source: InputFile, error: Exception, seconds: float, *, reason: str = "") -> Outcome:
    """Turn what went wrong with one picture into its outcome."""
    if os.environ.get("BIREFCLI_DEBUG") and not isinstance(error, BirefcliError):
        raise error
    if isinstance(error, PictureError):
        reason, message = error.reason, str(error)
    elif isinstance(error, BirefcliError):
        reason, message = reason or "output", str(error)
    elif isinstance(error, MemoryError):
        reason, message = "out-of-memory", "not enough memory for this picture"
    elif isinstance(error, OSError):
        reason, message = "system", f"{error.strerror or error} ({error.filename})"
    else:
        reason, message = "internal", f"{type(error).__name__}: {error}"
    name = "standard input" if source.path is None else str(source.path)
    if name not in message:
        message = f"{name}: {message}"
    return Outcome(source.name, Status.FAILED, reason, message, seconds=seconds)


def _unreachable(inputs: Inputs) -> Iterator[Outcome]:
    """Give the outcome of everything named that is not there or cannot be listed."""
    for text in inputs.missing:
        message = f"there is no {text}; check the path"
        yield Outcome(text, Status.FAILED, "missing", message)
    for folder in inputs.closed:
        message = f"cannot list {folder}: no permission"
        yield Outcome(folder.as_posix(), Status.FAILED, "permission", message)
