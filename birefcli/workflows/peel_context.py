"""Around a peel: what is told of it while it runs, and what its manifest says of its making."""

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from birefcli import __version__
from birefcli.image.files import encode
from birefcli.image.types import Matte, Rgb
from birefcli.inpaint.load import provenance_of
from birefcli.inpaint.protocol import Inpainter
from birefcli.models.depth import DepthEstimator
from birefcli.models.segmenter import Segmenter, segment_each
from birefcli.models.store import ModelFile
from birefcli.settings.digest import deciding
from birefcli.settings.peel import PeelCommand
from birefcli.stack.types import EngineRecord

# Colours for the things of a pass: neighbours in number are far apart in hue.
_HUES = np.array(
    [[0, 0, 0], [230, 80, 60], [60, 150, 230], [240, 190, 40], [90, 190, 90], [170, 90, 210]],
    np.uint8,
)


@dataclass(frozen=True)
class Careful:
    """A segmenter whose mattes are looked at before they are used."""

    segment: Segmenter

    def __call__(self, images: Sequence[Rgb]) -> list[Matte]:
        """Give one matte per picture, or raise what is wrong with one of them."""
        mattes = []
        for result in segment_each(self.segment, images):
            if isinstance(result, Exception):
                raise result
            mattes.append(result)
        return mattes


def careful(segment: Segmenter | None) -> Segmenter | None:
    """Look at the mattes of a segmenter, where there is one."""
    return None if segment is None else Careful(segment)


@dataclass
class Watcher:
    """Says how each pass goes, and keeps pictures of it where the peel shall be explained.

    Passes that come up within `patience` seconds are not told.
    """

    name: str
    say: Callable[[str], None]
    keeps: bool = False
    patience: float = 0
    files: dict[str, bytes] = field(default_factory=dict)
    _began: float = field(default_factory=time.monotonic, init=False)

    def __call__(self, name: str, array: NDArray[Any]) -> None:
        """Take a piece of evidence: its name, such as pass-01/labels, and its array."""
        is_told = time.monotonic() - self._began >= self.patience
        if is_told and (found := re.fullmatch(r"pass-(\d+)/labels", name)):
            count = len(np.unique(array[array > 0]))
            things = "1 thing" if count == 1 else f"{count or 'no'} things"
            self.say(f"{self.name}: pass {int(found[1])}, {things}")
        if self.keeps and array.ndim == 2 and array.size:
            self.files[f"explain/{name.replace('/', '_')}.png"] = encode(_shown(array), "png")


def _shown(array: NDArray[Any]) -> NDArray[np.uint8]:
    """Draw labels in colours, and masks in black and white."""
    if array.dtype == np.bool_:
        return np.where(array, np.uint8(255), np.uint8(0))
    labels = np.asarray(array, np.int64)
    return _HUES[np.where(labels > 0, 1 + (labels - 1) % (len(_HUES) - 1), 0)]


def engine_of(
    settings: PeelCommand,
    model: ModelFile,
    other: ModelFile,
    inpainter: Inpainter,
    depth: DepthEstimator | None,
) -> EngineRecord:
    """Say what peels; `other` is the model that looks beside the named one."""
    beside = {"id": other.name, "sha256": other.sha256}
    return EngineRecord(
        version=__version__,
        segmenter=model.name,
        segmenter_sha256=model.sha256,
        segmenter_size=(model.size[1], model.size[0]) if model.size else None,
        inpaint=inpainter.name,
        inpaint_weights=provenance_of(inpainter),
        depth=depth.name if depth else None,
        seed=settings.peel.seed,
        options={**deciding(settings, leaving=["model"]), "beside": beside},
    )
