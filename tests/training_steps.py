"""Steps of a training in one process, or in one of several that a launcher started."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from fakes import tiny_config

from birefcli.net.birefnet import BiRefNet
from birefcli.settings.model import Precision
from birefcli.settings.train import Stage, TrainSettings
from birefcli.train.batch import TrainingBatch
from birefcli.train.processes import SingleProcess, join_processes
from birefcli.train.schedule import loss_weights
from birefcli.train.step import take_step
from birefcli.train.training_state import TrainingState, make_training_state

WHOLE = 4  # pictures a step, over all processes


def steps_settings(**changes: object) -> TrainSettings:
    """Batch norms at rest, and the IoU summed over the pictures."""
    plain = TrainSettings(
        data=(),
        out=Path(),
        stages=(Stage(1.0, 64, WHOLE),),
        frozen_norms=True,
        iou=0.5,
        iou_sum=True,
        device="cpu",
        precision=Precision.FP32,
    )
    return replace(plain, **changes)


def make_batch(step: int, first: int = 0, end: int = WHOLE) -> TrainingBatch:
    """Some pictures of a step: noise, and a bright square as the object."""
    rng = np.random.default_rng(step)
    rgb = rng.integers(0, 120, (WHOLE, 64, 64, 3), dtype=np.uint8)
    matte = np.zeros((WHOLE, 64, 64), np.float32)
    for i in range(WHOLE):
        y, x = rng.integers(0, 32, 2)
        matte[i, y : y + 30, x : x + 24] = 1
    rgb[matte > 0] += 100
    return TrainingBatch(
        rgb[first:end], matte[first:end], names=tuple(f"p{i}" for i in range(first, end))
    )


def tiny_state(
    settings: TrainSettings, processes: SingleProcess | None = None, *, dropout: float = 0.0
) -> TrainingState:
    """A tiny network in float64, always with the same weights."""
    torch.manual_seed(0)
    network = BiRefNet(replace(tiny_config(), dropout=dropout)).double()
    return make_training_state(network, settings, processes or SingleProcess(), lambda _: None)


def take_steps(
    state: TrainingState, settings: TrainSettings, batches: list[list[TrainingBatch]]
) -> dict[str, torch.Tensor]:
    """Take a step with each list of batches; the weights after the last."""
    count = state.processes.count
    for step, some in enumerate(batches):
        weights = loss_weights(0.0, settings, count=1, processes=count)
        take_step(state, some, step, 1e-3, weights, settings)
    return state.network.state_dict()


def main(target: Path) -> None:
    """Take three steps with this process's share of the pictures."""
    torch.set_num_threads(1)
    processes = join_processes("cpu")
    settings = steps_settings()
    share = WHOLE // processes.count
    first = processes.rank * share
    batches = [[make_batch(step, first, first + share)] for step in range(3)]
    weights = take_steps(tiny_state(settings, processes), settings, batches)
    if processes.rank == 0:
        torch.save({"count": processes.count, "weights": weights}, target)
    processes.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
