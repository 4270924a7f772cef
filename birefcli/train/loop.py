"""The training loop, top to bottom: compose, step, validate, save, until the end."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

import torch

from birefcli.batch import StopFlag
from birefcli.net import BiRefNet, Predictor, load_backbone
from birefcli.settings import TrainSettings
from birefcli.train.batch import TrainingBatch
from birefcli.train.batches import first_pictures
from birefcli.train.before_after import BeforeAfterSheet
from birefcli.train.checkpoint import (
    load_checkpoint,
    read_checkpoint,
    resumed_model,
    save_checkpoint,
)
from birefcli.train.composer import BatchComposer
from birefcli.train.data.training_data import TrainingData, open_data
from birefcli.train.folded_encoder import load_folded
from birefcli.train.initial_model import InitialModel, initial_model
from birefcli.train.log import Log, StepSummary
from birefcli.train.optimizer import training_mode
from birefcli.train.processes import join_processes
from birefcli.train.resting_norms import fold_resting_norms
from birefcli.train.run_folder import BEST, SHEET, check_run, prepare_run
from birefcli.train.schedule import Progress, learning_rate, loss_weights, settle
from birefcli.train.step import StepResult, take_step
from birefcli.train.teacher import make_teacher, resumed_teacher
from birefcli.train.training_state import TrainingState, make_training_state
from birefcli.train.validation import check_metric, validate
from birefcli.train.weights_file import write_weights

Say = Callable[[str], None]
StepCallback = Callable[[StepSummary], None]


def train(
    settings: TrainSettings, say: Say, stop: StopFlag, watch: StepCallback | None = None
) -> Path | None:
    """Train a network on pictures with masks and give the path of its best weights.

    Asked to stop, it saves where it is after the step at hand and gives None. `watch` is shown
    every step. Of many processes only the first says and writes anything and gives the path.
    """
    processes = join_processes(settings.device)
    if processes.rank > 0:
        say, watch = _silently, None
    check_run(settings)
    check_metric(settings.metric)
    processes.wait()
    data = open_data(settings, writes=processes.rank == 0)
    for line in data.report.lines():
        say(line)

    saved = read_checkpoint(settings) if settings.resume else None
    start = resumed_model(saved) if saved else build_initial_model(settings, data, say)
    settled = settle(settings, start.network.config, data.count, processes.count)
    teacher = (
        resumed_teacher(settings, start.network, saved.get("teacher", {}), say)
        if saved
        else make_teacher(settings, start.network, say)
    )
    state = make_training_state(start.network, settled, processes, say, teacher)
    sheet = BeforeAfterSheet(len(data.validation))
    progress = load_checkpoint(saved, state, sheet, say) if saved else Progress()
    fold_resting_norms(state.network, settled)
    if processes.rank == 0:
        prepare_run(settings)
    processes.wait()

    log = Log(settled, progress, say, watch) if processes.rank == 0 else None
    run = TrainingRun(settled, data, start, state, sheet, log, say, progress)
    is_whole = run.go(stop, is_new=saved is None)
    processes.close()
    return settings.out / BEST if is_whole and log is not None else None


def build_initial_model(settings: TrainSettings, data: TrainingData, say: Say) -> InitialModel:
    """Build the network a new run trains, its fresh weights drawn with the run's seed."""
    torch.set_num_threads(settings.threads or torch.get_num_threads())
    torch.manual_seed(settings.seed)
    start = initial_model(settings, len(data.classes), say)
    if settings.backbone_weights is not None:
        fill_encoder(start.network, settings.backbone_weights, settings)
    return start


def fill_encoder(network: BiRefNet, weights: Path, settings: TrainSettings) -> None:
    """Start the encoder from a file: folded arrays (.npz), or just its weights under its names."""
    if weights.suffix == ".npz":
        load_folded(network.bb, weights, first_pictures(settings, network))
    else:
        load_backbone(network.bb, weights)


@dataclass
class TrainingRun:
    """A training under way."""

    settings: TrainSettings
    data: TrainingData
    start: InitialModel
    state: TrainingState
    sheet: BeforeAfterSheet
    log: Log | None  # of the first process
    say: Say
    progress: Progress

    def go(self, stop: StopFlag, *, is_new: bool) -> bool:
        """Train to the end, or until asked to stop; whether it is the end."""
        torch.set_num_threads(self.settings.threads or torch.get_num_threads())
        if is_new and self.start.name is not None:
            self.validate(is_before=True)
        processes = self.state.processes
        validation = RepeatInterval.of(self.settings.validate_steps, self.settings.validate_minutes)
        checkpoint = RepeatInterval.of(
            self.settings.checkpoint_steps, self.settings.checkpoint_minutes
        )
        for due in (validation, checkpoint):
            due.met(self.progress)
        clock = time.perf_counter() - self.progress.seconds
        with BatchComposer(settings_per_batch(self.settings), process=processes.rank) as composer:
            batches = composer.batches(self._micro_step, self.share)
            while self.share < 1:
                composer.share = self.share
                taken = self.step(list(islice(batches, self.settings.accumulate)))
                seconds, stops = processes.agree(time.perf_counter() - clock, stop.asked)
                self.note(taken, seconds)

                is_last = self.share >= 1
                validates = is_last or validation.is_due(self.progress)
                if validates:
                    validation.met(self.progress)
                    self.validate()
                if validates or stops or checkpoint.is_due(self.progress):
                    checkpoint.met(self.progress)
                    self.save(has_weights=validates)
                if stops and not is_last:
                    self.say(f"stopped; go on with: birefcli train --resume -o {self.settings.out}")
                    return False
        if self.log is not None:
            self.log.close()
        return True

    @property
    def share(self) -> float:
        """Give how much of the training is done, 0…1."""
        return self.progress.share(self.settings)

    @property
    def _micro_step(self) -> int:
        return self.progress.step * self.settings.accumulate

    def step(self, batches: Sequence[TrainingBatch]) -> StepResult:
        """Take a step; what could not be read for it is named."""
        for sentence in (bad for batch in batches for bad in batch.bad):
            self.say(f"left out: {sentence}")
        count = self.state.processes.count
        rate = learning_rate(self.progress.step, self.share, self.settings)
        weights = loss_weights(self.share, self.settings, count=self.data.count, processes=count)
        return take_step(self.state, batches, self.progress.step, rate, weights, self.settings)

    def note(self, taken: StepResult, seconds: float) -> None:
        """Count a step that was taken, and log it."""
        now = self.progress
        samples = now.samples + taken.samples * self.state.processes.count
        self.progress = replace(now, step=now.step + 1, samples=samples, seconds=seconds)
        if self.log is not None:
            self.log.step(self.progress, taken)

    def validate(self, *, is_before: bool = False) -> None:
        """Score the averaged weights as `cut` would use them; keep them when they are the best."""
        if self.log is not None:
            segment = Predictor(self.state.average, self.state.compute)
            metric = self.settings.metric
            result = validate(segment, self.data.validation, metric, self.sheet.places)
            self.log.validation(self.progress, result)
            if is_before:
                self.sheet.remember(result.shown)
            is_best = result.beats(self.progress.best)
            if is_best:
                self.progress = replace(self.progress, best=result.rank)
            # A run always ends with a model, whatever it is worth.
            is_best = is_best or not (self.settings.out / BEST).is_file()
            write_weights(
                self.settings,
                self.state.average,
                self.progress,
                result,
                self.start,
                self.data,
                is_best=is_best,
            )
            self.sheet.draw(self.settings.out / SHEET, result.shown)
        self.state.processes.wait()
        training_mode(self.state.network, self.settings)

    def save(self, *, has_weights: bool) -> None:
        """Save all a run needs to go on, and its weights unless a validation wrote them already."""
        if self.log is not None:
            if not has_weights:
                write_weights(
                    self.settings, self.state.average, self.progress, None, self.start, self.data
                )
            save_checkpoint(self.settings, self.state, self.progress, self.start, self.sheet)
            self.say(f"checkpoint at step {self.progress.step}")
        self.state.processes.wait()


def settings_per_batch(settings: TrainSettings) -> TrainSettings:
    """Give the settings as the composer counts: a step of its own for every batch."""
    return replace(settings, steps=settings.steps * settings.accumulate)


@dataclass
class RepeatInterval:
    """Something to be done again after so many steps, or else so many seconds."""

    steps: int | None
    seconds: float
    last: Progress = field(default_factory=Progress)

    @classmethod
    def of(cls, steps: int | None, minutes: float) -> "RepeatInterval":
        """Count steps where they are given, else minutes."""
        return cls(steps, 60 * minutes)

    def is_due(self, now: Progress) -> bool:
        """Tell whether it is time again."""
        if self.steps is not None:
            # At the same steps wherever a run was resumed.
            return now.step // self.steps > self.last.step // self.steps
        return now.seconds - self.last.seconds >= self.seconds

    def met(self, now: Progress) -> None:
        """Count from here on."""
        self.last = now


def _silently(_: str) -> None:
    """Say nothing."""
