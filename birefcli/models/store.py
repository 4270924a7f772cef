"""Finding the checked file of a model by its name; only what was named is ever downloaded."""

import difflib
import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from birefcli.errors import UsageError, WeightsError
from birefcli.models.cache import (
    config_file,
    find_import,
    find_record,
    imports,
    models_dir,
    records,
    sha256_of,
    write_json,
)
from birefcli.models.download import obtain
from birefcli.models.hub import CHECKPOINTS, IMPORTED, Wanted
from birefcli.models.variants import (
    VARIANTS,
    Variant,
    find_companion,
    find_repo,
    find_sha256,
    find_variant,
    names_of,
)

WEIGHTS = Path(__file__).parents[1] / "weights"


@dataclass(frozen=True)
class ModelFile:
    """A resolved model, ready for a loader; None means that the file itself decides."""

    name: str
    path: Path
    sha256: str
    licence: str
    size: tuple[int, int] | None
    keeps_aspect: bool | None
    tile_order: str | None
    variant: Variant | None


@dataclass(frozen=True)
class ModelInfo:
    """Which weights made a result."""

    name: str
    sha256: str
    licence: str
    tile_order: str


def resolve(
    name: str,
    *,
    consent: bool,
    offline: bool,
    accept_licence: bool,
    say: Callable[[str], None],
    cuts: bool = True,
) -> ModelFile:
    """The file behind a path, a bundled, published or imported name, or `hf:owner/name[@revision]`.

    `consent` allows a download (the user named this model just now); `say` gets one line about it.
    Only with `cuts=False` it may be a model that cuts nothing, such as `lama`.
    """
    checkpoint = checkpoint_at(Path(name).expanduser())
    if checkpoint is not None:
        return _model_of_path(name, checkpoint)
    if cuts:
        _require_cutter(name)
    variant = find_variant(name)
    if variant is not None and variant.is_bundled:
        return bundled_model(variant)
    wanted = _wanted(name)
    record = obtain(
        wanted, consent=consent, offline=offline, accept_licence=accept_licence, say=say
    )
    return _model(wanted.name, record.path, record.sha256, record.licence, wanted.variant)


def _require_cutter(name: str) -> None:
    if companion := find_companion(name):
        raise WeightsError(
            f"{companion.name} cuts nothing ({companion.task}); "
            "`birefcli models list` shows what does"
        )


def known_name(name: str) -> str:
    """The name in full, still the same from any folder; nothing is looked up on the hub."""
    checkpoint = checkpoint_at(Path(name).expanduser())
    if checkpoint is not None:
        return str(Path(name).expanduser().absolute())
    variant = find_variant(name)
    return variant.name if variant else _wanted(name).name


def fetching_command(name: str) -> str:
    """What to type to get a model of this name onto this disk."""
    return _wanted(name).command if find_import(name) else f"`birefcli models pull {name}`"


# What is used when no model is named.


class Purpose(StrEnum):
    """What a model is wanted for; each purpose has a default of its own."""

    CUT = "cut"
    PEEL = "peel"

    @property
    def variable(self) -> str:
        """The environment variable that decides before any choice."""
        return {"cut": "BIREFCLI_MODEL", "peel": "BIREFCLI_PEEL_MODEL"}[self]

    @property
    def bundled(self) -> str:
        """The model when nobody chose."""
        return {"cut": "compact", "peel": "compact-peel"}[self]


VARIABLE = Purpose.CUT.variable
BUNDLED = Purpose.CUT.bundled


@dataclass(frozen=True)
class Choice:
    """A default model, and what decided on it."""

    name: str
    by: str


def default_choice(purpose: Purpose = Purpose.CUT) -> Choice:
    """The model when none is named, and whether a variable, the user or nobody chose it."""
    if name := os.environ.get(purpose.variable):
        return Choice(name, purpose.variable)
    if name := _chosen().get(purpose):
        return Choice(name, "birefcli models use")
    return Choice(purpose.bundled, "bundled")


def set_default(name: str | None, purpose: Purpose = Purpose.CUT) -> None:
    """Remember a model for a purpose, or forget the choice with None.

    Raise WeightsError for a model that cannot cut, UsageError where nothing can be written.
    """
    if name is not None:
        _require_cutter(name)
    file = config_file()
    try:
        chosen = _chosen()
    except UsageError:
        # A damaged record is written anew.
        chosen = {}
    chosen.pop(purpose, None)
    try:
        write_json(file, {"models": chosen | ({purpose.value: name} if name else {})})
    except OSError as error:
        raise UsageError(
            f"cannot write {file} ({error.strerror}); set BIREFCLI_HOME to a folder elsewhere"
        ) from error


def _chosen() -> dict[str, str]:
    """The models that were chosen, by purpose."""
    file = config_file()
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise UsageError(f"cannot read {file} ({error.strerror})") from error
    try:
        models = json.loads(text)["models"]
        return {str(purpose): str(name) for purpose, name in models.items() if name}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(
            f"{file} is damaged; `birefcli models use --clear` writes it anew"
        ) from error


# What lies on this disk.


@dataclass(frozen=True)
class Stored:
    """A model that is here, with the hash it must have; None where nothing says."""

    name: str
    path: Path
    sha256: str | None


def stored() -> Iterator[Stored]:
    """Every bundled, pulled and imported model on this disk."""
    for variant in VARIANTS:
        path = bundled_file(variant)
        if path is not None and path.is_file():
            yield Stored(variant.name, path, card_sha256(path))
    for record in records(models_dir()):
        if record.path.is_file():
            yield Stored(record.name, record.path, record.sha256)


def imported() -> list[Variant]:
    """Every imported model, as a row of the table."""
    return [
        Variant(
            name=record.name,
            purpose=f"Your own; the same file as {known.name}." if known else "Your own.",
            task=known.task if known else "unknown",
            backbone=record.backbone or "unknown",
            size=known.size if known else None,
            keeps_aspect=known.keeps_aspect if known else None,
            tile_order=known.tile_order if known else None,
            licence=record.licence,
            non_commercial=known is not None and known.non_commercial,
            repo=record.repo,
            file=record.file,
            revision=record.revision,
            sha256=record.sha256,
            bytes=record.size,
        )
        for record in imports()
        for known in (find_sha256(record.sha256),)
    ]


def local_file(variant: Variant) -> Path | None:
    """Where a model lies on this disk, if it does; nothing is hashed."""
    path = bundled_file(variant)
    if path is None:
        record = find_record(wanted_variant(variant))
        path = record.path if record else None
    return path if path is not None and path.is_file() else None


def bundled_file(variant: Variant) -> Path | None:
    """Where the package keeps this model; None for a published one."""
    return WEIGHTS / variant.file if variant.is_bundled else None


# Models that need no hub: paths and bundled files.


def checkpoint_at(path: Path) -> Path | None:
    """The checkpoint at a path: the file itself, or the best one of a run folder."""
    if path.is_dir():
        path = path / "best.safetensors"
    return path if path.suffix.lower() in CHECKPOINTS and path.is_file() else None


def _model_of_path(name: str, path: Path) -> ModelFile:
    sha256 = sha256_of(path)
    # A published file is recognised wherever it lies.
    variant = find_sha256(sha256)
    licence = variant.licence if variant else licence_in(path)
    return _model(name, path, sha256, licence, variant)


def bundled_model(variant: Variant, weights: Path | None = None) -> ModelFile:
    """The file of a bundled model, in the package or in another folder like its `weights`.

    Raise WeightsError where it is missing.
    """
    path = (weights or WEIGHTS) / variant.file
    if not path.is_file():
        raise WeightsError(
            f"the bundled model {variant.name} is missing from this installation; "
            "reinstall birefcli"
        )
    return _model(variant.name, path, sha256_of(path), variant.licence, variant)


def _model(name: str, path: Path, sha256: str, licence: str, variant: Variant | None) -> ModelFile:
    return ModelFile(
        name=name,
        path=path,
        sha256=sha256,
        licence=licence,
        size=variant.size if variant else None,
        keeps_aspect=variant.keeps_aspect if variant else None,
        tile_order=variant.tile_order if variant else None,
        variant=variant,
    )


def card_sha256(path: Path) -> str | None:
    """What the card beside a bundled file says; None without a card."""
    try:
        card = path.with_suffix(".md").read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None
    found = re.search(r"sha256\W+([0-9a-f]{64})\b", card)
    return found[1] if found else None


def licence_in(path: Path) -> str:
    """The licence a checkpoint of ours states about itself."""
    return stated_in(path, "licence") or "unknown"


def stated_in(path: Path, what: str) -> str:
    """What a checkpoint of ours states about itself, such as its recipe; empty where nothing."""
    if path.suffix.lower() != ".safetensors":
        return ""
    try:
        with path.open("rb") as stream:
            # A safetensors file begins with the length of its JSON header, eight bytes.
            length = int.from_bytes(stream.read(8), "little")
            header = json.loads(stream.read(min(length, path.stat().st_size)))
        return str(header["__metadata__"][what])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


# Names of models on the hub.


_ON_HUB = re.compile(r"hf:(?P<repo>\w[\w.-]*/\w[\w.-]*)(?:@(?P<revision>\S+))?")


def _wanted(name: str) -> Wanted:
    """What a name that is no path and no bundled model asks the hub for."""
    variant = find_variant(name)
    if variant is not None:
        return wanted_variant(variant)
    if record := find_import(name):
        known = find_sha256(record.sha256)
        return Wanted(name, IMPORTED, record.file, record.revision, record.sha256, known)
    if not name.startswith("hf:"):
        raise WeightsError(_unknown(name))
    written = _ON_HUB.fullmatch(name)
    if written is None:
        raise WeightsError(
            f"{name!r} is no model on the hub; write `hf:owner/name` or `hf:owner/name@revision`"
        )
    repo, revision = written["repo"], written["revision"]
    variant = find_repo(repo)
    if variant is None:
        return Wanted(name, repo, None, revision, None, None)
    wanted = wanted_variant(variant)
    if revision in (None, variant.revision):
        return wanted
    return replace(wanted, name=name, revision=revision, sha256=None)


def wanted_variant(variant: Variant) -> Wanted:
    """What a row of the table asks the hub for."""
    return Wanted(
        name=variant.name,
        repo=variant.repo or "",
        file=variant.file,
        revision=variant.revision,
        sha256=variant.sha256,
        variant=variant,
    )


def _unknown(name: str) -> str:
    """Why a name is no model, and what to write instead."""
    path = Path(name).expanduser()
    if path.is_dir():
        return f"the folder {name} holds no best.safetensors, so it is not a training run"
    if path.exists():
        return f"{name} is no checkpoint; its name should end in {', '.join(CHECKPOINTS)}"
    if path.suffix.lower() in CHECKPOINTS:
        return f"there is no checkpoint {name}"
    if _ON_HUB.fullmatch(f"hf:{name}"):
        return f"there is no file or folder {name}; for the model on the hub write `hf:{name}`"
    known = {folded: variant.name for variant in VARIANTS for folded in names_of(variant)}
    near = difflib.get_close_matches(name.casefold(), known, n=1)
    hint = f"did you mean {known[near[0]]}? " if near else ""
    return f"no model called {name!r}; {hint}`birefcli models list` shows the known ones"
