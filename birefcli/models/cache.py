"""The models kept on this disk: their folders, and the records with the hashes of their files."""

import hashlib
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from birefcli.errors import WeightsError
from birefcli.models.hub import IMPORTED, Wanted
from birefcli.models.variants import find_repo


@dataclass(frozen=True)
class Record:
    """What a pull or an import wrote down about a file, and holds later runs to."""

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
    # What an import found in the file.
    backbone: str | None = None

    @property
    def name(self) -> str:
        """What to call this model on the command line."""
        if self.repo == IMPORTED:
            return self.revision
        variant = find_repo(self.repo)
        if variant is not None and variant.revision == self.asked:
            return variant.name
        return f"hf:{self.repo}" + (f"@{self.asked}" if self.asked else "")

    @property
    def place(self) -> Path:
        """Where the file belongs in our folder."""
        return place_of(self.repo, self.revision, self.file)

    @property
    def path(self) -> Path:
        """Where the file is."""
        return Path(self.elsewhere) if self.elsewhere else self.place


def place_of(repo: str, revision: str, file: str) -> Path:
    """Where our folder keeps a file of one commit."""
    return models_dir() / repo / revision / file


def find_record(wanted: Wanted) -> Record | None:
    """The record of an earlier pull, whether or not its file is still there."""
    return next(
        (
            record
            for record in records(models_dir() / wanted.repo)
            if wanted.revision in (record.asked, record.revision)
            and wanted.file in (None, record.file)
            and wanted.sha256 in (None, record.sha256)
        ),
        None,
    )


def records(folder: Path) -> Iterator[Record]:
    """Every record in a folder, whether or not its file is still there."""
    for file in sorted(folder.rglob("*.json")):
        # Anything else that lies here is not ours to judge.
        try:
            yield Record(**json.loads(file.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            continue


def imports() -> Iterator[Record]:
    """The record of every imported model, whether or not its file is still there."""
    return (record for record in records(models_dir() / IMPORTED) if record.repo == IMPORTED)


def find_import(name: str) -> Record | None:
    """The record of the model that was imported under a name."""
    return next((record for record in imports() if record.name == name), None)


def keep(record: Record) -> Record:
    """Write a record to its place, with the file's present size and time."""
    status = record.path.stat()
    record = replace(record, size=status.st_size, mtime_ns=status.st_mtime_ns)
    write_json(record.place.with_name(f"{record.place.name}.json"), asdict(record))
    return record


def keep_if_allowed(record: Record) -> Record:
    """Write a record where that is possible; a read-only folder costs a hash at every start."""
    try:
        return keep(record)
    except OSError:
        return record


def adopt(wanted: Wanted) -> Record | None:
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
                record = make_record(
                    wanted, wanted.file, revision.name, wanted.sha256, elsewhere=elsewhere
                )
                return keep_if_allowed(record)
    return None


def make_record(
    wanted: Wanted,
    file: str,
    revision: str,
    sha256: str,
    *,
    licence: str = "unknown",
    elsewhere: Path | None = None,
) -> Record:
    """The record of a wanted model whose file turned out to be this one."""
    return Record(
        repo=wanted.repo,
        file=file,
        asked=wanted.revision,
        revision=revision,
        elsewhere=str(elsewhere) if elsewhere else None,
        sha256=sha256,
        licence=wanted.variant.licence if wanted.variant else licence,
    )


# Folders.


def models_dir() -> Path:
    """The folder of pulled models."""
    return (_home() or _user_dir("cache")) / "models"


def config_file() -> Path:
    """The file that remembers `birefcli models use`."""
    return (_home() or _user_dir("config")) / "config.json"


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


# Files.


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal; one that cannot be read raises WeightsError."""
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


def write_json(file: Path, content: dict[str, object]) -> None:
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
