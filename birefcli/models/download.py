"""Getting the checked file of a model on the hub: kept here already, or downloaded with consent."""

import errno
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from birefcli.errors import WeightsError
from birefcli.models import hub
from birefcli.models.cache import (
    Record,
    adopt,
    find_record,
    keep,
    keep_if_allowed,
    make_record,
    megabytes,
    models_dir,
    place_of,
    sha256_of,
)
from birefcli.models.hub import Offer, Wanted


def obtain(
    wanted: Wanted,
    *,
    consent: bool,
    offline: bool,
    accept_licence: bool,
    say: Callable[[str], None],
) -> Record:
    """The record of a model on this disk, which is pulled first if need be and allowed."""
    record = _held(wanted, accept_licence, say)
    if record is None:
        _require_leave(wanted, consent, offline)
        record = _pull(wanted, accept_licence, say)
    return record


# What is here already.


def _held(wanted: Wanted, accept_licence: bool, say: Callable[[str], None]) -> Record | None:
    """The record of an intact copy on this disk, one that another program downloaded included."""
    record = find_record(wanted)
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
            return keep_if_allowed(record)
        say(
            f"{wanted.name}: {record.path} has changed since it was recorded, "
            f"its sha256 is {sha256}, not {record.sha256}"
        )
    return adopt(wanted)


def _require_leave(wanted: Wanted, consent: bool, offline: bool) -> None:
    if wanted.repo == hub.IMPORTED:
        raise WeightsError(
            f"the file imported as {wanted.name} is gone or changed; run {wanted.command}"
        )
    missing = f"{wanted.name} is not on this machine"
    if offline:
        raise WeightsError(f"{missing} and --offline forbids a download; run {wanted.command}")
    if variable := hub.forbidden_by():
        raise WeightsError(
            f"{missing} and {variable} forbids a download; unset it and run {wanted.command}"
        )
    if not consent:
        raise WeightsError(f"{missing}, and nothing is downloaded unasked; run {wanted.command}")


def _refusal(wanted: Wanted, licence: str) -> WeightsError:
    return WeightsError(
        f"{wanted.name} is under {licence}, for non-commercial use only; if that suits you, run "
        f"`birefcli models pull {wanted.name} --accept-licence`"
    )


# The download.


def _pull(wanted: Wanted, accept_licence: bool, say: Callable[[str], None]) -> Record:
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
        place = place_of(pinned.repo, offer.revision, offer.file)
        sha256 = _download(pinned, offer, place)
        record = keep(make_record(wanted, offer.file, offer.revision, sha256, licence=licence))
    except OSError as error:
        raise unwritable(error) from error
    if pinned.sha256 is None:
        say(
            f"{pinned.name}: recorded commit {offer.revision} with sha256 {sha256}; "
            "later runs hold the file to it"
        )
    return record


def _pin(wanted: Wanted) -> Wanted:
    """The same wanted model, with the file, commit and hash that an earlier pull recorded."""
    record = find_record(wanted)
    if record is None:
        return wanted
    return replace(wanted, file=record.file, revision=record.revision, sha256=record.sha256)


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
    sweep(models_dir() / wanted.repo)
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


def sweep(folder: Path) -> None:
    """Remove what a killed pull left behind more than a day ago."""
    for left in folder.rglob(".pull-*"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > 86_400:
                shutil.rmtree(left)


def unwritable(error: OSError) -> WeightsError:
    """What to say when our folder cannot take a model."""
    full = error.errno in hub.FULL
    why = f"the disk is full ({error.strerror}); make room" if full else error.strerror
    return WeightsError(
        f"cannot store the model in {models_dir()}: {why}, "
        "or set BIREFCLI_HOME to a folder elsewhere"
    )
