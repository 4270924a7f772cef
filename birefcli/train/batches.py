"""Batches composed ahead of the loop, in processes of their own; each a function of its step."""

import math
import os
import signal
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from multiprocessing import get_context, parent_process
from multiprocessing.process import BaseProcess

import numpy as np
import torch
from numpy.random import default_rng
from numpy.typing import NDArray
from torch import Tensor

from birefcli.net.birefnet import BiRefNet
from birefcli.net.predict import input_size
from birefcli.scenes.samples import Mixture, draw_sample
from birefcli.scenes.scene import Scene
from birefcli.settings.train import TrainSettings
from birefcli.train.data.open import open_supplies
from birefcli.train.data.pack import REMINDERS, Pack
from birefcli.train.data.scene_parts import Piece
from birefcli.train.data.supply import Supplies, mixture_of

PREFETCH = 3  # batches composed ahead, per worker


@dataclass(frozen=True, eq=False)
class Batch:
    """Composed pictures (N, H, W, 3) and their mattes (N, H, W), all of one size."""

    rgb: NDArray[np.uint8]
    matte: NDArray[np.float32]
    # Where the truth is known (N, H, W), 1 or 0; nothing means everywhere.
    known: NDArray[np.float32] | None = None
    # What each sample was made from.
    names: tuple[str, ...] = ()
    # The class of each sample (N,), -1 where it has none or several; of a set with classes.
    labels: NDArray[np.int64] | None = None
    # One sentence for each file that could not be read and was replaced by another draw.
    bad: tuple[str, ...] = ()


class Composer:
    """Composes the batches of one training process ahead of its loop, in processes of their own."""

    def __init__(self, settings: TrainSettings, process: int = 0) -> None:
        self.settings = settings
        self.process = process
        self.share = 0.0
        self._named: set[str] = set()
        self._pool = ProcessPoolExecutor(
            max(1, settings.workers),
            mp_context=get_context("spawn"),
            initializer=_serve,
        )

    def __enter__(self) -> "Composer":
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def batches(self, step: int, share: float) -> Iterator[Batch]:
        """Give the batches from a step on, without end; `share` is kept up to date by the loop."""
        waiting: deque[Future[Batch]] = deque()
        self.share = share
        while True:
            while len(waiting) < PREFETCH * max(1, self.settings.workers):
                count, size = batch_shape(step, self._share_of(step), self.settings)
                waiting.append(
                    self._pool.submit(compose_batch, step, count, size, self.settings, self.process)
                )
                step += 1
            yield self._with_new_names(waiting.popleft().result())

    def _with_new_names(self, batch: Batch) -> Batch:
        """Keep of the bad files those that no earlier batch named."""
        new = tuple(name for name in batch.bad if name not in self._named)
        self._named.update(new)
        return replace(batch, bad=new)

    def _share_of(self, step: int) -> float:
        """Give how far the training is at a step: exactly where steps are counted, so that a
        resumed run composes the same batches; else as far as it is now.
        """
        if self.settings.time_budget is None:
            return step / self.settings.steps
        return self.share


def _serve() -> None:
    """Make this process a worker: deaf to Ctrl-C, and gone when the loop's process is."""
    # Ctrl-C is for the loop, which saves before it ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    loop = parent_process()
    if loop is not None:
        threading.Thread(target=_end_with, args=(loop,), daemon=True).start()


def _end_with(process: BaseProcess) -> None:
    """End this process as soon as another has ended, killed or not."""
    process.join()
    os._exit(1)


def batch_shape(step: int, share: float, settings: TrainSettings) -> tuple[int, tuple[int, int]]:
    """Give the batch size and the (height, width) of a step: the stage's area, a random aspect."""
    stage = next(s for s in settings.stages if share < s.until or s is settings.stages[-1])
    rng = default_rng((settings.seed, step, 1))
    limit = math.log(settings.aspect)
    aspect = math.exp(rng.uniform(-limit, limit)) if rng.random() < 0.7 else 1.0
    size = input_size((1000, round(1000 * aspect)), (stage.size, stage.size), True)
    return stage.batch, size


def compose_batch(
    step: int, count: int, size: tuple[int, int], settings: TrainSettings, process: int = 0
) -> Batch:
    """Compose the batch of a step: a pure function of the seed, the step and the process.

    The batches of several processes are together the larger batch of a single one.
    """
    supplies, classes = supplies_of_this_process(settings)
    mixture = mixture_of(settings, supplies)
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
    return Batch(
        np.stack([scene.rgb for scene in scenes]),
        np.stack([scene.matte for scene in scenes]),
        known=_known(scenes),
        names=tuple(name or "drawn" for name in names),
        labels=np.array(labels, np.int64) if classes else None,
        bad=tuple(bad),
    )


def _known(scenes: Sequence[Scene]) -> NDArray[np.float32] | None:
    """Give where the truths are known (N, H, W); None where all of all of them is."""
    if all(scene.known is None for scene in scenes):
        return None
    ones = np.ones_like(scenes[0].matte)
    return np.stack([ones if scene.known is None else scene.known for scene in scenes])


def label_of(pieces: Sequence[Piece], classes: tuple[str, ...]) -> int:
    """Give the class of a sample by what is in it: a number if there is just one, else -1."""
    found = {piece.class_name for piece in pieces if piece.class_name is not None}
    (name,) = found if len(found) == 1 else (None,)
    return classes.index(name) if name in classes else -1


@cache
def supplies_of_this_process(settings: TrainSettings) -> tuple[Supplies, tuple[str, ...]]:
    """Open what scenes are made of, and its classes, once per process."""
    return open_supplies(settings)


@cache
def reminders() -> Supplies:
    """Open the package's own pictures once per process."""
    return Supplies([Pack(REMINDERS, tiers=("A",))])


def reminding(settings: TrainSettings) -> Mixture:
    """Give the shares of the scenes of the package's own pictures, which hold no photographs."""
    return Mixture(photo=0.0, empty=0.12, pixel=0.45, same_color=0.12, target=settings.target)


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
