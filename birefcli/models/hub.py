"""Files on the Hugging Face hub: what it offers, and the transfer; each refusal is one sentence."""

import errno
import os
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from birefcli.errors import WeightsError
from birefcli.models.variants import Variant

CHECKPOINTS = (".safetensors", ".pth", ".pt")
IMPORTED = "imported"  # in place of a repository: the user's own file

# Failures of this machine's disk, and those of them that more room would cure.
FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}
_DISK = FULL | {errno.EACCES, errno.EPERM, errno.EROFS, errno.EFBIG}

_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class Wanted:
    """A model on the hub; None leaves file, revision or hash to the hub's choice.

    An imported model is no hub's: its repository is IMPORTED and its revision its name.
    """

    name: str
    repo: str
    file: str | None
    revision: str | None
    sha256: str | None
    variant: Variant | None

    @property
    def command(self) -> str:
        """What to type to get it."""
        if self.repo == IMPORTED:
            return f"`birefcli models import FILE --name {self.name}`"
        return f"`birefcli models pull {self.name}`"


@dataclass(frozen=True)
class Offer:
    """What the hub would send: one file of one commit."""

    file: str
    revision: str
    sha256: str | None
    size: int | None
    licence: str


def endpoint() -> str:
    """The address of the hub."""
    return (os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")


def forbidden_by() -> str | None:
    """The variable that forbids going online, if one does."""
    yes = ("1", "ON", "YES", "TRUE")
    variables = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
    return next((v for v in variables if os.environ.get(v, "").upper() in yes), None)


def require_network(wanted: Wanted) -> None:
    """Fail within four seconds without a network; the hub's own library would try for 23."""
    hub = urlsplit(endpoint())
    proxies = {} if proxy_bypass(hub.hostname or "") else getproxies()
    proxy = proxies.get(hub.scheme) or proxies.get("all")
    first = urlsplit(proxy if "//" in proxy else f"//{proxy}") if proxy else hub
    address = (first.hostname or "", first.port or (443 if first.scheme == "https" else 80))
    failure: list[str] = ["no answer"]

    def connect() -> None:
        try:
            socket.create_connection(address, timeout=3).close()
            failure.clear()
        except OSError as error:
            failure[:] = [error.strerror or str(error)]

    # Looking up a name has no time limit of its own, so it happens where it can be left behind.
    thread = threading.Thread(target=connect, daemon=True)
    thread.start()
    thread.join(4)
    if failure:
        through = "the proxy " if proxy else ""
        raise WeightsError(
            f"{wanted.name} is not on this machine and {through}{address[0]} cannot be reached "
            f"({failure[0]}); run {wanted.command} when the network is back"
        )


def ask(wanted: Wanted) -> Offer:
    """What the hub has under this name now; nothing, or a wrong answer, raises WeightsError."""
    with _explained(wanted):
        from huggingface_hub import HfApi

        info = HfApi(endpoint=endpoint()).model_info(
            wanted.repo, revision=wanted.revision, files_metadata=True, timeout=10
        )
    files = {sibling.rfilename: sibling for sibling in info.siblings or ()}
    name = wanted.file or _choose(wanted.repo, list(files))
    if name not in files:
        raise _gone(wanted, name)
    # Both become parts of a path on this disk.
    if not _COMMIT.fullmatch(info.sha or "") or not _stays_inside(name):
        raise WeightsError(f"{endpoint()} answers for {wanted.repo}, but not as the hub does")
    stated = info.card_data.license if info.card_data else None
    lfs = files[name].lfs
    return Offer(
        file=name,
        revision=str(info.sha),
        sha256=lfs.sha256 if lfs else None,
        size=files[name].size,
        licence=stated if isinstance(stated, str) else "unknown",
    )


def transfer(wanted: Wanted, offer: Offer, folder: Path) -> Path:
    """Download the offered file into a folder, with a bar on a terminal."""
    with _explained(wanted):
        from huggingface_hub import hf_hub_download

        return Path(
            hf_hub_download(
                wanted.repo,
                offer.file,
                revision=offer.revision,
                local_dir=folder,
                endpoint=endpoint(),
            )
        )


def _stays_inside(file: str) -> bool:
    """Whether a name from the hub leads no further than into its own folder."""
    path = PurePosixPath(file)
    return not path.is_absolute() and ".." not in path.parts and not set("\\:") & set(file)


def _choose(repo: str, files: list[str]) -> str:
    """The one file of a repository that can be its weights."""
    if "model.safetensors" in files:
        return "model.safetensors"
    for suffix in CHECKPOINTS:
        found = sorted(file for file in files if file.lower().endswith(suffix))
        if len(found) == 1:
            return found[0]
        if found:
            raise WeightsError(
                f"{repo} holds several checkpoints ({', '.join(found[:5])}); "
                "download one yourself and give its path"
            )
    raise WeightsError(f"{repo} holds no checkpoint ({', '.join(CHECKPOINTS)})")


@contextmanager
def _explained(wanted: Wanted) -> Iterator[None]:
    """Turn a refused or broken exchange into one sentence; trouble with the disk passes."""
    try:
        yield
    # The library lets the errors of its transport through, and the transport changes with its
    # version, so they cannot be listed here.
    except Exception as error:
        if isinstance(error, OSError) and error.errno in _DISK:
            raise
        raise _explain(error, wanted) from error


def _explain(error: BaseException, wanted: Wanted) -> WeightsError:
    from huggingface_hub import errors

    # A refusal can come wrapped into "not in the cache"; the refusal itself says more.
    if isinstance(error, errors.LocalEntryNotFoundError) and error.__cause__ is not None:
        error = error.__cause__
    page = f"{endpoint()}/{wanted.repo}"
    status = getattr(getattr(error, "response", None), "status_code", None)
    if isinstance(error, errors.GatedRepoError) or (wanted.variant and status in (401, 403)):
        return WeightsError(
            f"{wanted.repo} is only for those who accepted its terms: accept them on {page}, "
            f"set HF_TOKEN to a token of that account, and run {wanted.command} again"
        )
    # The hub does not tell a stranger whether a repository exists.
    if status in (401, 403):
        return WeightsError(
            f"the hub does not show {wanted.repo}: check the name; if it is private or gated, "
            f"accept its terms on {page} and set HF_TOKEN"
        )
    if isinstance(error, errors.RevisionNotFoundError):
        return WeightsError(
            f"{wanted.repo} has no revision {wanted.revision}; see {page}/commits/main"
        )
    if isinstance(error, errors.RepositoryNotFoundError):
        return WeightsError(f"the hub has no repository {wanted.repo}; check the name")
    if status == 404:
        return _gone(wanted, wanted.file or "its weights")
    reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
    return WeightsError(
        f"the transfer of {wanted.repo} broke off ({reason}); run {wanted.command} again"
    )


def _gone(wanted: Wanted, file: str) -> WeightsError:
    return WeightsError(
        f"{wanted.repo} does not hold {file}; see {endpoint()}/{wanted.repo}/tree/main"
    )
