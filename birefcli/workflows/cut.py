"""Cut the object out of every picture: gather, plan, read, segment, cut out, write, report."""

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from birefcli.batch import (
    STDOUT,
    Batch,
    CutFacts,
    CutJob,
    CutPlan,
    EncodedResult,
    Inputs,
    Journal,
    KnownNames,
    Outcome,
    ResultKey,
    Status,
    StopFlag,
    gather,
    output_roots,
    plan_cuts,
    run_batch,
)
from birefcli.errors import PictureError, UsageError
from birefcli.image import (
    Matte,
    Picture,
    is_animated,
    output_error,
    read_picture,
    remove_stale_temporaries,
    sha256_file,
    write_atomic,
)
from birefcli.matte import (
    Cutout,
    check_key,
    make_cutout,
    network_view,
    parse_color,
    read_spec,
    render,
)
from birefcli.models import LoadedSegmenter, ModelFile, segment_each
from birefcli.settings import SUFFIXES, CutSettings, Format, OnEmpty, Product, settings_digest
from birefcli.workflows.cut_files import encode_still
from birefcli.workflows.cut_frames import FramesItem, encode_frames, read_animation
from birefcli.workflows.cut_pieces import is_piece_of, piece_files, pieces_of_still, taken

# Raised whenever the same settings and weights give other bytes than before.
ARITHMETIC = 3


@dataclass(frozen=True)
class PreparedCut:
    """A run before anything is read: what goes in, where it comes out, what was done before."""

    settings: CutSettings
    inputs: Inputs
    plan: CutPlan
    journals: dict[Path, Journal]
    known: dict[Path, KnownNames]


def prepare_cut(settings: CutSettings) -> PreparedCut:
    """Gather the inputs and plan every result; nothing is written.

    Raise UsageError for a colour or a plan that makes no sense, InputError where no picture is.
    """
    if settings.background is not None:
        parse_color(settings.background)
    check_key(settings.key)
    if settings.sheet not in (None, "auto"):
        read_spec(settings.sheet)
    inputs = gather(settings)
    journals = {root: Journal(root) for root in output_roots(inputs, settings)}
    known = {root: journal.known for root, journal in journals.items()}
    plan = plan_cuts(inputs, settings, known)
    _check_alpha(plan, settings)
    return PreparedCut(settings, inputs, plan, journals, known)


def _check_alpha(plan: CutPlan, settings: CutSettings) -> None:
    """Refuse names of jpg files for cutouts that were asked to have special alpha."""
    flag = "--bleed" if settings.bleed else "--premultiply"
    if not (settings.bleed or settings.premultiply):
        return
    for job in plan.jobs:
        target = job.targets.get(Product.CUTOUT)
        if target is not None and target_format(target, settings) == Format.JPG:
            raise UsageError(f"{flag} needs alpha, which {target} has not; name it .png")


def cut_all(
    prepared: PreparedCut,
    model: ModelFile,
    load: Callable[[], LoadedSegmenter],
    stop: StopFlag,
) -> Iterator[Outcome]:
    """Cut every planned picture and give its outcome as soon as it is known.

    `load` is called once, and only if a picture needs the model. Raise OutputError where an output
    folder cannot be written to; what `load` raises ends the run.
    """
    for folder in _folders_without_journal(prepared.plan):
        remove_stale_temporaries(folder, recursive=False)
    settings, journals = prepared.settings, prepared.journals
    batch = Batch(
        prepared.plan.jobs,
        prepared.inputs,
        journals,
        redo=settings.redo,
        fail_fast=settings.fail_fast,
    )
    return run_batch(batch, CutTask(settings, journals, model, prepared.known), load, stop)


@dataclass(frozen=True, eq=False)
class CutItem:
    """A picture on its way: decoded, then with its matte (H, W)."""

    picture: Picture
    matte: Matte | None = None

    @property
    def pictures(self) -> tuple[Picture, ...]:
        """What the network looks at."""
        return (self.picture,)

    def with_mattes(self, mattes: list[Matte]) -> "CutItem":
        """Give the same picture with what the network saw in it."""
        return replace(self, matte=mattes[0])


@dataclass(frozen=True)
class CutTask:
    """What is done with one picture: decode, segment, cut out and encode, write."""

    settings: CutSettings
    journals: Mapping[Path, Journal]
    model: ModelFile
    earlier: Mapping[Path, KnownNames]

    has_folder_per_picture = False

    def key(self, job: CutJob) -> ResultKey | None:
        """Give what decides a result's bytes; what is no file, or not for a folder, has no key."""
        path = job.source.path
        if job.root is None or path is None or not path.is_file():
            return None
        try:
            sha256 = sha256_file(path)
        except OSError:
            # The decoder will say what is wrong with it.
            return None
        return ResultKey(sha256, settings_digest(self.settings), self.model.sha256, ARITHMETIC)

    def require_free(self, job: CutJob) -> None:
        """Raise PictureError where a target is there already and may not be replaced."""
        self._require_free(job, job.targets.values())

    def _require_free(self, job: CutJob, targets: Iterable[str]) -> None:
        journal = self.journals.get(job.root) if job.root else None
        for target in targets:
            path = job.path_of(target)
            if target == STDOUT or not os.path.lexists(path):
                continue
            if journal is None or not journal.may_replace(target):
                why = "exists already" if journal is None else "is not ours, or was edited since"
                raise PictureError(
                    f"{path} {why}; move it away, or give --redo to replace it",
                    reason="target-exists",
                )

    def read(self, job: CutJob, key: ResultKey | None) -> CutItem | FramesItem:
        """Decode a picture, or all frames of an animation."""
        source = job.source.path if job.source.path is not None else sys.stdin.buffer.read()
        if is_animated(source):
            return read_animation(source, self.settings.max_pixels)
        return CutItem(read_picture(source, max_pixels=self.settings.max_pixels))

    def batch(self, models: LoadedSegmenter) -> int:
        """Give how many pictures share one pass."""
        return self.settings.batch or models.batch

    def compute(
        self, models: LoadedSegmenter, works: Sequence[CutItem | FramesItem]
    ) -> list[CutItem | FramesItem | Exception]:
        """Give every picture its matte, frames as many at once as pictures."""
        pictures = [picture for item in works for picture in item.pictures]
        most = self.batch(models)
        found: list[Matte | Exception] = []
        for i in range(0, len(pictures), most):
            views = [network_view(picture) for picture in pictures[i : i + most]]
            found += segment_each(models.segment, views)
        mattes = iter(found)
        return [_with_mattes(item, list(islice(mattes, len(item.pictures)))) for item in works]

    def encode(self, job: CutJob, work: CutItem | FramesItem) -> EncodedResult:
        """Cut out, and encode every product."""
        result = (
            encode_frames(job, work, self.settings)
            if isinstance(work, FramesItem)
            else self._encode_still(job, work)
        )
        if not self.settings.redo:
            # What is known only now.
            self._require_free(job, (t for t in result.files if t not in job.targets.values()))
        return result

    def _encode_still(self, job: CutJob, work: CutItem) -> EncodedResult:
        settings, name = self.settings, job.source.name
        assert work.matte is not None
        cutout = make_cutout(work.picture, work.matte, settings)
        if cutout.is_empty and settings.on_empty == OnEmpty.FAIL:
            raise PictureError(f"nothing found in {name}", reason="empty")
        is_left_out = cutout.is_empty and settings.on_empty == OnEmpty.SKIP
        files = {} if is_left_out else encoded(job, work.picture, cutout, settings)
        evidence = cutout.evidence
        reason, message = evidence.missing or ("", "")
        if cutout.is_empty:
            reason, message = "nothing-found", f"nothing found in {name}"
        elif message:
            message = f"{name}: {message}"
        outcome = Outcome(
            name,
            Status.EMPTY if cutout.is_empty else Status.DONE,
            reason,
            message,
            outputs=job.outputs(files),
            size=work.picture.size,
            box=None if settings.split else cutout.box,
            cut=CutFacts(
                evidence.decided_by.value,
                evidence.ground_words,
                evidence.ground_confidence,
                cutout.offset(settings),
            ),
        )
        return EncodedResult(outcome, files)

    def place(self, job: CutJob, files: Mapping[str, bytes]) -> None:
        """Write the products, to their files or to standard output."""
        for target, data in files.items():
            if target == STDOUT:
                _pour(data)
            else:
                path = job.path_of(target)
                write_atomic(path, data, root=job.root or path.parent)
        self._remove_stale(job, files)

    def _remove_stale(self, job: CutJob, files: Mapping[str, bytes]) -> None:
        """Remove the pieces that only an earlier split had, as long as they are ours."""
        if job.root is None or not files:
            return
        for target in self.earlier[job.root].targets.get(job.name, ()):
            is_stale = target not in files and is_piece_of(job, target, self.settings)
            if is_stale and self.journals[job.root].may_replace(target):
                with suppress(OSError):
                    job.path_of(target).unlink(missing_ok=True)


def _with_mattes(
    item: CutItem | FramesItem, found: Sequence[Matte | Exception]
) -> CutItem | FramesItem | Exception:
    """Give an item its mattes, or what went wrong first."""
    mattes = []
    for matte in found:
        if isinstance(matte, Exception):
            return matte
        mattes.append(matte)
    return item.with_mattes(mattes)


def encoded(
    job: CutJob, picture: Picture, cutout: Cutout, settings: CutSettings
) -> dict[str, bytes]:
    """Encode every product of a job, by target; only pictures keep the source's colour profile."""
    files: dict[str, bytes] = {}
    for product, target in job.targets.items():
        if product in taken(settings):
            continue
        format = target_format(target, settings)
        array = render(cutout, picture, product, format, settings)
        files[target] = encode_still(array, format, picture, settings)
    if taken(settings):
        pieces = pieces_of_still(picture, cutout, settings)
        files |= piece_files(job, pieces, settings, size=picture.size)
    return files


def target_format(target: str, settings: CutSettings) -> Format:
    """Give the format of a result: what its name says, where the user chose the name."""
    return SUFFIXES.get(Path(target).suffix.lower(), settings.format or Format.PNG)


def _pour(data: bytes) -> None:
    """Write a picture to standard output."""
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except OSError as error:
        # What stays in the buffer has nowhere to go, also when Python exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise output_error(error, Path("standard output")) from error


def _folders_without_journal(plan: CutPlan) -> set[Path]:
    """List the folders in which single results are put beside what else lies there."""
    return {
        path.parent
        for job in plan.jobs
        if job.root is None
        for path in job.outputs(job.targets.values())
    }
