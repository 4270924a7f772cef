"""The walk of `cut` with fakes, for its tests."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from fakes import (
    MODEL,
    Bright,
    loaded,
)
from PIL import Image

from birefcli.batch.executor import StopFlag
from birefcli.batch.report import Outcome
from birefcli.models.segmenter import LoadedSegmenter, Segmenter
from birefcli.settings.cut import CutSettings
from birefcli.workflows.cut import cut_all, prepare_cut


def go(
    *inputs: str,
    segment: Segmenter | None = None,
    load: Callable[[], LoadedSegmenter] | None = None,
    model: Any = MODEL,
    machine_batch: int = 1,
    **settings: Any,
) -> list[Outcome]:
    """Run the walk and give its outcomes."""
    prepared = prepare_cut(CutSettings(inputs=inputs, **settings))
    if load is None:
        ready = loaded(segment or Bright(), machine_batch)
        return list(cut_all(prepared, model, lambda: ready, StopFlag()))
    return list(cut_all(prepared, model, load, StopFlag()))


def no_model() -> LoadedSegmenter:
    raise AssertionError("the model is not needed")


def ends(outcomes: list[Outcome]) -> list[str]:
    return [f"{o.source} {o.status} {o.reason}".strip() for o in outcomes]


def pixels(path: Path | str) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def tree(folder: Path) -> dict[str, str]:
    """Every file below a folder, but for the journal, by its hash."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".birefcli" not in path.parts
    }
