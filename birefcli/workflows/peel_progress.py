"""What is said of a peel while it runs, and the pictures that explain it."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from birefcli.image import encode

# Colours for the things of a pass: neighbours in number are far apart in hue.
_HUES = np.array(
    [[0, 0, 0], [230, 80, 60], [60, 150, 230], [240, 190, 40], [90, 190, 90], [170, 90, 210]],
    np.uint8,
)


@dataclass
class PeelProgress:
    """Says how each pass of a peel goes, and with `keeps` draws its steps as `files` by name.

    Passes that come up within `patience` seconds are not told.
    """

    name: str
    say: Callable[[str], None]
    keeps: bool = False
    patience: float = 0
    files: dict[str, bytes] = field(default_factory=dict)
    _began: float = field(default_factory=time.monotonic, init=False)

    def __call__(self, name: str, array: NDArray[Any]) -> None:
        """Take a piece of evidence: its name, such as pass-01/labels, and its array (H, W)."""
        is_told = time.monotonic() - self._began >= self.patience
        if is_told and (found := re.fullmatch(r"pass-(\d+)/labels", name)):
            count = len(np.unique(array[array > 0]))
            things = "1 thing" if count == 1 else f"{count or 'no'} things"
            self.say(f"{self.name}: pass {int(found[1])}, {things}")
        if self.keeps and array.ndim == 2 and array.size:
            self.files[f"explain/{name.replace('/', '_')}.png"] = encode(_drawn(array), "png")


def _drawn(array: NDArray[Any]) -> NDArray[np.uint8]:
    """Draw labels in colours (H, W, 3), and masks in black and white (H, W)."""
    if array.dtype == np.bool_:
        return np.where(array, np.uint8(255), np.uint8(0))
    labels = np.asarray(array, np.int64)
    return _HUES[np.where(labels > 0, 1 + (labels - 1) % (len(_HUES) - 1), 0)]
