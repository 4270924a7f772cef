"""What a network is worth on pictures it was not trained on, scored as `cut` would use it."""

from collections import defaultdict
from collections.abc import Sequence
from statistics import fmean

import numpy as np

from birefcli.errors import UsageError
from birefcli.matte import is_empty
from birefcli.metrics import iou, mae
from birefcli.segmenter import Segmenter
from birefcli.train.data import LabelledPicture, Pack, read_scenes
from birefcli.trainsettings import TrainSettings


def validation_set(settings: TrainSettings) -> list[LabelledPicture]:
    """Gather the pack's own validation pictures: its photographs and finished scenes."""
    pack = Pack(settings.data[0], split="val", leave_out=settings.leave_out)
    pictures = list(pack.photographs())
    if (settings.data[0] / "val-scenes.csv").is_file():
        pictures += read_scenes(settings.data[0], "val-scenes")
    if not pictures:
        raise UsageError(
            f"{settings.data[0]} has nothing to validate on: keep photographs in split val, "
            "or finished scenes in val-scenes.csv"
        )
    return pictures


def score(segment: Segmenter, pictures: Sequence[LabelledPicture]) -> dict[str, float]:
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
