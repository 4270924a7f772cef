"""Importing a user's own checkpoint as a model with a name: checked, copied and recorded."""

import os
import re
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

from birefcli.errors import UsageError, WeightsError
from birefcli.models.cache import find_import, keep, make_record, models_dir, place_of, sha256_of
from birefcli.models.download import sweep, unwritable
from birefcli.models.hub import CHECKPOINTS, IMPORTED, Wanted
from birefcli.models.store import Stored, bundled_model, checkpoint_at, licence_in, wanted_variant
from birefcli.models.variants import find_sha256, find_variant

NAME = re.compile(r"\w[\w.-]*")


def import_model(given: Path, name: str | None = None, *, accept_licence: bool = False) -> Stored:
    """Keep a copy of a checkpoint, or of a training run's best one, under a name.

    Without a name it gets its published one, else that of the file or the folder. Raise
    WeightsError for what is no checkpoint, and for a licence that was not accepted.
    """
    checkpoint = checkpoint_at(given)
    if checkpoint is None:
        raise WeightsError(
            f"{given} is no checkpoint; give a file that ends in {', '.join(CHECKPOINTS)}, "
            "or the folder of a training run"
        )
    sha256 = sha256_of(checkpoint)
    published = find_sha256(sha256)
    if name is None:
        own = given.resolve().name if given.is_dir() else given.stem
        name = published.name if published else own
    variant = find_variant(name)
    if variant and variant.is_bundled:
        model = bundled_model(variant)
        _require_same(variant.name, model.sha256, sha256)
        return Stored(model.name, model.path, sha256)
    if variant:
        _require_same(variant.name, variant.sha256, sha256)
    if published and published.non_commercial and not accept_licence:
        raise WeightsError(
            f"{checkpoint} is {published.name} under {published.licence}, for non-commercial use "
            "only; if that suits you, add --accept-licence"
        )
    return _keep(checkpoint, wanted_variant(variant) if variant else _own(name, sha256, checkpoint))


def _require_same(name: str, known: str | None, sha256: str) -> None:
    if known != sha256:
        raise WeightsError(
            f"{name} is the name of another model, whose sha256 is {known or 'unknown'} "
            f"and not {sha256}; choose a name of your own with --name"
        )


def _own(name: str, sha256: str, checkpoint: Path) -> Wanted:
    """Describe an imported model as hub models are: its repository is a word, not a place."""
    if not NAME.fullmatch(name) or Path(name).suffix.lower() in CHECKPOINTS:
        raise UsageError(
            f"{name!r} cannot name a model; --name takes letters, digits, dots and dashes, "
            "and none of the endings of a file"
        )
    held = find_import(name)
    if held and held.sha256 != sha256 and held.path.is_file():
        raise WeightsError(
            f"{name} is the name of another imported model; choose another with --name, "
            f"or delete {held.path}"
        )
    file = f"model{checkpoint.suffix.lower()}"
    return Wanted(name, IMPORTED, file, name, sha256, find_sha256(sha256))


def _keep(checkpoint: Path, wanted: Wanted) -> Stored:
    """Copy a file, check that a network can be built of it, and record it."""
    revision = wanted.revision or IMPORTED
    place = place_of(wanted.repo, revision, wanted.file or checkpoint.name)
    try:
        models_dir().mkdir(parents=True, exist_ok=True)
        sweep(models_dir())
        # The copy leaves its temporary folder only when it is known to be good.
        with tempfile.TemporaryDirectory(
            prefix=".pull-", dir=models_dir(), ignore_cleanup_errors=True
        ) as folder:
            copy = Path(shutil.copyfile(checkpoint, Path(folder) / place.name))
            if sha256_of(copy) != wanted.sha256:
                raise WeightsError(f"{checkpoint} changed while it was copied; import it again")
            backbone = _backbone(copy, wanted)
            with copy.open("rb+") as stream:
                os.fsync(stream.fileno())
            place.parent.mkdir(parents=True, exist_ok=True)
            copy.replace(place)
        for stale in place.parent.glob("*.json"):
            stale.unlink()
        record = make_record(
            wanted, place.name, revision, wanted.sha256 or "", licence=licence_in(place)
        )
        keep(replace(record, backbone=backbone))
    except OSError as error:
        raise unwritable(error) from error
    return Stored(wanted.name, place, wanted.sha256)


def _backbone(path: Path, wanted: Wanted) -> str:
    """Load a checkpoint, which must fit its network to the letter, and name its backbone."""
    from birefcli.net import load_network

    return load_network(path, name=wanted.name).config.backbone
