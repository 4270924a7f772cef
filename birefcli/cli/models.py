"""birefcli models: what there is, what is here, and getting the rest."""

import json
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import typer

from birefcli.cli.command import command, in_help
from birefcli.errors import UsageError, WeightsError
from birefcli.models import (
    COMPANIONS,
    IMPORTED,
    VARIANTS,
    ModelFile,
    Purpose,
    Variant,
    default_choice,
    fetching_command,
    find_variant,
    imported,
    known_name,
    local_file,
    megabytes,
    resolve,
    set_default,
    sha256_of,
    stored,
)
from birefcli.settings import REQUIRED, JsonSettings, NetworkSettings, borrowed, option


@dataclass(frozen=True, kw_only=True)
class _Named:
    name: str = option(REQUIRED, "A name, a path or hf:owner/name.", is_argument=True)


@dataclass(frozen=True, kw_only=True)
class InfoSettings(JsonSettings, _Named):
    """What `birefcli models info` was asked."""


@dataclass(frozen=True, kw_only=True)
class PullSettings:
    """What `birefcli models pull` was asked."""

    names: tuple[str, ...] = option(REQUIRED, "Published names or hf:owner/name.", is_argument=True)
    accept_licence: bool = borrowed(NetworkSettings, "accept_licence", panel=None)


@dataclass(frozen=True, kw_only=True)
class ImportSettings:
    """What `birefcli models import` was asked."""

    file: Path = option(
        REQUIRED, "A checkpoint, or the folder of a training run.", is_argument=True
    )
    name: str | None = option(None, "What to call it; the file's name by default.")
    accept_licence: bool = borrowed(PullSettings, "accept_licence")


@dataclass(frozen=True, kw_only=True)
class UseSettings:
    """What `birefcli models use` was asked."""

    name: str | None = borrowed(_Named, "name", default=None)
    clear: bool = option(False, "Forget the choice.")
    purpose: Purpose = option(Purpose.CUT, "Which command's default it is.", names=("--for",))

    def __post_init__(self) -> None:
        if self.name is not None and self.clear:
            raise UsageError("give a model or --clear, not both")


@dataclass(frozen=True, kw_only=True)
class VerifySettings:
    """What `birefcli models verify` was asked."""

    names: tuple[str, ...] = option((), "The models to check; all by default.", is_argument=True)


@command(
    JsonSettings, name="list", examples=("birefcli models list", "birefcli models list --json")
)
def list_models(settings: JsonSettings) -> None:
    """Show every known model: purpose, size, licence, and whether it is on this machine."""
    entries = [_entry(variant) for variant in (*VARIANTS, *COMPANIONS, *imported())]
    if settings.as_json:
        typer.echo(json.dumps([entry.facts() for entry in entries], indent=2))
    elif sys.stdout.isatty():
        _print_table(entries)
    else:
        for entry in entries:
            typer.echo("\t".join(entry.cells()))


@command(InfoSettings, examples=("birefcli models info compact",))
def info(settings: InfoSettings) -> None:
    """Show everything that is known about one model."""
    variant = find_variant(settings.name)
    facts = _entry(variant).facts() if variant else _facts_of_file(settings.name)
    if settings.as_json:
        typer.echo(json.dumps(facts, indent=2))
    else:
        for key, value in facts.items():
            typer.echo(f"{key.replace('_', ' '):<16}{_word(value)}")


@command(PullSettings, examples=("birefcli models pull lite",))
def pull(settings: PullSettings) -> None:
    """Download models and check them; print where each one lies."""
    failures = []
    for name in settings.names:
        try:
            model = resolve(
                name,
                consent=True,
                offline=False,
                accept_licence=settings.accept_licence,
                say=_say,
                cuts=False,
            )
            typer.echo(str(model.path))
        except WeightsError as error:
            failures.append(str(error))
    if failures:
        for failure in failures[:-1]:
            _say(failure)
        raise WeightsError(failures[-1])


@command(ImportSettings, name="import", examples=("birefcli models import run --name sprites",))
def import_(settings: ImportSettings) -> None:
    """Keep a copy of a checkpoint as a model with a name; print where it lies."""
    from birefcli.models import import_model

    model = import_model(settings.file, settings.name, accept_licence=settings.accept_licence)
    typer.echo(str(model.path))
    _say(f"{model.name}: sha256 {model.sha256}; use it with --model {model.name}")


@command(_Named, examples=("birefcli models path compact",))
def path(settings: _Named) -> None:
    """Print where the weights of a model on this machine lie."""
    typer.echo(str(_local(settings.name).path))


@command(
    UseSettings, examples=("birefcli models use compact", "birefcli models use --clear --for peel")
)
def use(settings: UseSettings) -> None:
    """Choose the model that runs when none is named, and print it."""
    purpose = settings.purpose
    if settings.clear:
        set_default(None, purpose)
    elif settings.name is not None:
        set_default(known_name(settings.name), purpose)
    chosen = default_choice(purpose).name
    typer.echo(chosen)
    if os.environ.get(purpose.variable):
        _say(f"{purpose.variable} is set and decides before any choice")
    try:
        _local(chosen)
    except WeightsError as error:
        _say(str(error))


@command(VerifySettings, examples=("birefcli models verify",))
def verify(settings: VerifySettings) -> None:
    """Hash the models on this machine and compare them with the record."""
    here = list(stored())
    asked = [known_name(name) for name in settings.names]
    for name in asked:
        if name not in {model.name for model in here}:
            raise WeightsError(f"{name} is not on this machine; run {fetching_command(name)}")
    damaged = []
    for model in here:
        if not asked or model.name in asked:
            sha256 = sha256_of(model.path)
            is_sound = model.sha256 in (None, sha256)
            typer.echo(f"{model.name}\t{'ok' if is_sound else 'damaged'}\t{sha256}\t{model.path}")
            if not is_sound:
                damaged.append(model.name)
    if damaged:
        raise WeightsError(f"damaged: {', '.join(damaged)}; {_repair(damaged)}")


COMMANDS = (list_models, info, pull, import_, path, use, verify)
app = typer.Typer(
    name="models",
    help="Show, download, import and choose models.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    epilog=in_help(one.examples[0] for one in COMMANDS),
)
for _command in COMMANDS:
    _command.add_to(app)


def _repair(names: list[str]) -> str:
    """What to do about damaged models."""
    fetched = [name for name in names if not ((v := find_variant(name)) and v.is_bundled)]
    if not fetched:
        return "reinstall birefcli"
    commands = " and ".join(fetching_command(name) for name in fetched)
    step = f"delete {'the file' if len(fetched) == 1 else 'the files'} shown and run {commands}"
    return step if fetched == names else f"{step}; reinstall birefcli for the bundled one"


def _local(name: str) -> ModelFile:
    """A model on this machine; nothing is downloaded."""
    return resolve(name, consent=False, offline=False, accept_licence=False, say=_say, cuts=False)


def _say(words: str) -> None:
    typer.echo(words, err=True)


@dataclass(frozen=True)
class _Entry:
    """A row of the table, with what this machine knows about it."""

    variant: Variant
    path: Path | None
    bytes: int | None
    is_default: bool

    def facts(self) -> dict[str, object]:
        """Everything as plain values."""
        return asdict(self.variant) | {
            "bytes": self.bytes,
            "bundled": self.variant.is_bundled,
            "cached": self.path is not None,
            "path": str(self.path) if self.path else None,
            "is_default": self.is_default,
        }

    def cells(self) -> tuple[str, ...]:
        """Name, state, size, licence and purpose in words."""
        if self.variant.is_bundled:
            state = "bundled" if self.path else "missing"
        else:
            here = "imported" if self.variant.repo == IMPORTED else "here"
            state = here if self.path else "-"
        return (
            self.variant.name,
            f"{state} *" if self.is_default else state,
            megabytes(self.bytes),
            self.variant.licence,
            self.variant.purpose,
        )


def _entry(variant: Variant) -> _Entry:
    path = local_file(variant)
    return _Entry(
        variant=variant,
        path=path,
        bytes=path.stat().st_size if path else variant.bytes,
        is_default=variant.name in {default_choice(purpose).name for purpose in Purpose},
    )


def _facts_of_file(name: str) -> dict[str, object]:
    """What can be said of a model that is not in the table."""
    model = _local(name)
    return {
        "name": model.name,
        "published_as": model.variant.name if model.variant else None,
        "licence": model.licence,
        "sha256": model.sha256,
        "bytes": model.path.stat().st_size,
        "path": str(model.path),
    }


def _print_table(entries: list[_Entry]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for heading in ("model", "state", "size", "licence"):
        table.add_column(heading, no_wrap=True, justify="right" if heading == "size" else "left")
    table.add_column("purpose")
    for entry in entries:
        table.add_row(*entry.cells(), style=None if entry.path else "dim")
    table.caption = "* runs when no model is named"
    Console().print(table)


def _word(value: object) -> str:
    match value:
        case None | [] | ():
            return "-"
        case bool():
            return "yes" if value else "no"
        case list() | tuple():
            return ", ".join(map(str, value))
    return str(value)
