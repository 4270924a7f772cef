"""Peel every picture into a stack: gather, plan, read, peel, prove, write, report."""

import hashlib
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from io import BytesIO
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from birefcli.batch.executor import Ended, Steps, Stop, run
from birefcli.batch.inputs import Inputs
from birefcli.batch.journal import Entry, Journal, Key
from birefcli.batch.report import Outcome, Status
from birefcli.batch.stack_inputs import pictures_asked
from birefcli.batch.stack_owners import holdings
from birefcli.batch.stack_plan import StackJob, StackPlan, plan_stacks
from birefcli.errors import DiskFullError, OutputError, PictureError
from birefcli.image.decode import Picture, identify
from birefcli.image.files import read_picture, sha256_file, write_atomic
from birefcli.image.types import Rgba
from birefcli.inpaint.load import provenance_of
from birefcli.inpaint.protocol import Inpainter
from birefcli.models.depth import DepthEstimator
from birefcli.models.model_pair import Sight, beside
from birefcli.models.store import ModelFile
from birefcli.peel.loop import peel
from birefcli.settings.digest import settings_digest
from birefcli.settings.peel import PeelCommand
from birefcli.stack.manifest import FILE
from birefcli.stack.types import EngineRecord, SourceRecord, Stack
from birefcli.workflows.cut import failure, unreachable
from birefcli.workflows.peel_context import (
    Careful,
    Watcher,
    careful,
    engine_of,
)
from birefcli.workflows.peel_outcome import proven_files, stack_outcome

# Raised whenever the same settings and weights give other bytes than before.
ARITHMETIC = 2

_LOSSY = {"JPEG", "MPO", "JPEG2000"}
_PATIENCE = 5.0  # seconds


@dataclass(frozen=True)
class Loaded:
    """What a peel needs that takes time to load."""

    sight: Sight
    depth: DepthEstimator | None = None


@dataclass(frozen=True)
class Prepared:
    """A run before anything is read."""

    settings: PeelCommand
    inputs: Inputs
    plan: StackPlan


@dataclass(frozen=True, eq=False)
class Item:
    """A job on its way: its decoded picture, then its stack too."""

    job: StackJob
    key: Key
    picture: Picture
    source: SourceRecord
    is_jpeg: bool
    seconds: float
    stack: Stack | None = None
    evidence: dict[str, bytes] = field(default_factory=dict)


def prepare(settings: PeelCommand) -> Prepared:
    """Gather the inputs and plan every stack; nothing is written."""
    inputs = pictures_asked(settings)
    return Prepared(settings, inputs, plan_stacks(inputs, settings))


def peel_all(
    prepared: Prepared,
    model: ModelFile,
    inpainter: Inpainter,
    load: Callable[[], Loaded],
    stop: Stop,
    say: Callable[[str], None],
) -> Iterator[Outcome]:
    """Peel every planned picture and give its outcome as soon as it is known.

    `load` is called once, and only if a picture needs the model; `say` hears of every pass.
    """
    journals = prepared.plan.journals
    closed: dict[Path, OutputError] = {}
    with ExitStack() as stack:
        for root, journal in journals.items():
            stack.callback(_leave_no_trace, journal)
            try:
                stack.enter_context(journal)
            except OutputError as error:
                if len(journals) == 1:
                    raise
                closed[root] = error
        worker = PeelWorker(
            prepared.settings, prepared.plan, model, inpainter, load, stop, say, closed
        )
        for outcome in chain(
            unreachable(prepared.inputs), run(prepared.plan.jobs, worker.steps, stop)
        ):
            if outcome.status == Status.FAILED and prepared.settings.fail_fast:
                stop.ask()
            yield outcome


@dataclass
class PeelWorker:
    """The three steps every picture goes through; a bad picture ends in its own outcome."""

    settings: PeelCommand
    plan: StackPlan
    model: ModelFile
    inpainter: Inpainter
    load: Callable[[], Loaded]
    stop: Stop
    say: Callable[[str], None]
    closed: Mapping[Path, OutputError] = field(default_factory=dict)  # roots not to be written to
    _loaded: Loaded | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        # What earlier runs wrote; of this one, no two pictures share a folder.
        self._memories = {root: holdings(journal) for root, journal in self.plan.journals.items()}
        self._beside = beside(self.model)

    @property
    def steps(self) -> Steps[StackJob, Item, Outcome]:
        """Give the steps to the executor."""
        return Steps(self.read, self.compute, self.write, lambda: 1)

    @property
    def loaded(self) -> Loaded:
        """Load the model the first time a picture needs it."""
        if self._loaded is None:
            self._loaded = self.load()
        return self._loaded

    # Read

    def read(self, job: StackJob) -> Item | Ended[Outcome]:
        """Decode a picture, unless its stack is there already or must not be touched."""
        started = time.perf_counter()
        try:
            if job.root in self.closed:
                raise self.closed[job.root]
            path = job.source.path
            data = sys.stdin.buffer.read() if path is None else None
            key = self._key(path, data)
            finished = self._finished(job, key)
            if finished is not None:
                return Ended(finished)
            origin = data if data is not None else path
            assert origin is not None
            picture = read_picture(origin, max_pixels=self.settings.max_pixels)
            mode, format = _header(origin)
        except Exception as error:
            return Ended(failure(job.source, error, time.perf_counter() - started))
        name = "-" if path is None else path.name
        source = SourceRecord(
            file=name, sha256=key.source_sha256, mode=mode, icc=picture.icc, dpi=picture.dpi
        )
        seconds = time.perf_counter() - started
        return Item(job, key, picture, source, format in _LOSSY, seconds)

    def _key(self, path: Path | None, data: bytes | None) -> Key:
        """Say what will decide the bytes of a stack."""
        if data is not None:
            sha256 = hashlib.sha256(data).hexdigest()
        else:
            # What is not there has no hash; the decoder will say what is wrong with it.
            sha256 = ""
            with suppress(OSError):
                sha256 = sha256_file(path) if path is not None and path.is_file() else ""
        weights = provenance_of(self.inpainter)
        settings = settings_digest(
            self.settings,
            **{key.removesuffix("_sha256"): value for key, value in weights.items()},
            beside=self._beside.sha256,
        )
        return Key(sha256, settings, self.model.sha256, ARITHMETIC)

    def _finished(self, job: StackJob, key: Key) -> Outcome | None:
        """Skip what is done; refuse to touch what is not ours, or another picture's."""
        if self.settings.redo:
            return None
        journal = self.plan.journals[job.root]
        done = journal.is_done(job.name, key, None) if key.source_sha256 else None
        if done is not None:
            return Outcome(job.source.name, Status.SKIPPED, "up-to-date", outputs=(job.path,))
        for name, targets in self._memories[job.root].written_to(job.folder).items():
            there = [target for target in targets if os.path.lexists(job.root / target)]
            if there and name != job.name:
                raise PictureError(
                    f"{job.path} holds the stack of {name}; choose another folder with -o, "
                    "or give --redo to replace it",
                    reason="target-exists",
                )
            for target in there:
                self._require_ours(job, target)
        self._require_ours(job, job.target(FILE))
        return None

    def _require_ours(self, job: StackJob, target: str) -> None:
        """Refuse to replace what is not ours."""
        if not self.plan.journals[job.root].may_replace(target):
            raise PictureError(
                f"{job.root / target} is not ours, or was edited since; move it away, "
                "or give --redo to replace it",
                reason="target-exists",
            )

    # Peel

    def compute(self, items: Sequence[Item]) -> list[Item | Ended[Outcome]]:
        """Peel pictures one by one."""
        loaded = self.loaded
        return [self._peeled(item, loaded) for item in items]

    def _peeled(self, item: Item, loaded: Loaded) -> Item | Ended[Outcome]:
        started = time.perf_counter()
        # Of many pictures only those that take long are told of pass by pass.
        patience = 0 if len(self.plan.jobs) == 1 else _PATIENCE
        watcher = Watcher(
            item.job.source.name, self.say, keeps=self.settings.explain, patience=patience
        )
        try:
            stack = peel(
                pixels(item.picture),
                Careful(loaded.sight.things),
                self.inpainter,
                replace(self.settings.peel, is_jpeg=item.is_jpeg),
                front=careful(loaded.sight.front),
                depth=loaded.depth,
                watch=watcher,
            )
        except Exception as error:
            return Ended(
                failure(item.job.source, error, item.seconds + time.perf_counter() - started)
            )
        seconds = item.seconds + time.perf_counter() - started
        return replace(item, stack=stack, seconds=seconds, evidence=watcher.files)

    # Write

    def write(self, item: Item) -> Outcome:
        """Encode and prove the stack, note it in the journal, and move its files into place."""
        started = time.perf_counter()
        try:
            outcome = self._written(item)
        except DiskFullError as error:
            self.stop.ask()
            outcome = failure(item.job.source, error, 0, reason="disk-full")
        except Exception as error:
            outcome = failure(item.job.source, error, 0)
        return replace(outcome, seconds=item.seconds + time.perf_counter() - started)

    def _written(self, item: Item) -> Outcome:
        job, stack, settings = item.job, item.stack, self.settings
        assert stack is not None
        files = proven_files(
            stack,
            as_rgba(item.picture),
            item.source,
            self._engine(item),
            settings,
            name=job.source.name,
        )
        manifest = files.pop(FILE)
        self._place(job, item.key, stack, {**files, **item.evidence, FILE: manifest})
        return stack_outcome(job.source.name, job.path, stack)

    def _engine(self, item: Item) -> EngineRecord:
        peel = replace(self.settings.peel, is_jpeg=item.is_jpeg)
        settings = replace(self.settings, peel=peel)
        return engine_of(settings, self.model, self._beside, self.inpainter, self.loaded.depth)

    def _place(self, job: StackJob, key: Key, stack: Stack, files: dict[str, bytes]) -> None:
        """Note the files, then write them, then remove those of an earlier stack."""
        journal = self.plan.journals[job.root]
        targets = {job.target(name): data for name, data in files.items()}
        if not self.settings.redo:
            for target in targets:
                self._require_ours(job, target)
        stale = [
            target
            for before in self._memories[job.root].written_to(job.folder).values()
            for target in before
            if target not in targets and journal.may_replace(target)
        ]
        status = Status.DONE if stack.layers else Status.EMPTY
        hashes = {target: hashlib.sha256(data).hexdigest() for target, data in targets.items()}
        journal.note(Entry(job.name, status.value, key, hashes))
        new = [target for target in targets if not os.path.lexists(job.root / target)]
        try:
            for target, data in targets.items():
                write_atomic(job.root / target, data, root=job.root)
        except OutputError:
            # A new stack that cannot be finished is not begun.
            _remove(job, new)
            raise
        for target in stale:
            with suppress(OSError):
                (job.root / target).unlink(missing_ok=True)


def _remove(job: StackJob, targets: Sequence[str]) -> None:
    """Remove files of a stack, and the folders that are empty without them."""
    for target in targets:
        with suppress(OSError):
            (job.root / target).unlink(missing_ok=True)
    folders = {(job.root / target).parent for target in targets} | {job.path}
    for folder in sorted(folders, reverse=True):
        with suppress(OSError):
            folder.rmdir()


def _leave_no_trace(journal: Journal) -> None:
    """Remove a folder in which nothing came to be, as that of a picture that cannot be read."""
    with suppress(OSError):
        if journal.path.stat().st_size == 0:
            journal.path.unlink()
            journal.path.with_name("lock").unlink()
            journal.path.parent.rmdir()
            journal.root.rmdir()


def pixels(picture: Picture) -> NDArray[np.uint8]:
    """Give a picture as (H, W, 3), or as (H, W, 4) where its alpha says something."""
    if picture.alpha is None or (picture.alpha == 255).all():
        return picture.rgb
    return as_rgba(picture)


def as_rgba(picture: Picture) -> Rgba:
    """Give a picture with alpha (H, W, 4)."""
    opaque = np.full(picture.size, 255, np.uint8)
    return np.dstack([picture.rgb, opaque if picture.alpha is None else picture.alpha])


def _header(origin: Path | bytes) -> tuple[str, str]:
    """Give the mode and the format that a file states."""
    if isinstance(origin, bytes):
        image = identify(BytesIO(origin))
        return image.mode, image.format or ""
    with origin.open("rb") as stream:
        image = identify(stream)
        return image.mode, image.format or ""
