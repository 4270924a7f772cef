"""What a training would do: its steps, its time and its memory, measured on real steps."""

import resource
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from birefcli.errors import UsageError
from birefcli.settings import Stage, TrainSettings
from birefcli.train.batches import batch_shape, compose_batch
from birefcli.train.data.training_data import open_data
from birefcli.train.loop import build_initial_model
from birefcli.train.processes import SingleProcess
from birefcli.train.schedule import learning_rate, loss_weights, samples_a_step, settle
from birefcli.train.step import take_step
from birefcli.train.teacher import make_teacher
from birefcli.train.training_state import TrainingState, make_training_state
from birefcli.train.weights_file import recipe_of


@dataclass(frozen=True)
class TrainingForecast:
    """The preflight report, the settings in force, and the numbers of a run."""

    report: tuple[str, ...]
    settings: TrainSettings
    pictures: int
    validation: int
    learning: int  # numbers that learn
    steps: int
    samples: int
    minutes: float
    gigabytes: float
    device: str

    def lines(self) -> Iterator[str]:
        """Give the forecast in words, one fact a line."""
        yield from self.report
        settings = self.settings
        stages = ", ".join(f"{s.size} px x {s.batch} to {s.until:.0%}" for s in settings.stages)
        yield f"pictures     {self.pictures} to learn from, {self.validation} to validate on"
        yield f"start        {settings.start or f'new weights, {settings.backbone}'}"
        yield f"network      {self.learning:,} numbers learn, inference at {settings.size} px"
        yield f"stages       {stages}"
        yield f"steps        {self.steps:,}" + (
            f" of {settings.accumulate} batches" if settings.accumulate > 1 else ""
        )
        passes = self.samples / max(1, self.pictures)
        yield f"samples      {self.samples:,}, about {passes:.1f} passes over the data"
        yield f"time         about {_duration(self.minutes)} on {self.device}, without validation"
        yield f"memory       about {self.gigabytes:.1f} GB at the largest stage"


def forecast_training(settings: TrainSettings, say: Callable[[str], None]) -> TrainingForecast:
    """Take two real steps of each stage on throw-away weights and foresee the whole run."""
    if settings.resume:
        raise UsageError("--plan foresees a new run: leave --resume out")
    with TemporaryDirectory() as folder:
        # Preflight may keep lists beside the run; a plan leaves nothing.
        elsewhere = replace(settings, out=Path(folder))
        data = open_data(elsewhere)
        start = build_initial_model(elsewhere, data, say)
        settled = settle(elsewhere, start.network.config, data.count)
        teacher = make_teacher(elsewhere, start.network, say)
        state = make_training_state(start.network, settled, SingleProcess(), say, teacher)
        seconds = {stage: _seconds_a_step(state, stage, settled) for stage in settled.stages}
        report = tuple(data.report.lines())
    begins = (0.0, *(stage.until for stage in settled.stages))
    widths = {
        stage: stage.until - begin for begin, stage in zip(begins, settled.stages, strict=False)
    }
    # A budget is shared out as time, a number of steps as steps.
    if settled.time_budget is None:
        steps = settled.steps
        minutes = steps * sum(widths[s] * seconds[s] for s in settled.stages) / 60
        samples = steps * samples_a_step(settled)
    else:
        minutes = settled.time_budget
        taken = {s: widths[s] * minutes * 60 / seconds[s] for s in settled.stages}
        steps = max(1, round(sum(taken.values())))
        samples = settled.accumulate * sum(taken[s] * s.batch for s in settled.stages)
    learning = sum(p.numel() for p in state.network.parameters() if p.requires_grad)
    return TrainingForecast(
        report=report,
        settings=replace(settled, out=settings.out),
        pictures=data.count,
        validation=len(data.validation),
        learning=learning,
        steps=steps,
        samples=round(samples),
        minutes=minutes,
        gigabytes=_peak_gigabytes(state.compute.device),
        device=str(state.compute.device),
    )


def _seconds_a_step(state: TrainingState, stage: Stage, settings: TrainSettings) -> float:
    """Take two steps of a stage; the second, with everything warm, is the measure."""
    alone = replace(settings, stages=(replace(stage, until=1.0),))
    seconds = 0.0
    for step in range(2):
        count, size = batch_shape(step, 0.0, alone)
        batches = [compose_batch(step, count, size, alone) for _ in range(settings.accumulate)]
        started = time.perf_counter()
        weights = loss_weights(0.0, settings, count=1, processes=1)
        take_step(state, batches, step, learning_rate(step, 0.0, settings), weights, settings)
        seconds = time.perf_counter() - started
    return seconds


def _peak_gigabytes(device: torch.device) -> float:
    """Give the most memory in use so far: the GPU's, or this process's."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e9
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


def _duration(minutes: float) -> str:
    if minutes < 2:
        return f"{60 * minutes:.0f} s"
    return f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.1f} h"


def recipe_lines(settings: TrainSettings) -> Iterator[str]:
    """Write the settings that differ from the defaults as a recipe, in TOML."""
    for name, value in recipe_of(settings).items():
        if name == "stages":
            parts = ", ".join(
                "{ " + ", ".join(f"{k} = {v}" for k, v in stage.items()) + " }" for stage in value
            )
            yield f"stages = [{parts}]"
        elif value is not None:
            yield f"{name} = {_toml(value)}"


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return "[" + ", ".join(_toml(part) for part in value) + "]"
    if isinstance(value, str):
        import json

        return json.dumps(value)
    return str(value)
