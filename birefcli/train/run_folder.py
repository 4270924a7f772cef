"""A run's folder: what lies in it, and how it is refused, cleared and made."""

import json
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from birefcli.errors import UsageError
from birefcli.image import write_atomic
from birefcli.settings import TrainSettings

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
    data = (json.dumps(settings_as_json(settings), indent=1) + "\n").encode()
    write_atomic(settings.out / SETTINGS, data, root=settings.out)


def settings_as_json(settings: TrainSettings) -> dict[str, Any]:
    """Give the settings as JSON holds them, paths in full, so that any folder can resume."""

    def plain(value: Any) -> Any:
        if isinstance(value, Path):
            return str(value.absolute())
        if isinstance(value, tuple):
            return [plain(part) for part in value]
        return asdict(value) if hasattr(value, "__dataclass_fields__") else value

    return {field.name: plain(getattr(settings, field.name)) for field in fields(settings)}
