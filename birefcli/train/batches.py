"""What the batch of a step holds: its shape, and its pictures as a function of seed and step."""

import math
from collections.abc import Sequence
from functools import cache

import numpy as np
import torch
from numpy.random import default_rng
from numpy.typing import NDArray
from torch import Tensor

from birefcli.net import BiRefNet, input_size
from birefcli.scenes import SampleShares, Scene, draw_sample
from birefcli.settings import TrainSettings
from birefcli.train.batch import TrainingBatch, to_tensors
from birefcli.train.data.pack import REMINDERS, Pack
from birefcli.train.data.scene_parts import DrawnPicture
from birefcli.train.data.supply import PictureSupply, sample_shares_of
from birefcli.train.data.training_data import open_picture_supply

ASPECTS_TRIED = 101  # to find the largest batch


def batch_shape(step: int, share: float, settings: TrainSettings) -> tuple[int, tuple[int, int]]:
    """Give the batch size and the (height, width) of a step: the stage's area, a random aspect."""
    stage = next(s for s in settings.stages if share < s.until or s is settings.stages[-1])
    rng = default_rng((settings.seed, step, 1))
    limit = math.log(settings.aspect)
    aspect = math.exp(rng.uniform(-limit, limit)) if rng.random() < 0.7 else 1.0
    return stage.batch, _size_of(aspect, stage.size)


def largest_batch(settings: TrainSettings) -> tuple[int, int, int]:
    """Give the shape (N, H, W) of the batch with the most pixels that a training may draw."""
    aspects = np.geomspace(1 / settings.aspect, settings.aspect, ASPECTS_TRIED)
    shapes = [
        (stage.batch, *_size_of(float(aspect), stage.size))
        for stage in settings.stages
        for aspect in aspects
    ]
    return max(shapes, key=math.prod)


def _size_of(aspect: float, side: int) -> tuple[int, int]:
    """Give (height, width) of about the area of a square, width over height being `aspect`."""
    return input_size((1000, round(1000 * aspect)), (side, side), True)


def compose_batch(
    step: int, count: int, size: tuple[int, int], settings: TrainSettings, process: int = 0
) -> TrainingBatch:
    """Compose the batch of a step: a pure function of the seed, the step and the process.

    The batches of several processes are together the larger batch of a single one.
    """
    supplies, classes = supply_of_this_process(settings)
    mixture = sample_shares_of(settings, supplies)
    scenes, names, labels = [], [], []
    bad: dict[str, None] = {}
    for i in range(process * count, (process + 1) * count):
        supplies.begin()
        rng = default_rng((settings.seed, step, 2, i))
        if settings.remind and rng.random() < settings.remind:
            scenes.append(draw_sample(rng, size, reminders(), reminding(settings)))
            names.append("the package's own pictures")
            labels.append(-1)
            continue
        scenes.append(draw_sample(rng, size, supplies, mixture))
        names.append(" + ".join(dict.fromkeys(piece.name for piece in supplies.given)))
        labels.append(label_of(supplies.given, classes))
        bad |= supplies.bad
    return TrainingBatch(
        np.stack([scene.rgb for scene in scenes]),
        np.stack([scene.matte for scene in scenes]),
        known=_known(scenes),
        names=tuple(name or "drawn" for name in names),
        labels=np.array(labels, np.int64) if classes else None,
        bad=tuple(bad),
        is_photo=np.array([scene.is_photo for scene in scenes]),
    )


def _known(scenes: Sequence[Scene]) -> NDArray[np.float32] | None:
    """Give where the truths are known (N, H, W); None where all of all of them is."""
    if all(scene.known is None for scene in scenes):
        return None
    ones = np.ones_like(scenes[0].matte)
    return np.stack([ones if scene.known is None else scene.known for scene in scenes])


def label_of(pieces: Sequence[DrawnPicture], classes: tuple[str, ...]) -> int:
    """Give the class of a sample by what is in it: a number if there is just one, else -1."""
    found = {piece.class_name for piece in pieces if piece.class_name is not None}
    (name,) = found if len(found) == 1 else (None,)
    return classes.index(name) if name in classes else -1


@cache
def supply_of_this_process(settings: TrainSettings) -> tuple[PictureSupply, tuple[str, ...]]:
    """Open what scenes are made of, and its classes, once per process."""
    return open_picture_supply(settings)


@cache
def reminders() -> PictureSupply:
    """Open the package's own pictures once per process."""
    return PictureSupply([Pack(REMINDERS, tiers=("A",))])


def reminding(settings: TrainSettings) -> SampleShares:
    """Give the shares of the scenes of the package's own pictures, which hold no photographs."""
    return SampleShares(photo=0.0, empty=0.12, pixel=0.45, same_color=0.12, target=settings.target)


def first_pictures(settings: TrainSettings, network: BiRefNet, count: int = 48) -> Tensor:
    """Give normalised pictures (N, 3, 256, 256) for the encoder's batch norms."""
    batch = compose_batch(0, count, (256, 256), settings)
    return to_tensors(batch, network, torch.device("cpu"))[0]
