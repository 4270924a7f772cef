"""The array types of pictures, rounding back to 8 bits, and resizing."""

from typing import Any, TypeAlias, TypeVar

import cv2
import numpy as np
import numpy.typing as npt

Rgb: TypeAlias = npt.NDArray[np.uint8]  # (H, W, 3)
Rgba: TypeAlias = npt.NDArray[np.uint8]  # (H, W, 4)
Alpha: TypeAlias = npt.NDArray[np.uint8]  # (H, W)
Matte: TypeAlias = npt.NDArray[np.float32]  # (H, W), 0…1
Mask: TypeAlias = npt.NDArray[np.bool_]  # (H, W)
Labels: TypeAlias = npt.NDArray[np.int32]  # (H, W): the number of a pixel's owner, 0 is the ground
Disparity: TypeAlias = npt.NDArray[np.float32]  # (H, W): larger is nearer, on any scale

_T = TypeVar("_T", np.uint8, np.float32)


def to_uint8(values: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Round values of any shape on the scale 0…255 to the nearest byte; others are clipped."""
    if values.dtype == np.uint8:
        return values.copy()
    return np.asarray(np.clip(np.rint(values), 0, 255), np.uint8)


def rescale(
    array: npt.NDArray[_T], size: tuple[int, int], how: int | None = None
) -> npt.NDArray[_T]:
    """Resize to (height, width): averaging where a side shrinks, else linearly, or as told."""
    height, width = size
    if how is None:
        is_smaller = height < array.shape[0] or width < array.shape[1]
        how = cv2.INTER_AREA if is_smaller else cv2.INTER_LINEAR
    resized = cv2.resize(np.ascontiguousarray(array), (width, height), interpolation=how)
    return np.asarray(resized, array.dtype)
