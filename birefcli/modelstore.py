"""From a model's name to a checked file on this disk; only an explicit wish downloads anything."""

import difflib
import errno
import hashlib
import json
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path

from birefcli import hub
from birefcli.errors import UsageError, WeightsError
from birefcli.hub import CHECKPOINTS, Offer, Wanted
from birefcli.variants import VARIANTS, Variant, find_repo, find_sha256, find_variant, names_of

WEIGHTS = Path(__file__).parent / "weights"


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


def resolve(
    name: str, *, consent: bool, offline: bool, accept_licence: bool, say: Callable[[str], None]
) -> ModelFile:
    """The file behind a path, a bundled name, a published name or `hf:owner/name[@revision]`.

    `consent` allows a download (the user named this model just now); `say` gets one line about it.
    """
    checkpoint = _checkpoint(Path(name).expanduser())
    if checkpoint is not None:
        return _model_of_path(name, checkpoint)
    variant = find_variant(name)
    if variant is not None and variant.is_bundled:
        return _model_of_bundled(variant)
    wanted = _wanted(name)
    record = _held(wanted, accept_licence, say)
    if record is None:
        _require_leave(wanted, consent, offline)
        record = _pull(wanted, accept_licence, say)
    return _model(wanted.name, record.path, record.sha256, record.licence, wanted.variant)


def known_name(name: str) -> str:
    """The name in full, still the same from any folder; nothing is looked up on the hub."""
    checkpoint = _checkpoint(Path(name).expanduser())
    if checkpoint is not None:
        return str(Path(name).expanduser().absolute())
    variant = find_variant(name)
    return variant.name if variant else _wanted(name).name


# What is used when no model is named.


class Task(StrEnum):
    """What a default model is for."""

    CUT = "cut"
    PEEL = "peel"

    @property
    def variable(self) -> str:
        """The environment variable that decides before any choice."""
        return "BIREFCLI_MODEL" if self is Task.CUT else "BIREFCLI_PEEL_MODEL"


# The model when nobody chose.
_BUNDLED = {Task.CUT: "compact", Task.PEEL: "compact"}


def default_model(task: str = Task.CUT) -> tuple[str, bool]:
    """The model of a task when none is named, and the consent this gives: none, so no download."""
    task = Task(task)
    return os.environ.get(task.variable) or _read_config().get(task) or _BUNDLED[task], False


def set_default(name: str | None, task: str = Task.CUT) -> None:
    """Remember a model for a task, or forget it with None."""
    try:
        chosen = _read_config()
    except UsageError:
        if name is not None:
            raise
        chosen = {}
    chosen.pop(task, None)
    if name is not None:
        chosen[task] = name
    file = config_file()
    try:
        _write_json(file, {"models": chosen})
    except OSError as error:
        raise UsageError(
            f"cannot write {file} ({error.strerror}); set BIREFCLI_HOME to a folder elsewhere"
        ) from error


def _read_config() -> dict[str, str]:
    file = config_file()
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise UsageError(f"cannot read {file} ({error.strerror})") from error
    try:
        models = json.loads(text)["models"]
        return {task: str(models[task]) for task in Task if task in models}
    except (ValueError, KeyError, TypeError) as error:
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
    """Every bundled and every pulled model on this disk."""
    for variant in VARIANTS:
        path = bundled_file(variant)
        if path is not None and path.is_file():
            yield Stored(variant.name, path, _bundled_sha256(path))
    for record in _records(models_dir()):
        if record.path.is_file():
            yield Stored(record.name, record.path, record.sha256)


def local_file(variant: Variant) -> Path | None:
    """Where a model lies on this disk, if it does; nothing is hashed."""
    path = bundled_file(variant)
    if path is None:
        record = _find_record(_wanted_variant(variant))
        path = record.path if record else None
    return path if path is not None and path.is_file() else None


def bundled_file(variant: Variant) -> Path | None:
    """Where the package keeps this model; None for a published one."""
    return WEIGHTS / variant.file if variant.is_bundled else None


def models_dir() -> Path:
    """The folder of pulled models."""
    return (_home() or _user_dir("cache")) / "models"


def config_file() -> Path:
    """The file that remembers `birefcli models use`."""
    return (_home() or _user_dir("config")) / "config.json"


def sha256_of(path: Path) -> str:
    """The hash of a file."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise WeightsError(f"cannot read {path} ({error.strerror})") from error


def megabytes(size: int | None) -> str:
    """A file size in words."""
    if size is None:
        return "unknown"
    return f"{size / 1e6:.0f} MB" if size >= 1e6 else f"{size / 1e3:.1f} kB"


def _home() -> Path | None:
    home = os.environ.get("BIREFCLI_HOME")
    return Path(home).expanduser() if home else None


def _user_dir(kind: str) -> Path:
    """Our folder for `cache` or `config`, where the platform wants it."""
    home = Path.home()
    if sys.platform == "win32":
        variable = {"cache": "LOCALAPPDATA", "config": "APPDATA"}[kind]
        return Path(os.environ.get(variable) or home) / "birefcli"
    if sys.platform == "darwin":
        library = {"cache": "Caches", "config": "Application Support"}[kind]
        return home / "Library" / library / "birefcli"
    return Path(os.environ.get(f"XDG_{kind.upper()}_HOME") or home / f".{kind}") / "birefcli"


def _hub_cache() -> Path:
    """The folder in which other programs keep what they downloaded from the hub."""
    if cache := os.environ.get("HF_HUB_CACHE"):
        return Path(cache).expanduser()
    shared = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(os.environ.get("HF_HOME") or Path(shared) / "huggingface").expanduser() / "hub"


# Models that need no hub: paths and bundled files.


def _checkpoint(path: Path) -> Path | None:
    """The checkpoint at a path: the file itself, or the best one of a run folder."""
    if path.is_dir():
        path = path / "best.safetensors"
    return path if path.suffix.lower() in CHECKPOINTS and path.is_file() else None


def _model_of_path(name: str, path: Path) -> ModelFile:
    sha256 = sha256_of(path)
    # A published file is recognised wherever it lies.
    variant = find_sha256(sha256)
    licence = variant.licence if variant else _licence_in(path)
    return _model(name, path, sha256, licence, variant)


def _model_of_bundled(variant: Variant) -> ModelFile:
    path = WEIGHTS / variant.file
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


def _bundled_sha256(path: Path) -> str | None:
    """What the card beside a bundled file says; None without a card."""
    try:
        return str(json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))["sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _licence_in(path: Path) -> str:
    """The licence a checkpoint of ours states about itself."""
    if path.suffix.lower() != ".safetensors":
        return "unknown"
    try:
        with path.open("rb") as stream:
            # A safetensors file begins with the length of its JSON header, eight bytes.
            length = int.from_bytes(stream.read(8), "little")
            header = json.loads(stream.read(min(length, path.stat().st_size)))
        return str(header["__metadata__"]["licence"])
    except (OSError, ValueError, KeyError, TypeError):
        return "unknown"


# Models on the hub: what is wanted, and what an earlier pull recorded.


@dataclass(frozen=True)
class _Record:
    """What a pull wrote down about a file, and holds later runs to."""

    repo: str
    file: str
    # The revision that was asked for, None being the newest, and the commit it was.
    asked: str | None
    revision: str
    # Where another program keeps the file; None: beside the record, in our folder.
    elsewhere: str | None
    sha256: str
    licence: str
    # The file as it was when the hash was taken.
    size: int = 0
    mtime_ns: int = 0

    @property
    def name(self) -> str:
        """What to call this model on the command line."""
        variant = find_repo(self.repo)
        if variant is not None and variant.revision == self.asked:
            return variant.name
        return f"hf:{self.repo}" + (f"@{self.asked}" if self.asked else "")

    @property
    def place(self) -> Path:
        """Where the file belongs in our folder."""
        return _place(self.repo, self.revision, self.file)

    @property
    def path(self) -> Path:
        """Where the file is."""
        return Path(self.elsewhere) if self.elsewhere else self.place


def _place(repo: str, revision: str, file: str) -> Path:
    return models_dir() / repo / revision / file


_ON_HUB = re.compile(r"hf:(?P<repo>\w[\w.-]*/\w[\w.-]*)(?:@(?P<revision>\S+))?")


def _wanted(name: str) -> Wanted:
    """What a name that is no path and no bundled model asks the hub for."""
    variant = find_variant(name)
    if variant is not None:
        return _wanted_variant(variant)
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
    wanted = _wanted_variant(variant)
    if revision in (None, variant.revision):
        return wanted
    return replace(wanted, name=name, revision=revision, sha256=None)


def _wanted_variant(variant: Variant) -> Wanted:
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


def _held(wanted: Wanted, accept_licence: bool, say: Callable[[str], None]) -> _Record | None:
    """The record of an intact copy on this disk, one that another program downloaded included."""
    record = _find_record(wanted)
    if record is None:
        # A record shows that the licence was accepted once.
        if wanted.variant and wanted.variant.non_commercial and not accept_licence:
            raise _refusal(wanted, wanted.variant.licence)
    elif record.path.is_file():
        status = record.path.stat()
        if (status.st_size, status.st_mtime_ns) == (record.size, record.mtime_ns):
            return record
        sha256 = sha256_of(record.path)
        if sha256 == record.sha256:
            return _keep_if_allowed(record)
        say(
            f"{wanted.name}: {record.path} has changed since it was pulled, "
            f"its sha256 is {sha256}, not {record.sha256}"
        )
    return _adopt(wanted)


def _refusal(wanted: Wanted, licence: str) -> WeightsError:
    return WeightsError(
        f"{wanted.name} is under {licence}, for non-commercial use only; if that suits you, run "
        f"`birefcli models pull {wanted.name} --accept-licence`"
    )


def _find_record(wanted: Wanted) -> _Record | None:
    """The record of an earlier pull, whether or not its file is still there."""
    return next(
        (
            record
            for record in _records(models_dir() / wanted.repo)
            if wanted.revision in (record.asked, record.revision)
            and wanted.file in (None, record.file)
            and wanted.sha256 in (None, record.sha256)
        ),
        None,
    )


def _records(folder: Path) -> Iterator[_Record]:
    for file in sorted(folder.rglob("*.json")):
        # Anything else that lies here is not ours to judge.
        try:
            yield _Record(**json.loads(file.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            continue


def _keep(record: _Record) -> _Record:
    """Write a record to its place, with the file's present size and time."""
    status = record.path.stat()
    record = replace(record, size=status.st_size, mtime_ns=status.st_mtime_ns)
    _write_json(record.place.with_name(f"{record.place.name}.json"), asdict(record))
    return record


def _keep_if_allowed(record: _Record) -> _Record:
    """Write a record where that is possible; a read-only folder costs a hash at every start."""
    try:
        return _keep(record)
    except OSError:
        return record


def _adopt(wanted: Wanted) -> _Record | None:
    """The record of a copy that nobody recorded, if its hash is the right one."""
    if wanted.sha256 is None or wanted.file is None:
        return None
    ours = models_dir() / wanted.repo
    theirs = _hub_cache() / f"models--{wanted.repo.replace('/', '--')}" / "snapshots"
    for folder in (ours, theirs):
        found = sorted(folder.iterdir()) if folder.is_dir() else []
        for revision in [folder / wanted.revision] if wanted.revision else found:
            copy = revision / wanted.file
            if copy.is_file() and sha256_of(copy) == wanted.sha256:
                elsewhere = copy if folder is theirs else None
                return _keep_if_allowed(
                    _record(wanted, wanted.file, revision.name, wanted.sha256, elsewhere=elsewhere)
                )
    return None


def _record(
    wanted: Wanted,
    file: str,
    revision: str,
    sha256: str,
    *,
    licence: str = "unknown",
    elsewhere: Path | None = None,
) -> _Record:
    return _Record(
        repo=wanted.repo,
        file=file,
        asked=wanted.revision,
        revision=revision,
        elsewhere=str(elsewhere) if elsewhere else None,
        sha256=sha256,
        licence=wanted.variant.licence if wanted.variant else licence,
    )


# The download.


def _pull(wanted: Wanted, accept_licence: bool, say: Callable[[str], None]) -> _Record:
    """Download a model under a temporary name, check it, put it in its place and record it."""
    pinned = _pin(wanted)
    hub.require_network(pinned)
    try:
        offer = hub.ask(pinned)
        licence = pinned.variant.licence if pinned.variant else offer.licence
        if pinned.variant is None and "-nc" in licence.casefold() and not accept_licence:
            raise _refusal(pinned, licence)
        _require_hash(pinned, offer.sha256)
        _require_space(offer)
        say(
            f"{pinned.name}: size {megabytes(offer.size)}, licence {licence}, "
            f"from {pinned.repo} at commit {offer.revision[:12]}"
        )
        place = _place(pinned.repo, offer.revision, offer.file)
        sha256 = _download(pinned, offer, place)
        record = _keep(_record(wanted, offer.file, offer.revision, sha256, licence=licence))
    except OSError as error:
        raise _unwritable(error) from error
    if pinned.sha256 is None:
        say(
            f"{pinned.name}: recorded commit {offer.revision} with sha256 {sha256}; "
            "later runs hold the file to it"
        )
    return record


def _pin(wanted: Wanted) -> Wanted:
    """The same wish, held to what an earlier pull recorded."""
    record = _find_record(wanted)
    if record is None:
        return wanted
    return replace(wanted, file=record.file, revision=record.revision, sha256=record.sha256)


def _require_leave(wanted: Wanted, consent: bool, offline: bool) -> None:
    missing = f"{wanted.name} is not on this machine"
    if offline:
        raise WeightsError(f"{missing} and --offline forbids a download; run {wanted.command}")
    if variable := hub.forbidden_by():
        raise WeightsError(
            f"{missing} and {variable} forbids a download; unset it and run {wanted.command}"
        )
    if not consent:
        raise WeightsError(f"{missing}, and nothing is downloaded unasked; run {wanted.command}")


def _require_hash(wanted: Wanted, sha256: str | None) -> None:
    if sha256 is not None and wanted.sha256 not in (None, sha256):
        raise WeightsError(
            f"{wanted.repo} sends another file than expected for {wanted.name}: "
            f"its sha256 is {sha256}, not {wanted.sha256}; nothing was kept"
        )


def _require_space(offer: Offer) -> None:
    folder = models_dir()
    folder.mkdir(parents=True, exist_ok=True)
    if offer.size is not None and shutil.disk_usage(folder).free < offer.size:
        raise OSError(errno.ENOSPC, f"{megabytes(offer.size)} are needed")


def _download(wanted: Wanted, offer: Offer, place: Path) -> str:
    """Bring the offered file to its place and return its hash."""
    place.parent.mkdir(parents=True, exist_ok=True)
    _sweep(models_dir() / wanted.repo)
    # The temporary folder goes whatever happens, Ctrl-C included; only a checked file leaves it.
    with tempfile.TemporaryDirectory(
        prefix=".pull-", dir=place.parent, ignore_cleanup_errors=True
    ) as folder:
        arrived = hub.transfer(wanted, offer, Path(folder))
        sha256 = sha256_of(arrived)
        _require_hash(wanted, sha256)
        _require_hash(replace(wanted, sha256=offer.sha256), sha256)
        with arrived.open("rb+") as stream:
            os.fsync(stream.fileno())
        arrived.replace(place)
    return sha256


def _sweep(folder: Path) -> None:
    """Remove what a killed pull left behind more than a day ago."""
    for left in folder.rglob(".pull-*"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > 86_400:
                shutil.rmtree(left)


def _write_json(file: Path, content: dict[str, object]) -> None:
    """Write a small file so that a reader sees the old one or the new one, never half."""
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with temporary.open("w", encoding="utf-8") as stream:
            json.dump(content, stream, indent=2)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)


def _unwritable(error: OSError) -> WeightsError:
    full = error.errno in hub.FULL
    why = f"the disk is full ({error.strerror}); make room" if full else error.strerror
    return WeightsError(
        f"cannot store the model in {models_dir()}: {why}, "
        "or set BIREFCLI_HOME to a folder elsewhere"
    )
