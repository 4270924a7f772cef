"""The frame of a result: cropped, padded, squared, put on a canvas."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from birefcli.errors import PictureError, UsageError
from birefcli.matte.engine import Framed, canvas, pad, power_of_two, square
from birefcli.matte.morphology import Box
from birefcli.settings import CutSettings


def framed(array: NDArray[Any], box: Box | None, settings: CutSettings) -> Framed:
    """Crop an array (H, W, …) to a box and bring it into the frame that was asked for.

    The offset is where the corner of the box lies in it. Raise PictureError where the canvas is
    too small.
    """
    result = Framed(cropped(array, box), (0, 0))
    if settings.pad:
        result = _after(result, pad(result.rgba, settings.pad))
    if settings.square:
        result = _after(result, square(result.rgba, settings.anchor))
    if settings.canvas is not None:
        try:
            result = _after(result, canvas(result.rgba, settings.canvas, settings.anchor))
        except UsageError as error:
            raise PictureError(str(error), reason="canvas") from error
    if settings.pot:
        result = _after(result, power_of_two(result.rgba, settings.anchor))
    return result


def cropped(array: NDArray[Any], box: Box | None) -> NDArray[Any]:
    """Give what of an array (H, W, …) lies in a box; None is all."""
    if box is None:
        return array
    left, top, right, bottom = box
    return np.ascontiguousarray(array[top:bottom, left:right])


def _after(first: Framed, second: Framed) -> Framed:
    """Give the second of two steps, with the way that both moved the corner."""
    (x, y), (right, down) = first.offset, second.offset
    return Framed(second.rgba, (x + right, y + down))
