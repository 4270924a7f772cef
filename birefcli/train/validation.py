"""Validation: a network's score by the chosen metric, and its mattes of a few pictures."""

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from statistics import fmean

import numpy as np

from birefcli.errors import DeviceError
from birefcli.image import Alpha, Matte, Rgb, to_uint8
from birefcli.matte import is_empty
from birefcli.metrics import Tally, iou, is_error, mae, make_pair, measure_pair, unavailable
from birefcli.models import Segmenter
from birefcli.train.data.examples import LabelledPicture

IOU = "IoU"  # the metric whose mean is that of the kinds of pictures


@dataclass(frozen=True, eq=False)
class SegmentedPicture:
    """A picture with its truth, and the matte (H, W) that was made of it."""

    picture: LabelledPicture
    matte: Alpha


@dataclass(frozen=True)
class ValidationResult:
    """The metric's value, the scores by kind of picture, and the mattes asked for by place."""

    metric: str
    value: float
    scores: dict[str, float]
    shown: dict[int, SegmentedPicture] = field(default_factory=dict)

    @property
    def rank(self) -> float:
        """Give the value with its sign turned where lower is better."""
        return -self.value if is_error(self.metric) else self.value

    def beats(self, best: float | None) -> bool:
        """Tell whether it is better than the best rank so far; no number beats nothing."""
        return not math.isnan(self.value) and (best is None or self.rank > best)


def check_metric(metric: str) -> None:
    """Refuse a metric whose package is not installed, before any step is taken."""
    if unavailable((metric,)):
        raise DeviceError(
            f"{metric} needs SciPy and scikit-image: pip install 'birefcli[eval]', "
            "or choose another --metric"
        )


def validate(
    segment: Segmenter,
    pictures: Iterable[LabelledPicture],
    metric: str,
    places: Collection[int] = (),
) -> ValidationResult:
    """Score a segmenter on pictures, as `cut` would use it; the mattes at `places` are kept.

    IoU is the mean over the kinds of pictures, of which the empty ones count how many stay empty;
    every other metric is the mean over all pictures, as `birefcli eval` has it.
    """
    measuring = MeasuringSegmenter(segment, metric, places)
    scores = score(measuring, measuring.watch(pictures))
    if metric == IOU:
        value = fmean(value for name, value in scores.items() if not name.endswith("mae"))
    else:
        value = measuring.tally.score(metric)
    return ValidationResult(metric, value, scores, measuring.shown)


def score(segment: Segmenter, pictures: Iterable[LabelledPicture]) -> dict[str, float]:
    """Give the mean IoU per source, the share of empty pictures left empty, and the mean MAE."""
    found: dict[str, list[float]] = defaultdict(list)
    for picture in pictures:
        (matte,) = segment([picture.rgb])
        truth = picture.mask.astype(np.float32) / np.float32(255)
        if truth.max() < 0.5:
            found[f"{picture.source} empty"].append(float(is_empty(matte)))
        else:
            found[picture.source].append(iou(matte, truth))
        found["mae"].append(mae(matte, truth))
    return {name: round(fmean(values), 4) for name, values in sorted(found.items())}


class MeasuringSegmenter:
    """A segmenter that measures, on the way, what it makes of the pictures it watches."""

    def __init__(self, segment: Segmenter, metric: str, places: Collection[int]) -> None:
        self.segment = segment
        self.metric = metric
        self.places = places
        self.tally = Tally((metric,))
        self.shown: dict[int, SegmentedPicture] = {}
        self.place = -1
        self.picture: LabelledPicture | None = None

    def watch(self, pictures: Iterable[LabelledPicture]) -> Iterator[LabelledPicture]:
        """Give the pictures one by one, each to be segmented before the next."""
        for self.place, self.picture in enumerate(pictures):
            yield self.picture

    def __call__(self, images: Sequence[Rgb]) -> list[Matte]:
        """Give the matte of the picture at hand."""
        assert self.picture is not None
        (matte,) = self.segment(images)
        alpha = to_uint8(matte * 255)
        if self.metric != IOU:
            pair = make_pair(alpha, self.picture.mask)
            self.tally.add(str(self.place), measure_pair(pair, (self.metric,)))
        if self.place in self.places:
            self.shown[self.place] = SegmentedPicture(self.picture, alpha)
        return [matte]
