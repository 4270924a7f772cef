"""What can be done to a matte: a float32 (H, W) array of 0…1, given and returned."""

from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from birefcli.image import Labels, Mask, Matte

Size: TypeAlias = tuple[int, int]  # (height, width)
Box: TypeAlias = tuple[int, int, int, int]  # (left, top, right, bottom), the last two exclusive

# Below this a matte rounds to alpha 0; this far under 1 it rounds to alpha 255.
HALF_STEP = 0.5 / 255


def levels(matte: Matte, low: float, high: float) -> Matte:
    """Snap the ends: 0 up to `low`, 1 from `high`, linear between; ValueError unless low < high."""
    if not low < high:
        raise ValueError(f"low must be below high, not {low} and {high}")
    stretched: Matte = np.clip((matte - np.float32(low)) / np.float32(high - low), 0, 1)
    stretched[matte <= low] = 0
    stretched[matte >= high] = 1
    return stretched


def harden(matte: Matte, threshold: float) -> Matte:
    """Decide every pixel: 1 from `threshold` on, 0 below it."""
    return (matte >= threshold).astype(np.float32)


def invert(matte: Matte) -> Matte:
    """Swap foreground and background."""
    return np.float32(1) - matte


def grow(matte: Matte, px: int) -> Matte:
    """Give every pixel the highest value found within `px` pixels of it."""
    return np.asarray(cv2.dilate(matte, _disk(px)), np.float32)


def shrink(matte: Matte, px: int) -> Matte:
    """Give every pixel the lowest value found within `px` pixels of it, inside the picture."""
    return np.asarray(cv2.erode(matte, _disk(px)), np.float32)


def fill_holes(matte: Matte) -> Matte:
    """Make background that foreground encloses solid, with its soft rim.

    Background is 4-connected, so that a diagonal line of single pixels encloses.
    """
    cores = _components(matte <= 0.5, connectivity=4)
    enclosed = np.ones(cores.max() + 1, bool)
    for edge in (cores[0], cores[-1], cores[:, 0], cores[:, -1]):
        enclosed[edge] = False
    enclosed[0] = False
    holes = _with_halo(cores, enclosed, matte < 1 - HALF_STEP, connectivity=4)
    return np.where(holes, np.float32(1), matte)


def remove_specks(matte: Matte, min_area: int) -> Matte:
    """Clear what has fewer than `min_area` connected pixels above 0.5, with its soft halo.

    A halo pixel belongs to the nearest component that it is joined to, so neighbours keep theirs.
    """
    cores = _components(matte > 0.5, connectivity=8)
    small = np.bincount(cores.ravel()) < min_area
    small[0] = min_area > 0  # a soft patch that nowhere rises above 0.5
    specks = _with_halo(cores, small, matte > HALF_STEP, connectivity=8)
    cleared = np.where(specks, np.float32(0), matte)
    # Halo that hung on a speck by its outermost pixels alone is a faint patch now.
    return cleared if not specks.any() else remove_specks(cleared, min_area)


def bounding_box(matte: Matte, threshold: float) -> Box | None:
    """Return the smallest box around everything above `threshold`, 0…1; None around nothing."""
    is_inside = matte > threshold
    rows = np.flatnonzero(is_inside.any(axis=1))
    columns = np.flatnonzero(is_inside.any(axis=0))
    if not rows.size:
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def pad_box(box: Box, margin: int, size: Size) -> Box:
    """Widen the box by `margin` on every side, as far as a picture of `size` goes."""
    left, top, right, bottom = box
    height, width = size
    return (
        max(left - margin, 0),
        max(top - margin, 0),
        min(right + margin, width),
        min(bottom + margin, height),
    )


def is_empty(matte: Matte) -> bool:
    """Whether nothing was found: under 16 pixels or 0.05 % of the picture above 0.5.

    In pictures under 800 pixels, the 16 become 2 % of the picture.
    """
    limit = max(min(16, 0.02 * matte.size), 0.0005 * matte.size)
    return bool(np.count_nonzero(matte > 0.5) < limit)


def _disk(px: int) -> npt.NDArray[np.uint8]:
    """Return the (2 px + 1) square with 1 within `px` of the middle."""
    if px < 0:
        raise ValueError(f"a distance cannot be negative: {px}")
    y, x = np.ogrid[-px : px + 1, -px : px + 1]
    return np.asarray(x * x + y * y <= px * px, np.uint8)


def _components(mask: Mask, *, connectivity: int) -> Labels:
    """Number the connected regions of the mask from 1; 0 is what lies outside."""
    _, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=connectivity)
    return np.asarray(labels, np.int32)


def _with_halo(cores: Labels, chosen: Mask, visible: Mask, *, connectivity: int) -> Mask:
    """Return the chosen cores with the visible pixels that are nearest and joined to them.

    `chosen` is indexed by core; `chosen[0]` speaks for visible regions that hold no core.
    """
    regions = _components(visible | (cores > 0), connectivity=connectivity)
    is_core = cores > 0
    has_core = np.zeros(regions.max() + 1, bool)
    has_core[regions[is_core]] = True
    coreless: Mask = ~has_core[regions] & visible & chosen[0]
    if not is_core.any():
        return coreless
    # OpenCV numbers the zeros and tells every pixel the number of its nearest one.
    _, numbers = cv2.distanceTransformWithLabels(
        (~is_core).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    core_of, region_of = np.zeros((2, int(numbers.max()) + 1), np.int32)
    core_of[numbers[is_core]] = cores[is_core]
    region_of[numbers[is_core]] = regions[is_core]
    is_joined = (region_of[numbers] == regions) & (visible | is_core)
    return np.asarray(is_joined & chosen[core_of[numbers]] | coreless, np.bool_)
