"""What pictures are made of here: the array types, and the one rounding back to 8 bits."""

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Rgb: TypeAlias = npt.NDArray[np.uint8]  # (H, W, 3)
Alpha: TypeAlias = npt.NDArray[np.uint8]  # (H, W)
Matte: TypeAlias = npt.NDArray[np.float32]  # (H, W), 0…1


def to_uint8(values: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.uint8]:
    """Round values on the scale 0…255 to the nearest byte."""
    return np.asarray(np.clip(np.rint(values), 0, 255), np.uint8)
