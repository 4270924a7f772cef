"""A run's folder: made, refused or cleared, and what a run needs to go on."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import torch

from birefcli.errors import UsageError, WeightsError
from birefcli.image.files import write_atomic
from birefcli.net.birefnet import BiRefNet
from birefcli.net.config import BiRefNetConfig
from birefcli.settings.train import TrainSettings
from birefcli.train.schedule import Progress
from birefcli.train.sheet import Sheet
from birefcli.train.start import Start
from birefcli.train.teacher import teacher_state
from birefcli.train.trainee import Trainee

BEST, LAST, SHEET = "best.safetensors", "last.safetensors", "sheet.webp"
STATE, LOG, SETTINGS = "state.pt", "log.jsonl", "settings.json"
PRODUCTS = (STATE, LOG, BEST, LAST, SHEET)


def check_run(settings: TrainSettings) -> None:
    """Refuse a folder that holds a run without --resume or --redo, and one to resume without."""
    state = settings.out / STATE
    if settings.resume and settings.redo:
        raise UsageError("--resume goes on with a run and --redo starts it over: give one of them")
    if settings.resume and not state.is_file():
        raise UsageError(f"nothing to resume: {settings.out} holds no {STATE}")
    if state.is_file() and not (settings.resume or settings.redo):
        raise UsageError(f"{settings.out} holds a run already; give --resume or --redo")
    if settings.out.exists() and not settings.out.is_dir():
        raise UsageError(f"{settings.out} is a file; -o names the run's folder")


def prepare_run(settings: TrainSettings) -> None:
    """Make the run's folder, clear it where asked, and write down the settings."""
    settings.out.mkdir(parents=True, exist_ok=True)
    if settings.redo:
        for path in (*(settings.out / name for name in PRODUCTS), *settings.out.glob("nan_batch*")):
            path.unlink(missing_ok=True)
    data = (json.dumps(as_json(settings), indent=1) + "\n").encode()
    write_atomic(settings.out / SETTINGS, data, root=settings.out)


def as_json(settings: TrainSettings) -> dict[str, Any]:
    """Give the settings as JSON holds them, paths in full, so that any folder can resume."""

    def plain(value: Any) -> Any:
        if isinstance(value, Path):
            return str(value.absolute())
        if isinstance(value, tuple):
            return [plain(part) for part in value]
        return asdict(value) if hasattr(value, "__dataclass_fields__") else value

    return {field.name: plain(getattr(settings, field.name)) for field in fields(settings)}


def save_state(
    settings: TrainSettings, trainee: Trainee, progress: Progress, start: Start, sheet: Sheet
) -> None:
    """Save all a run needs to go on, whole or not at all.

    The random numbers are not in it: each step's follow from the seed and the step.
    """
    state = {
        "config": trainee.network.config.to_json(),
        "start": [start.name, start.licence],
        "network": trainee.network.state_dict(),
        "average": trainee.average.state_dict(),
        "optimizer": trainee.optimizer.state_dict(),
        "scaler": trainee.scaler.state_dict(),
        "progress": asdict(progress),
        "before": sheet.to_tensors(),
        "teacher": teacher_state(trainee.teacher),
    }
    part = settings.out / (STATE + ".part")
    torch.save(state, part)
    part.replace(settings.out / STATE)


def read_state(settings: TrainSettings) -> dict[str, Any]:
    """Read what `save_state` saved."""
    path = settings.out / STATE
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise WeightsError(
            f"{path} cannot be read ({type(error).__name__}); start over with --redo"
        ) from error
    return state


def resumed_start(state: Mapping[str, Any]) -> Start:
    """Give the network a saved run trains; its weights follow with `load_state`."""
    network = BiRefNet(BiRefNetConfig.from_json(state["config"]))
    return Start(network, *state["start"])


def load_state(
    state: Mapping[str, Any], trainee: Trainee, sheet: Sheet, say: Callable[[str], None]
) -> Progress:
    """Take up a run where it was saved."""
    try:
        trainee.network.load_state_dict(state["network"])
        trainee.average.load_state_dict(state["average"])
        trainee.optimizer.load_state_dict(state["optimizer"])
        trainee.scaler.load_state_dict(state["scaler"] or {})
    except (RuntimeError, ValueError, KeyError) as error:
        raise UsageError(
            "the run was made with other settings of what learns (lora, encoder_rate, backbone); "
            "leave them as they were, or start over with --redo"
        ) from error
    sheet.from_tensors(state["before"])
    progress = Progress(**state["progress"])
    say(f"resumed at step {progress.step}, minute {progress.seconds / 60:.1f}")
    return progress
