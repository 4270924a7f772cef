"""Cut the object out of every picture: gather, plan, read, segment, cut out, write, report."""

import hashlib
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path

import numpy as np

from birefcli.batch.executor import Ended, Steps, Stop, run
from birefcli.batch.inputs import Inputs, Source, gather
from birefcli.batch.journal import Entry, Journal, Key
from birefcli.batch.plan import STDOUT, Job, Plan, make_plan, output_roots
from birefcli.batch.report import Outcome, Status
from birefcli.errors import BirefcliError, DiskFullError, PictureError
from birefcli.image.decode import Picture
from birefcli.image.files import (
    encode,
    output_error,
    read_picture,
    remove_stale_temporaries,
    sha256_file,
    write_atomic,
)
from birefcli.image.types import Matte
from birefcli.matte.cutout import Cutout, make_cutout, network_view, render
from birefcli.matte.foreground import parse_color
from birefcli.models.segmenter import LoadedSegmenter, Segmenter, segment_each
from birefcli.models.store import ModelFile
from birefcli.settings.cut import CutSettings, OnEmpty
from birefcli.settings.cutout import SUFFIXES, Format, Product
from birefcli.settings.digest import settings_digest

# Raised whenever the same settings and weights give other bytes than before.
ARITHMETIC = 2

Load = Callable[[], LoadedSegmenter]


@dataclass(frozen=True)
class Prepared:
    """A run before anything is read: what goes in, where it comes out, what was done before."""

    settings: CutSettings
    inputs: Inputs
    plan: Plan
    journals: dict[Path, Journal]


def prepare(settings: CutSettings) -> Prepared:
    """Gather the inputs and plan every result; nothing is written."""
    if settings.background is not None:
        parse_color(settings.background)
    inputs = gather(settings)
    journals = {root: Journal(root) for root in output_roots(inputs, settings)}
    known = {root: journal.known for root, journal in journals.items()}
    return Prepared(settings, inputs, make_plan(inputs, settings, known), journals)


def cut(prepared: Prepared, model: ModelFile, load: Load, stop: Stop) -> Iterator[Outcome]:
    """Cut every planned picture and give its outcome as soon as it is known.

    `load` is called once, and only if a picture needs the model.
    """
    settings = prepared.settings
    with ExitStack() as stack:
        for journal in prepared.journals.values():
            stack.enter_context(journal)
        for folder in _folders_without_journal(prepared.plan):
            remove_stale_temporaries(folder, recursive=False)
        worker = CutWorker(settings, prepared.journals, model, load, stop)
        for outcome in chain(
            unreachable(prepared.inputs), run(prepared.plan.jobs, worker.steps, stop)
        ):
            if outcome.status == Status.FAILED and settings.fail_fast:
                stop.ask()
            yield outcome


def cut_image(picture: Picture, segment: Segmenter, settings: CutSettings) -> np.ndarray:
    """Cut one decoded picture and give its cutout, RGBA (H, W, 4) or RGB on a background."""
    (matte,) = segment([network_view(picture)])
    cutout = make_cutout(picture, matte, settings)
    return render(cutout, picture, Product.CUTOUT, settings.format or Format.PNG, settings)


@dataclass(frozen=True, eq=False)
class Item:
    """A job on its way: its decoded picture, then its matte too."""

    job: Job
    key: Key | None
    picture: Picture
    seconds: float
    matte: Matte | None = None


@dataclass
class CutWorker:
    """The three steps every picture goes through; a bad picture ends in its own outcome."""

    settings: CutSettings
    journals: dict[Path, Journal]
    model: ModelFile
    load: Load
    stop: Stop
    _loaded: LoadedSegmenter | None = field(default=None, init=False)

    @property
    def steps(self) -> Steps[Job, Item, Outcome]:
        """Give the steps to the executor."""
        return Steps(self.read, self.compute, self.write, self.batch)

    def batch(self) -> int:
        """Give how many pictures share one pass."""
        return self.settings.batch or self.segmenter.batch

    @property
    def segmenter(self) -> LoadedSegmenter:
        """Load the model the first time a picture needs it."""
        if self._loaded is None:
            self._loaded = self.load()
        return self._loaded

    # Read

    def read(self, job: Job) -> Item | Ended[Outcome]:
        """Decode a picture, unless its result is there already or must not be touched."""
        started = time.perf_counter()
        try:
            key = self._key(job)
            finished = self._finished(job, key)
            if finished is not None:
                return Ended(finished)
            picture = self._decode(job)
        except Exception as error:
            return Ended(failure(job.source, error, time.perf_counter() - started))
        return Item(job, key, picture, time.perf_counter() - started)

    def _key(self, job: Job) -> Key | None:
        """Say what will decide the result's bytes; jobs without a journal need no key."""
        path = job.source.path
        if job.root is None or path is None or not path.is_file():
            return None
        try:
            sha256 = sha256_file(path)
        except OSError:
            # The decoder will say what is wrong with it.
            return None
        return Key(sha256, settings_digest(self.settings), self.model.sha256, ARITHMETIC)

    def _finished(self, job: Job, key: Key | None) -> Outcome | None:
        """Skip what is done; refuse to touch what is not ours."""
        journal = self.journals.get(job.root) if job.root else None
        if journal is not None and key is not None and not self.settings.redo:
            done = journal.is_done(job.name, key, list(job.targets.values()))
            if done is not None:
                outputs = tuple(journal.root / target for target in done.targets)
                return Outcome(job.source.name, Status.SKIPPED, "up-to-date", outputs=outputs)
        if self.settings.redo:
            return None
        for product, target in job.targets.items():
            path = job.path(product)
            if target == STDOUT or not os.path.lexists(path):
                continue
            if journal is None or not journal.may_replace(target):
                why = "exists already" if journal is None else "is not ours, or was edited since"
                raise PictureError(
                    f"{path} {why}; move it away, or give --redo to replace it",
                    reason="target-exists",
                )
        return None

    def _decode(self, job: Job) -> Picture:
        source = job.source.path if job.source.path is not None else sys.stdin.buffer.read()
        return read_picture(source, max_pixels=self.settings.max_pixels)

    # Compute

    def compute(self, items: Sequence[Item]) -> list[Item | Ended[Outcome]]:
        """Segment a batch."""
        segment = self.segmenter.segment
        started = time.perf_counter()
        results = segment_each(segment, [network_view(item.picture) for item in items])
        seconds = (time.perf_counter() - started) / len(items)
        return [
            Ended(failure(item.job.source, result, item.seconds + seconds))
            if isinstance(result, Exception)
            else replace(item, matte=result, seconds=item.seconds + seconds)
            for item, result in zip(items, results, strict=True)
        ]

    # Write

    def write(self, item: Item) -> Outcome:
        """Cut out, encode, note in the journal, and move the results into place."""
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
        job, settings = item.job, self.settings
        assert item.matte is not None
        cutout = make_cutout(item.picture, item.matte, settings)
        status = Status.EMPTY if cutout.is_empty else Status.DONE
        if cutout.is_empty and settings.on_empty == OnEmpty.FAIL:
            raise PictureError(f"nothing found in {job.source.name}", reason="empty")
        is_left_out = cutout.is_empty and settings.on_empty == OnEmpty.SKIP
        files = {} if is_left_out else encoded(item, cutout, settings)
        self._place(job, item.key, status, files)
        written = tuple(job.path(p) for p in files if job.targets[p] != STDOUT)
        return Outcome(
            job.source.name,
            status,
            "nothing-found" if cutout.is_empty else "",
            f"nothing found in {job.source.name}" if cutout.is_empty else "",
            outputs=written,
            size=item.picture.size,
            box=cutout.box,
        )

    def _place(
        self, job: Job, key: Key | None, status: Status, files: dict[Product, bytes]
    ) -> None:
        """Move encoded results into place; the journal knows them first."""
        journal = self.journals.get(job.root) if job.root else None
        if journal is not None and key is not None:
            hashes = {job.targets[p]: hashlib.sha256(data).hexdigest() for p, data in files.items()}
            journal.note(Entry(job.name, status.value, key, hashes))
        for product, data in files.items():
            if job.targets[product] == STDOUT:
                _pour(data)
            else:
                path = job.path(product)
                write_atomic(path, data, root=job.root or path.parent)


def encoded(item: Item, cutout: Cutout, settings: CutSettings) -> dict[Product, bytes]:
    """Encode every product of a job; only pictures keep the source's colour profile."""
    files = {}
    for product in item.job.targets:
        format = target_format(item.job, product, settings)
        array = render(cutout, item.picture, product, format, settings)
        files[product] = encode(
            array,
            format.value,
            icc=item.picture.icc if array.ndim == 3 else None,
            dpi=item.picture.dpi,
            quality=settings.quality,
            png_level=settings.png_level,
        )
    return files


def target_format(job: Job, product: Product, settings: CutSettings) -> Format:
    """Give the format of a result: what its name says, where the user chose the name."""
    return SUFFIXES.get(Path(job.targets[product]).suffix.lower(), settings.format or Format.PNG)


def failure(source: Source, error: Exception, seconds: float, *, reason: str = "") -> Outcome:
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


def _pour(data: bytes) -> None:
    """Write a picture to standard output."""
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except OSError as error:
        # What stays in the buffer has nowhere to go, also when Python exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise output_error(error, Path("standard output")) from error


def _folders_without_journal(plan: Plan) -> set[Path]:
    """List the folders in which single results are put beside what else lies there."""
    return {
        job.path(product).parent
        for job in plan.jobs
        for product, target in job.targets.items()
        if job.root is None and target != STDOUT
    }


def unreachable(inputs: Inputs) -> Iterator[Outcome]:
    """Give the outcome of everything named that is not there or cannot be listed."""
    for text in inputs.missing:
        message = f"there is no {text}; check the path"
        yield Outcome(text, Status.FAILED, "missing", message)
    for folder in inputs.closed:
        message = f"cannot list {folder}: no permission"
        yield Outcome(folder.as_posix(), Status.FAILED, "permission", message)
