"""A run's checkpoint: everything it needs to go on, saved whole and taken up again."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

import torch

from birefcli.errors import UsageError, WeightsError
from birefcli.net import BiRefNet, BiRefNetConfig
from birefcli.settings import TrainSettings
from birefcli.train.before_after import BeforeAfterSheet
from birefcli.train.initial_model import InitialModel
from birefcli.train.run_folder import STATE
from birefcli.train.schedule import Progress
from birefcli.train.teacher import teacher_state
from birefcli.train.training_state import TrainingState


def save_checkpoint(
    settings: TrainSettings,
    state: TrainingState,
    progress: Progress,
    start: InitialModel,
    sheet: BeforeAfterSheet,
) -> None:
    """Save all a run needs to go on, whole or not at all.

    The random numbers are not in it: each step's follow from the seed and the step.
    """
    saved = {
        "config": state.network.config.to_json(),
        "start": [start.name, start.licence],
        "network": state.network.state_dict(),
        "average": state.average.state_dict(),
        "optimizer": state.optimizer.state_dict(),
        "scaler": state.scaler.state_dict(),
        "progress": asdict(progress),
        "before": sheet.to_tensors(),
        "teacher": teacher_state(state.teacher),
    }
    part = settings.out / (STATE + ".part")
    torch.save(saved, part)
    part.replace(settings.out / STATE)


def read_checkpoint(settings: TrainSettings) -> dict[str, Any]:
    """Read what `save_checkpoint` saved."""
    path = settings.out / STATE
    try:
        saved: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise WeightsError(
            f"{path} cannot be read ({type(error).__name__}); start over with --redo"
        ) from error
    return saved


def resumed_model(saved: Mapping[str, Any]) -> InitialModel:
    """Give the network a saved run trains; its weights follow with `load_checkpoint`."""
    network = BiRefNet(BiRefNetConfig.from_json(saved["config"]))
    return InitialModel(network, *saved["start"])


def load_checkpoint(
    saved: Mapping[str, Any],
    state: TrainingState,
    sheet: BeforeAfterSheet,
    say: Callable[[str], None],
) -> Progress:
    """Take up a run where it was saved."""
    try:
        state.network.load_state_dict(saved["network"])
        state.average.load_state_dict(saved["average"])
        state.optimizer.load_state_dict(saved["optimizer"])
        state.scaler.load_state_dict(saved["scaler"] or {})
    except (RuntimeError, ValueError, KeyError) as error:
        raise UsageError(
            "the run was made with other settings of what learns (lora, encoder_rate, backbone); "
            "leave them as they were, or start over with --redo"
        ) from error
    sheet.from_tensors(saved["before"])
    progress = Progress(**saved["progress"])
    say(f"resumed at step {progress.step}, minute {progress.seconds / 60:.1f}")
    return progress
