"""Peel every picture into a stack: gather, plan, read, peel, prove, write, report."""

import hashlib
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from birefcli.batch import (
    Batch,
    EarlierStacks,
    EncodedResult,
    Inputs,
    Outcome,
    ResultKey,
    StackJob,
    StackPlan,
    StopFlag,
    earlier_stacks,
    pictures_asked,
    plan_stacks,
    run_batch,
)
from birefcli.errors import OutputError, PictureError
from birefcli.image import Picture, identify, read_picture, sha256_file, write_atomic
from birefcli.inpaint import Inpainter, provenance_of
from birefcli.models import ModelFile, PeelModels, partner_of
from birefcli.peeling import peel
from birefcli.settings import PeelCommand, settings_digest
from birefcli.stack import FILE, EngineRecord, SourceRecord, Stack
from birefcli.workflows.peel_progress import PeelProgress
from birefcli.workflows.peel_result import (
    engine_of,
    proven_files,
    stack_outcome,
)

# Raised whenever the same settings and weights give other bytes than before.
ARITHMETIC = 2

_LOSSY = {"JPEG", "MPO", "JPEG2000"}
_PATIENCE = 5.0  # seconds


@dataclass(frozen=True)
class PreparedPeel:
    """A run before anything is read: what goes in, and the folder of every stack."""

    settings: PeelCommand
    inputs: Inputs
    plan: StackPlan


def prepare_peel(settings: PeelCommand) -> PreparedPeel:
    """Gather the inputs and plan every stack; nothing is written.

    Raise UsageError for a plan that makes no sense, InputError where there is no picture.
    """
    inputs = pictures_asked(settings)
    return PreparedPeel(settings, inputs, plan_stacks(inputs, settings))


def peel_all(
    prepared: PreparedPeel,
    model: ModelFile,
    inpainter: Inpainter,
    load: Callable[[], PeelModels],
    stop: StopFlag,
    say: Callable[[str], None],
) -> Iterator[Outcome]:
    """Peel every planned picture and give its outcome as soon as it is known.

    `load` is called once, and only if a picture needs the models; `say` hears of every pass. Raise
    OutputError where the only output folder cannot be written to; what `load` raises ends the run.
    """
    settings, plan = prepared.settings, prepared.plan
    batch = Batch(
        plan.jobs,
        prepared.inputs,
        plan.journals,
        redo=settings.redo,
        fail_fast=settings.fail_fast,
    )
    return run_batch(
        batch, PeelTask(settings, plan, model, partner_of(model), inpainter, say), load, stop
    )


@dataclass(frozen=True, eq=False)
class PeelItem:
    """A picture on its way: decoded, then with its stack and the pictures that explain it."""

    picture: Picture
    source: SourceRecord
    is_jpeg: bool
    name: str
    stack: Stack | None = None
    engine: EngineRecord | None = None
    evidence: dict[str, bytes] = field(default_factory=dict)


@dataclass
class PeelTask:
    """What is done with one picture: decode, peel, encode and prove, write."""

    settings: PeelCommand
    plan: StackPlan
    model: ModelFile
    partner: ModelFile
    inpainter: Inpainter
    say: Callable[[str], None]

    has_folder_per_picture = True

    def key(self, job: StackJob) -> ResultKey:
        """Give what decides the bytes of a stack."""
        weights = provenance_of(self.inpainter)
        settings = settings_digest(
            self.settings,
            **{key.removesuffix("_sha256"): value for key, value in weights.items()},
            beside=self.partner.sha256,
        )
        sha256 = _sha256_of(self._origin(job))
        return ResultKey(sha256, settings, self.model.sha256, ARITHMETIC)

    def require_free(self, job: StackJob) -> None:
        """Raise PictureError where the folder holds another picture's stack, or edited files."""
        for name, targets in self._earlier[job.root].written_to(job.folder).items():
            there = [target for target in targets if os.path.lexists(job.root / target)]
            if there and name != job.name:
                raise PictureError(
                    f"{job.path} holds the stack of {name}; choose another folder with -o, "
                    "or give --redo to replace it",
                    reason="target-exists",
                )
            self._require_ours(job, there)
        self._require_ours(job, [job.target(FILE)])

    def read(self, job: StackJob, key: ResultKey | None) -> PeelItem:
        """Decode a picture."""
        origin, sha256 = self._origin(job), key.source_sha256 if key else ""
        picture = read_picture(origin, max_pixels=self.settings.max_pixels)
        mode, format = _header(origin)
        name = "-" if job.source.path is None else job.source.path.name
        source = SourceRecord(file=name, sha256=sha256, mode=mode, icc=picture.icc, dpi=picture.dpi)
        return PeelItem(picture, source, format in _LOSSY, job.source.name)

    def batch(self, models: PeelModels) -> int:
        """Give how many pictures are peeled at once."""
        return 1

    def compute(self, models: PeelModels, works: Sequence[PeelItem]) -> list[PeelItem | Exception]:
        """Peel pictures one by one."""
        return [self._peeled(item, models) for item in works]

    def _peeled(self, item: PeelItem, models: PeelModels) -> PeelItem | Exception:
        # Of many pictures only those that take long are told of pass by pass.
        patience = 0 if len(self.plan.jobs) == 1 else _PATIENCE
        settings = replace(self.settings.peel, is_jpeg=item.is_jpeg)
        progress = PeelProgress(item.name, self.say, keeps=self.settings.explain, patience=patience)
        checked = models.checked()
        try:
            stack = peel(
                _pixels(item.picture),
                checked.whole,
                self.inpainter,
                settings,
                front=checked.topmost,
                depth=models.depth,
                watch=progress,
            )
        except Exception as error:
            return error
        depth = models.depth.name if models.depth else None
        told = replace(self.settings, peel=settings)
        engine = engine_of(told, self.model, self.partner, self.inpainter, depth)
        return replace(item, stack=stack, engine=engine, evidence=progress.files)

    def encode(self, job: StackJob, work: PeelItem) -> EncodedResult:
        """Encode and prove the stack; its manifest is the last file."""
        stack, name = work.stack, job.source.name
        assert stack is not None and work.engine is not None
        files = proven_files(
            stack, work.picture.rgba, work.source, work.engine, self.settings, name=name
        )
        manifest = files.pop(FILE)
        files = {**files, **work.evidence, FILE: manifest}
        targets = {job.target(file): data for file, data in files.items()}
        if not self.settings.redo:
            # A peel takes long enough for somebody to edit what it was to replace.
            self._require_ours(job, targets)
        return EncodedResult(stack_outcome(name, job.path, stack), targets)

    def place(self, job: StackJob, files: Mapping[str, bytes]) -> None:
        """Write the files, then remove those that only an earlier stack had."""
        journal = self.plan.journals[job.root]
        new = [target for target in files if not os.path.lexists(job.root / target)]
        try:
            for target, data in files.items():
                write_atomic(job.root / target, data, root=job.root)
        except OutputError:
            # A new stack that cannot be finished is not begun.
            _remove(job, new)
            raise
        for before in self._earlier[job.root].written_to(job.folder).values():
            for target in before:
                if target not in files and journal.may_replace(target):
                    with suppress(OSError):
                        (job.root / target).unlink(missing_ok=True)

    def _require_ours(self, job: StackJob, targets: Iterable[str]) -> None:
        """Refuse to replace what is not ours."""
        for target in targets:
            if not self.plan.journals[job.root].may_replace(target):
                raise PictureError(
                    f"{job.root / target} is not ours, or was edited since; move it away, "
                    "or give --redo to replace it",
                    reason="target-exists",
                )

    def _origin(self, job: StackJob) -> Path | bytes:
        """Give the file of a picture, or what standard input holds."""
        return self._stdin if job.source.path is None else job.source.path

    @cached_property
    def _stdin(self) -> bytes:
        """What standard input holds, which can be read only once."""
        return sys.stdin.buffer.read()

    @cached_property
    def _earlier(self) -> dict[Path, EarlierStacks]:
        """What earlier runs wrote; of this one, no two pictures share a folder."""
        return {root: earlier_stacks(journal) for root, journal in self.plan.journals.items()}


def _sha256_of(origin: Path | bytes) -> str:
    """Hash a picture; what cannot be read has no hash, and the decoder will say why."""
    if isinstance(origin, bytes):
        return hashlib.sha256(origin).hexdigest()
    with suppress(OSError):
        return sha256_file(origin) if origin.is_file() else ""
    return ""


def _remove(job: StackJob, targets: Sequence[str]) -> None:
    """Remove files of a stack, and the folders that are empty without them."""
    for target in targets:
        with suppress(OSError):
            (job.root / target).unlink(missing_ok=True)
    folders = {(job.root / target).parent for target in targets} | {job.path}
    for folder in sorted(folders, reverse=True):
        with suppress(OSError):
            folder.rmdir()


def _pixels(picture: Picture) -> NDArray[np.uint8]:
    """Give a picture as (H, W, 3), or as (H, W, 4) where its alpha says something."""
    if picture.alpha is None or (picture.alpha == 255).all():
        return picture.rgb
    return picture.rgba


def _header(origin: Path | bytes) -> tuple[str, str]:
    """Give the mode and the format that a file states."""
    if isinstance(origin, bytes):
        image = identify(BytesIO(origin))
        return image.mode, image.format or ""
    with origin.open("rb") as stream:
        image = identify(stream)
        return image.mode, image.format or ""
