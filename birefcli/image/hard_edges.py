"""Which pictures ask for hard edges: small art of few colours."""

import numpy as np

from birefcli.image.types import Rgb


def looks_hard(rgb: Rgb) -> bool:
    """Whether a picture (H, W, 3) asks for hard alpha: long side and colours at most 256."""
    if max(rgb.shape[:2]) > 256:
        return False
    red, green, blue = np.moveaxis(rgb.astype(np.uint32), -1, 0)
    return np.unique(red << 16 | green << 8 | blue).size <= 256
