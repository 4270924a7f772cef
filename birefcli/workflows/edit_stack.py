"""Changing a stack by hand: one layer peeled again with a mask, or the layers in another order."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from birefcli.batch import Journal, Outcome
from birefcli.errors import PictureError, UsageError
from birefcli.image import Matte, read_picture, real, write_atomic
from birefcli.inpaint import Inpainter
from birefcli.models import ModelFile, PeelModels, partner_of
from birefcli.peeling import redo, reorder
from birefcli.settings import PeelCommand, recalled
from birefcli.stack import FILE, Manifest, OpenedStack, Stack, file_names, format_names, read_stack
from birefcli.workflows.peel_progress import PeelProgress
from birefcli.workflows.peel_result import engine_of, proven_files, stack_outcome


@dataclass(frozen=True, eq=False)
class Recalled:
    """A stack to be changed, and its settings: those given now, else those it was made with."""

    folder: Path
    opened: OpenedStack
    settings: PeelCommand


def recall(settings: PeelCommand) -> Recalled:
    """Read the stack of `settings.edit`, and join what is asked with what it was made with.

    Raise PictureError where a part of the stack is missing, UsageError where a report would
    overwrite one.
    """
    assert settings.edit is not None
    opened = read_stack(settings.edit)
    _check(settings, opened.manifest)
    options, given = opened.engine.options, settings.given
    formats = {*settings.formats, *options.get("format", ())}
    settings = replace(
        settings,
        peel=recalled(settings.peel, options, given),
        inpaint=settings.inpaint
        if "inpaint" in given
        else options.get("inpaint", settings.inpaint),
        formats=tuple(name for name in format_names() if name in formats),
        explain=settings.explain or bool(options.get("explain")),
    )
    return Recalled(settings.edit or Path(), opened, settings)


def _check(settings: PeelCommand, manifest: Manifest) -> None:
    """Refuse what would lose a part of the stack."""
    folder = settings.edit or Path()
    if manifest.mask_file is not None and not (folder / manifest.mask_file).is_file():
        raise PictureError(
            f"{folder / manifest.mask_file} is gone, which tells what was invented; "
            "bring it back, or peel the picture again",
            reason="stack-incomplete",
        )
    parts = {real(folder / name) for name in (*file_names(manifest), FILE)}
    if settings.report is not None and real(settings.report) in parts:
        raise UsageError(f"--report {settings.report} is a part of the stack; choose another file")


def change(
    recalled: Recalled,
    model: ModelFile,
    inpainter: Inpainter,
    load: Callable[[], PeelModels],
    say: Callable[[str], None],
) -> Outcome:
    """Change a stack as asked, prove it, and write it again.

    `load` is called only where a layer is peeled again. Raise UsageError for a layer or an order
    that is not there, PictureError for a mask that does not fit or a stack that is not exact, and
    OutputError where the folder cannot be written to or another run holds it.
    """
    folder, opened, settings = recalled.folder, recalled.opened, recalled.settings
    started = time.perf_counter()
    with Journal(folder):
        progress = PeelProgress(str(folder), say, keeps=settings.explain)
        stack = _changed(opened, settings, inpainter, load, progress)
        engine = engine_of(settings, model, partner_of(model), inpainter, opened.engine.depth)
        if settings.order:
            # Another order asks no segmenter: what found the layers is still what found them.
            told = opened.engine
            engine = replace(
                engine,
                segmenter=told.segmenter,
                segmenter_sha256=told.segmenter_sha256,
                segmenter_size=told.segmenter_size,
                options={**engine.options, "beside": told.options.get("beside")},
            )
        files = proven_files(
            stack, opened.picture, opened.source, engine, settings, name=str(folder)
        )
        _replace(folder, opened, {**progress.files, **files})
    outcome = stack_outcome(folder.as_posix(), folder, stack)
    return replace(outcome, seconds=time.perf_counter() - started)


def _changed(
    opened: OpenedStack,
    settings: PeelCommand,
    inpainter: Inpainter,
    load: Callable[[], PeelModels],
    progress: PeelProgress,
) -> Stack:
    """Peel one layer again, or all in another order."""
    stack = opened.stack
    if settings.order:
        return reorder(stack, settings.order, inpainter, settings.peel, watch=progress)
    number = settings.layer
    assert number is not None
    if number > len(stack.layers):
        raise UsageError(
            f"there is no layer {number} in {settings.edit}; it has {len(stack.layers)}"
        )
    if settings.mask is None:
        alpha = stack.layers[number - 1].rgba[..., 3]
        mask = np.asarray(alpha / np.float32(255), np.float32)
    else:
        mask = _mask(settings.mask, stack, settings.max_pixels)
    models = load().checked()
    return redo(
        stack,
        number,
        mask,
        models.whole,
        inpainter,
        settings.peel,
        front=models.topmost,
        watch=progress,
    )


def _mask(path: Path, stack: Stack, max_pixels: int) -> Matte:
    """Read a mask: its alpha where it has one, else its brightness."""
    picture = read_picture(path, max_pixels=max_pixels)
    if picture.size != stack.size:
        raise PictureError(
            f"{path} has {picture.size[1]}x{picture.size[0]} pixels, and the stack "
            f"{stack.size[1]}x{stack.size[0]}; draw the mask at its size",
            reason="mask-size",
        )
    has_alpha = picture.alpha is not None and (picture.alpha < 255).any()
    values = picture.alpha if has_alpha and picture.alpha is not None else picture.rgb.mean(2)
    matte = np.asarray(values, np.float32) / np.float32(255)
    if not (matte > 0.5).any():
        raise PictureError(f"{path} shows nothing: no pixel of it is bright", reason="mask-empty")
    return matte


def _replace(folder: Path, opened: OpenedStack, files: dict[str, bytes]) -> None:
    """Write the new files, the manifest last, and remove those that only the old stack had."""
    manifest = files.pop(FILE)
    explained = {f"explain/{path.name}" for path in (folder / "explain").glob("*-[0-9]*_*.png")}
    with _uninterrupted():
        for name, data in {**files, FILE: manifest}.items():
            write_atomic(folder / name, data, root=folder)
        for name in (file_names(opened.manifest) | explained) - set(files):
            with suppress(OSError):
                (folder / name).unlink(missing_ok=True)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM wait for the moment in which a stack is half old and half new."""
    held: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {one: signal.signal(one, lambda number, _: held.append(number)) for one in numbers}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
    for number in held:
        signal.raise_signal(number)
