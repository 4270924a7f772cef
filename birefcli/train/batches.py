"""Batches composed ahead of the loop, in processes of their own; each a function of its step."""

import math
import signal
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from multiprocessing import get_context

import numpy as np
import torch
from numpy.random import default_rng
from numpy.typing import NDArray
from torch import Tensor

from birefcli.compose import Mixture, draw_sample
from birefcli.net.birefnet import BiRefNet
from birefcli.net.predict import input_size
from birefcli.train.data import Pack
from birefcli.trainsettings import TrainSettings

PREFETCH = 3  # batches composed ahead, per worker


@dataclass(frozen=True, eq=False)
class Batch:
    """Composed pictures (N, H, W, 3) and their mattes (N, H, W), all of one size."""

    rgb: NDArray[np.uint8]
    matte: NDArray[np.float32]


class Composer:
    """Composes batches ahead of the loop, in processes of their own."""

    def __init__(self, settings: TrainSettings) -> None:
        self.settings = settings
        self.share = 0.0
        self._pool = ProcessPoolExecutor(
            max(1, settings.workers),
            mp_context=get_context("spawn"),
            # Ctrl-C is for the loop, which saves before it ends.
            initializer=signal.signal,
            initargs=(signal.SIGINT, signal.SIG_IGN),
        )

    def __enter__(self) -> "Composer":
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def batches(self, step: int, share: float) -> Iterator[Batch]:
        """Give the batches from a step on, without end; `share` is kept up to date by the loop."""
        waiting: deque[Future[Batch]] = deque()
        self.share = share
        while True:
            while len(waiting) < PREFETCH * max(1, self.settings.workers):
                count, size = batch_shape(step, self._share_of(step), self.settings)
                waiting.append(self._pool.submit(compose_batch, step, count, size, self.settings))
                step += 1
            yield waiting.popleft().result()

    def _share_of(self, step: int) -> float:
        """Give how far the training is at a step: exactly where steps are counted, so that a
        resumed run composes the same batches; else as far as it is now.
        """
        if self.settings.time_budget is None:
            return step / self.settings.steps
        return self.share


def batch_shape(step: int, share: float, settings: TrainSettings) -> tuple[int, tuple[int, int]]:
    """Give the batch size and the (height, width) of a step: the stage's area, a random aspect."""
    stage = next(s for s in settings.stages if share < s.until or s is settings.stages[-1])
    rng = default_rng((settings.seed, step, 1))
    limit = math.log(settings.aspect)
    aspect = math.exp(rng.uniform(-limit, limit)) if rng.random() < 0.7 else 1.0
    size = input_size((1000, round(1000 * aspect)), (stage.size, stage.size), True)
    return stage.batch, size


def compose_batch(step: int, count: int, size: tuple[int, int], settings: TrainSettings) -> Batch:
    """Compose the batch of a step: a pure function of the seed and the step."""
    mixture = Mixture(
        photo=settings.photo,
        empty=settings.empty,
        pixel=settings.pixel,
        same_color=settings.same_color,
    )
    pack = pack_of_this_process(settings)
    scenes = [
        draw_sample(default_rng((settings.seed, step, 2, i)), size, pack, mixture)
        for i in range(count)
    ]
    return Batch(
        np.stack([scene.rgb for scene in scenes]),
        np.stack([scene.matte for scene in scenes]),
    )


@cache
def pack_of_this_process(settings: TrainSettings) -> Pack:
    """Open the training split once per process."""
    return Pack(settings.data[0], tiers=settings.tiers, leave_out=settings.leave_out)


def first_pictures(settings: TrainSettings, network: BiRefNet, count: int = 48) -> Tensor:
    """Give normalised pictures (N, 3, 256, 256) for the encoder's batch norms."""
    batch = compose_batch(0, count, (256, 256), settings)
    return to_tensors(batch, network, torch.device("cpu"))[0]


def to_tensors(batch: Batch, network: BiRefNet, device: torch.device) -> tuple[Tensor, Tensor]:
    """Normalise a batch to images (N, 3, H, W) and targets (N, 1, H, W)."""
    mean = torch.tensor(network.config.mean, device=device).view(1, 3, 1, 1)
    std = torch.tensor(network.config.std, device=device).view(1, 3, 1, 1)
    rgb = torch.from_numpy(batch.rgb).to(device).permute(0, 3, 1, 2).float() / 255
    image = ((rgb - mean) / std).contiguous(memory_format=torch.channels_last)
    return image, torch.from_numpy(batch.matte).to(device)[:, None]
