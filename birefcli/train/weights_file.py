"""The files of weights a run leaves: each describes itself and works as --model."""

import hashlib
import json
from dataclasses import fields
from typing import Any

from birefcli.net import BiRefNet, save_network
from birefcli.settings import TrainSettings
from birefcli.train.data.training_data import TrainingData
from birefcli.train.initial_model import InitialModel
from birefcli.train.lora import merge_adapters
from birefcli.train.run_folder import BEST, LAST, settings_as_json
from birefcli.train.schedule import Progress
from birefcli.train.validation import ValidationResult

# Settings that say where and how a run happens, not what it learns.
OUTSIDE = {
    *("data", "out", "grounds", "validation", "backbone_weights", "start_is_named", "offline"),
    *("accept_licence", "validate_minutes", "checkpoint_minutes", "validate_steps"),
    *("checkpoint_steps", "threads", "workers", "keep_decoded", "device", "resume", "redo"),
}


def write_weights(
    settings: TrainSettings,
    average: BiRefNet,
    progress: Progress,
    result: ValidationResult | None,
    start: InitialModel,
    data: TrainingData,
    *,
    is_best: bool = False,
) -> None:
    """Write the averaged weights as the last ones, and as the best ones where they are.

    Without a result they were not scored, and their file holds no scores.
    """
    network = merge_adapters(average)
    about = describe(settings, progress, result, start, data)
    for name in (LAST, BEST) if is_best else (LAST,):
        save_network(settings.out / name, network, about, half=True)


def describe(
    settings: TrainSettings,
    progress: Progress,
    result: ValidationResult | None,
    start: InitialModel,
    data: TrainingData,
) -> dict[str, str]:
    """Say what a file of weights is: its scores, its recipe, its data, and their licence."""
    scored: dict[str, Any] = {}
    if result is not None:
        scored = {
            "metric": result.metric,
            "value": result.value,
            "scores": result.scores,
        }
    about = {
        "step": progress.step,
        "samples": progress.samples,
        **scored,
        "recipe_sha256": recipe_digest(settings),
        "recipe": recipe_of(settings),
        "data": {
            "sources": [path.name for path in settings.data],
            "pictures": data.count,
            "validation": len(data.validation),
        },
        "data_licence": settings.data_licence or "not stated",
        "classes": list(data.classes),
        "start": start.name or "new weights",
    }
    described = {k: v if isinstance(v, str) else json.dumps(v) for k, v in about.items()}
    return described | ({"licence": start.licence} if start.licence else {})


def recipe_of(settings: TrainSettings) -> dict[str, Any]:
    """Give the settings that decide what is learned, where they differ from the defaults."""
    plain = settings_as_json(settings)
    return {
        field.name: plain[field.name]
        for field in fields(settings)
        if field.name not in OUTSIDE and getattr(settings, field.name) != field.default
    }


def recipe_digest(settings: TrainSettings) -> str:
    """Give the sha256 of that recipe."""
    return hashlib.sha256(json.dumps(recipe_of(settings), sort_keys=True).encode()).hexdigest()
