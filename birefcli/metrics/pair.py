"""A prediction beside its truth, brought to one size and prepared as a protocol wants it."""

from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from birefcli.image import Alpha, Mask, Picture

Float: TypeAlias = NDArray[np.float64]

EPS = float(np.spacing(1))
LEVELS = 256


@dataclass(frozen=True)
class Counts:
    """Pixels predicted at each of the 256 thresholds 255, 254 … 0, each array (256,)."""

    hits: NDArray[np.int64]  # inside the truth
    misses: NDArray[np.int64]  # outside it


@dataclass(frozen=True, eq=False)
class Pair:
    """A prediction and its truth in 8 bits, both (H, W), and what the metrics make of them.

    `stretches` is the benchmark's preparation (its `_prepare_data`): the prediction is stretched
    to 0…1 unless it is constant.
    """

    prediction: Alpha
    truth: Alpha
    stretches: bool = False

    @cached_property
    def object(self) -> Mask:
        """Give the true object (H, W): what lies above 128."""
        return self.truth > 128

    @cached_property
    def matte(self) -> Float:
        """Give the prediction (H, W) in 0…1, stretched where the protocol says so."""
        matte: Float = self.prediction / 255
        low, high = matte.min(), matte.max()
        return (matte - low) / (high - low) if self.stretches and low != high else matte

    @cached_property
    def steps(self) -> Alpha:
        """Give that prediction (H, W) in 256 steps, cut off and not rounded."""
        return (self.matte * 255).astype(np.uint8)

    @cached_property
    def counts(self) -> Counts:
        """Count what is predicted at each threshold."""
        return count(self.steps, self.object)

    @cached_property
    def chosen(self) -> Mask:
        """Give the object (H, W) at the adaptive threshold: twice the mean, at most 1."""
        return np.asarray(self.matte >= min(2 * self.matte.mean(), 1), np.bool_)


def matte_of(picture: Picture) -> Alpha:
    """Read a matte (H, W) from a picture: its alpha where that says something, else its grey."""
    if picture.alpha is not None and picture.alpha.min() < 255:
        return picture.alpha
    return np.asarray(cv2.cvtColor(picture.rgb, cv2.COLOR_RGB2GRAY), np.uint8)


def make_pair(prediction: Alpha, truth: Alpha, *, stretches: bool = False) -> Pair:
    """Resize the prediction (h, w) to the truth's (H, W), bilinearly as OpenCV does."""
    if prediction.shape != truth.shape:
        size = truth.shape[::-1]
        resized = cv2.resize(prediction, size, interpolation=cv2.INTER_LINEAR)
        prediction = np.asarray(resized, np.uint8)
    return Pair(prediction, truth, stretches)


def count(steps: Alpha, truth: Mask) -> Counts:
    """Count the pixels of `steps` (H, W) that reach each threshold, inside and outside."""

    def reaching(values: Alpha) -> NDArray[np.int64]:
        return np.bincount(values, minlength=LEVELS)[::-1].cumsum()

    return Counts(reaching(steps[truth]), reaching(steps[~truth]))
