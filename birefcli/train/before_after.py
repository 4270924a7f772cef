"""The run's sheet: held-out pictures, their truths, and the mattes before and after training."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from birefcli.image import SIDE, Alpha, Rgb, Row, encode, page, rescale, write_atomic
from birefcli.train.validation import SegmentedPicture

ROWS = 12


class BeforeAfterSheet:
    """A few pictures, the same from the start of a run to its end."""

    def __init__(self, count: int) -> None:
        rows = min(ROWS, count)
        # Their places among the held-out pictures, evenly spread.
        self.places = tuple(i * count // rows for i in range(rows))
        self.before: dict[int, Alpha] = {}

    def remember(self, shown: Mapping[int, SegmentedPicture]) -> None:
        """Keep what the network made of the pictures before it was trained."""
        self.before = {place: _shrunk(one.matte) for place, one in shown.items()}

    def draw(self, target: Path, after: Mapping[int, SegmentedPicture]) -> None:
        """Write picture, truth, before where there is one, and after, row by row."""
        rows = [self._row(place, one) for place, one in sorted(after.items())]
        if rows:
            write_atomic(target, encode(page(rows), "webp", quality=90), root=target.parent)

    def _row(self, place: int, after: SegmentedPicture) -> Row:
        before = self.before.get(place)
        words = "picture, truth, after" if before is None else "picture, truth, before, after"
        mattes = [after.picture.mask, *([] if before is None else [before]), after.matte]
        cells = (_shrunk(after.picture.rgb), *(_grey(_shrunk(matte)) for matte in mattes))
        return Row(f"{after.picture.source}   {words}", cells)

    def to_tensors(self) -> dict[int, Tensor]:
        """Give what `from_tensors` takes up again."""
        return {place: torch.from_numpy(matte) for place, matte in self.before.items()}

    def from_tensors(self, before: Mapping[int, Tensor]) -> None:
        """Take up what an earlier part of the run remembered."""
        self.before = {place: tensor.numpy() for place, tensor in before.items()}


def _grey(alpha: Alpha) -> Rgb:
    return np.repeat(alpha[..., None], 3, 2)


def _shrunk(array: Rgb | Alpha) -> Rgb | Alpha:
    """Bring a picture (H, W, 3) or a matte (H, W) to the size of a cell."""
    height, width = array.shape[:2]
    factor = SIDE / max(height, width)
    size = max(1, round(height * factor)), max(1, round(width * factor))
    return rescale(array, size)
