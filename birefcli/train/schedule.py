"""How a training goes over its steps: how long, how large, how fast, and what the loss weighs."""

import math
from dataclasses import dataclass, replace

from birefcli.errors import UsageError
from birefcli.net import STRIDE, BiRefNetConfig
from birefcli.settings import Schedule, Stage, TrainSettings
from birefcli.train.losses import LossWeights, weights_in_phase

LAST_RATE = 0.02  # where the cosine ends, as a share of the rate
MODERATE = 512  # pixels a side; larger networks are trained with fewer pictures at once
BATCHES = 8, 2  # pictures at once up to that size, and above


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a training has come; `best` is the best score so far, higher being better."""

    step: int = 0
    samples: int = 0
    seconds: float = 0.0
    best: float | None = None

    def share(self, settings: TrainSettings) -> float:
        """Give the share done, 0…1: of the time where there is a budget, else of the steps."""
        if settings.time_budget is None:
            return min(1.0, self.step / settings.steps)
        return min(1.0, self.seconds / (60 * settings.time_budget))


def settle(
    settings: TrainSettings, config: BiRefNetConfig, count: int, processes: int = 1
) -> TrainSettings:
    """Replace what follows from the network and the number of pictures by its value.

    The result has the network's size, stages, and steps; one that squashes every picture to a
    square is trained on squares.
    """
    side = side_of(config)
    stages = _stages_for(settings, side, keeps_aspect=config.keeps_aspect)
    if settings.batch is not None:
        stages = tuple(replace(stage, batch=settings.batch) for stage in stages)
    aspect = settings.aspect if config.keeps_aspect else 1.0
    settled = replace(settings, size=side, stages=stages, aspect=aspect)
    if settings.region_epochs and settings.epochs is None and settings.time_budget is not None:
        raise UsageError("region_epochs counts passes over the data: give epochs too")
    if settings.epochs is None:
        return settled
    steps = math.ceil(settings.epochs * count / (samples_a_step(settled) * processes))
    return replace(settled, steps=max(1, steps))


def _stages_for(settings: TrainSettings, side: int, *, keeps_aspect: bool) -> tuple[Stage, ...]:
    """Give the stages that were asked for; else those that fit the model.

    What starts from a model that keeps the aspect is trained at two thirds of its size first, and
    one with a single size at that all along; a new network grows into its size.
    """
    if settings.stages != TrainSettings.stages:
        return settings.stages
    if settings.start is not None:
        batch = BATCHES[side > MODERATE]
        smaller = max(STRIDE, round(side * 2 / 3 / STRIDE) * STRIDE)
        first = (Stage(0.7, smaller, batch),) if keeps_aspect else ()
        return (*first, Stage(1.0, side, batch))
    largest = settings.stages[-1].size
    return tuple(
        Stage(s.until, max(STRIDE, round(s.size * side / largest / STRIDE) * STRIDE), s.batch)
        for s in settings.stages
    )


def side_of(config: BiRefNetConfig) -> int:
    """Give the side of the square that has a network's area, in multiples of 32 pixels."""
    height, width = config.size
    return max(STRIDE, round(math.sqrt(height * width) / STRIDE) * STRIDE)


def samples_a_step(settings: TrainSettings) -> float:
    """Give how many pictures one process sees in a step, on average over the stages."""
    begins = (0.0, *(stage.until for stage in settings.stages))
    widths = [stage.until - begin for begin, stage in zip(begins, settings.stages, strict=False)]
    pictures = sum(w * stage.batch for w, stage in zip(widths, settings.stages, strict=True))
    return settings.accumulate * pictures / sum(widths)


def learning_rate(step: int, share: float, settings: TrainSettings) -> float:
    """Give the rate of a step: a linear warm-up, then level, or a cosine down to 2 % at the end."""
    warm = min(1.0, (step + 1) / max(1, settings.warmup))
    if settings.schedule == Schedule.CONSTANT:
        return settings.rate * warm
    fall = (1 + math.cos(math.pi * share)) / 2
    return settings.rate * warm * (LAST_RATE + (1 - LAST_RATE) * fall)


def loss_weights(
    share: float, settings: TrainSettings, *, count: int, processes: int
) -> LossWeights:
    """Give the weights of the loss at a share of the training: a function of the epoch.

    Gradients are averaged over processes and accumulated batches; an IoU term that is summed over
    the pictures is multiplied by their number, so that it stays the sum over all of them.
    """
    many = processes * settings.accumulate if settings.iou_sum else 1
    weights = LossWeights(
        bce=settings.bce, iou=settings.iou * many, ssim=settings.ssim, mae=settings.mae
    )
    if not settings.region_epochs:
        return weights
    total = settings.epochs or max(
        1, round(settings.steps * samples_a_step(settings) * processes / max(1, count))
    )
    epoch = min(total, 1 + int(share * total))
    return weights_in_phase(weights, epoch - max(0, total - settings.region_epochs))
