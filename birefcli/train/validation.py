"""What a network is worth on pictures it was not trained on, scored as `cut` would use it."""

from collections import defaultdict
from collections.abc import Iterable
from statistics import fmean

import numpy as np

from birefcli.matte.morphology import is_empty
from birefcli.metrics.pixels import iou, mae
from birefcli.models.segmenter import Segmenter
from birefcli.train.data.examples import LabelledPicture


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
