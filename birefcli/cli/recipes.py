"""From a recipe's name, a TOML file and options to the settings of a training."""

import difflib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, get_type_hints

from birefcli.cli.choices import metrics
from birefcli.errors import UsageError
from birefcli.settings import MisfitError, TrainSettings, fit, named, nearest, read_toml

FOLDER = Path(__file__).parents[1] / "recipes"
COMPACT = "compact"

# What no recipe sets: it belongs to one run.
_OF_A_RUN = {"data", "out", "resume", "redo", "start_is_named", "offline", "accept_licence"}
_HINTS = get_type_hints(TrainSettings)


@dataclass(frozen=True)
class Asked:
    """What the command line says: data, folder, recipe, and settings by name."""

    data: tuple[Path, ...]
    out: Path
    recipe: str | None
    options: Mapping[str, Any]
    resume: bool
    redo: bool


def combine(asked: Asked) -> TrainSettings:
    """Give the settings of a run: options over the recipe over the defaults.

    A run that is resumed has its own settings in place of a recipe. Without a recipe the data
    decide on one; a data pack has none.
    """
    options = dict(asked.options)
    if asked.resume:
        values, data = _of_run(asked.out)
        data = asked.data or data
        if asked.recipe is not None:
            values = named_recipe(asked.recipe)
    else:
        data = asked.data
        if not data:
            raise UsageError("give a folder of pictures to train on; --resume goes on with a run")
        values = _chosen(asked, data)
    if "start" in options and "stages" not in options and "size" not in options:
        # Another start brings its own size.
        values.pop("size", None)
    values = _within_one_length(values, options)
    settings = TrainSettings(
        **(_scaled(values, options) | options),
        data=data,
        out=asked.out,
        resume=asked.resume,
        redo=asked.redo,
    )
    return settings


def _chosen(asked: Asked, data: tuple[Path, ...]) -> dict[str, Any]:
    """Give the values of the recipe that was named, or that suits the data."""
    from birefcli.train import packs_of, suggest_recipe

    if asked.recipe is not None:
        values = named_recipe(asked.recipe)
    elif packs_of(data):
        values = {}
    else:
        bare = {k: v for k, v in asked.options.items() if k in ("as_is", "grounds")}
        values = named_recipe(suggest_recipe(TrainSettings(data=data, out=asked.out, **bare)))
    is_new = any(name in {**values, **asked.options} for name in ("backbone", "backbone_weights"))
    if "start" not in values and not is_new and not packs_of(data):
        values["start"] = COMPACT
    if {"backbone", "backbone_weights"} & asked.options.keys() and "start" not in asked.options:
        values["start"] = None
    return values


def _within_one_length(values: dict[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """Drop the recipe's own length where an option gives another."""
    if "steps" in options and "epochs" in options:
        raise UsageError("--steps and --epochs both say how long: give one of them")
    lengths = {"steps", "epochs", "time_budget"}
    if lengths & options.keys():
        return {name: value for name, value in values.items() if name not in lengths}
    return values


def _scaled(values: dict[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """Bring the recipe's stages to the size that was asked for."""
    if "size" not in options or "stages" not in values or "stages" in options:
        return values
    factor = options["size"] / max(stage.size for stage in values["stages"])
    stages = tuple(
        replace(stage, size=max(32, round(stage.size * factor / 32) * 32))
        for stage in values["stages"]
    )
    return values | {"stages": stages}


# ---- recipes ---------------------------------------------------------------------------------


def recipe_names() -> list[str]:
    """List the recipes that come with the package."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def named_recipe(name: str) -> dict[str, Any]:
    """Give the settings of a recipe of the package, or of a file."""
    if name in recipe_names():
        return read_recipe(FOLDER / f"{name}.toml")
    if name.endswith(".toml") or Path(name).exists():
        return read_recipe(Path(name))
    near = difflib.get_close_matches(name, recipe_names(), 1)
    hint = f"did you mean {near[0]}? " if near else ""
    raise UsageError(
        f"no recipe is called {name!r}; {hint}There are {', '.join(recipe_names())}, and TOML files"
    )


def read_recipe(path: Path) -> dict[str, Any]:
    """Read a recipe's file; a name no setting has, or a value that does not fit, is refused."""
    values = read_toml(path, "recipe")
    return {name: as_setting(name, value, str(path), path.parent) for name, value in values.items()}


def read_sets(words: list[str]) -> dict[str, Any]:
    """Read NAME=VALUE options; a value is TOML, and a bare word is text."""
    values = {}
    for word in words:
        name, sign, text = word.partition("=")
        if not sign:
            raise UsageError(f"--set takes NAME=VALUE, like --set ema=0.99, not {word!r}")
        try:
            value = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            value = text
        name = name.strip().replace("-", "_")
        values[name] = as_setting(name, value, "--set", Path())
    return values


def _of_run(out: Path) -> tuple[dict[str, Any], tuple[Path, ...]]:
    """Give the settings a run was begun with, and its data."""
    path = out / "settings.json"
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        data = tuple(Path(folder) for folder in kept["data"])
        values = {
            name: as_setting(name, value, str(path), Path())
            for name, value in kept.items()
            if name not in _OF_A_RUN
        }
    except FileNotFoundError:
        raise UsageError(f"nothing to resume: {out} holds no settings.json") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{path} is damaged; start over with --redo") from error
    return values, data


# ---- one value -------------------------------------------------------------------------------


def as_setting(name: str, value: Any, source: str, folder: Path) -> Any:
    """Turn a value into what the setting holds; paths are relative to `folder`."""
    known = {field.name for field in fields(TrainSettings)} - _OF_A_RUN
    if name not in known:
        raise UsageError(f"{source} sets {name!r}, which no recipe knows{nearest(name, known)}")
    try:
        found = fit(_HINTS[name], value, folder)
        return named(found, metrics()) if name == "metric" else found
    except MisfitError as error:
        raise UsageError(f"{source}: {name} takes {error}, not {value!r}") from error
    except ValueError as error:
        raise UsageError(f"{source}: {name}: {error}") from error
