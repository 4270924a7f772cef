"""From a record of settings to a command of the program, and from its words back to the record."""

import inspect
import math
import warnings
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field
from types import NoneType, UnionType
from typing import Annotated, Any, get_args, get_origin

import typer
from typer.core import TyperCommand

from birefcli.errors import UsageError
from birefcli.settings import (
    MODEL,
    RECORDS,
    Setting,
    SettingsFile,
    find_file,
    key_of,
    make,
    offered,
)

EXAMPLES = "Examples:"


@dataclass(frozen=True, kw_only=True)
class Command:
    """A command: what it asks, what it does with the answers, and how it is called."""

    record: type
    # Takes the record, and for `overrides` the values that were given by name; gives the exit code.
    action: Callable[..., int | None]
    examples: tuple[str, ...]
    name: str | None = None
    # A record whose own defaults do not hold here: only what is given of it is told.
    overrides: type | None = None
    # By field, the words an option takes, where a table of another room knows them.
    choices: Mapping[str, Callable[[], Iterable[str]]] = field(default_factory=dict)
    # Whether its words are another command line, whose options are not its own.
    takes_line: bool = False

    def add_to(self, app: typer.Typer) -> None:
        """Make it a command of an app."""
        command = self

        class Told(TyperCommand):
            """Fills in the choices when somebody asks for help, and not before."""

            def format_help(self, ctx: Any, formatter: Any) -> None:
                for parameter in self.params:
                    for one in command.settings:
                        if one.name == parameter.name:
                            parameter.help = command.help_of(one)  # type: ignore[attr-defined]
                super().format_help(ctx, formatter)

        line = {"ignore_unknown_options": True, "allow_interspersed_args": False}
        app.command(
            self.name,
            cls=Told,
            epilog=in_help(self.examples),
            context_settings=line if self.takes_line else None,
        )(self.function())

    def parser(self) -> Any:
        """Give its parser, by itself."""
        app = typer.Typer(add_completion=False)
        self.add_to(app)
        return typer.main.get_command(app)

    @property
    def settings(self) -> list[Setting]:
        """Everything it asks, in the order of its help."""
        return [*offered(self.record), *(offered(self.overrides) if self.overrides else ())]

    def help_of(self, one: Setting) -> str:
        """Give the help of an option with its choices in words."""
        if "{choices}" not in one.option.help:
            return one.option.help
        choices = self.choices.get(one.name) or one.option.choices
        assert choices is not None, one.name
        return one.option.help.replace("{choices}", ", ".join(_explained(choices())))

    def function(self) -> Callable[..., None]:
        """Give the function whose signature Typer reads."""

        def run(ctx: typer.Context, **words: Any) -> None:
            warnings.simplefilter("ignore")  # libraries' asides are no words for users
            if (file := self.file(words)) and not words["quiet"]:
                typer.echo(f"settings from {file.path}", err=True)
            code = self.action(*self.answers(ctx, words))
            if code is not None:
                raise typer.Exit(code)

        parameters = [
            inspect.Parameter("ctx", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context),
            *(_parameter(one, self.takes_file) for one in offered(self.record)),
            *(_parameter(one, True, is_unset=True) for one in self._overrides),
        ]
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__name__, run.__doc__ = self.action.__name__, self.action.__doc__
        return run

    @property
    def takes_file(self) -> bool:
        """Whether a file of settings may stand in for its defaults."""
        return self.record in RECORDS.values()

    def file(self, words: Mapping[str, Any]) -> SettingsFile | None:
        """Read the file of settings that holds for what was parsed, if there is one."""
        return find_file(words["config"]) if self.takes_file else None

    @property
    def _overrides(self) -> tuple[Setting, ...]:
        return offered(self.overrides) if self.overrides else ()

    def answers(self, ctx: typer.Context, words: Mapping[str, Any]) -> tuple[Any, ...]:
        """Give the arguments of the command's action, from what was parsed."""
        given = frozenset(name for name in words if is_given(ctx, name))
        values = {one.name: read(one, words[one.name]) for one in offered(self.record)}
        if file := self.file(words):
            told = file.values_for(self.record)
            values |= {name: told[name] for name in told if name not in given}
            # A file that came with the pictures must not make the program download anything.
            values["model_is_named"] = MODEL not in told or MODEL in given
            self.check_file(file, told, given)
        self._check(offered(self.record), values)
        settings: Any = make(self.record, {**values, "given": given})
        if self.overrides is None:
            return (settings,)
        own = {one.name: read(one, words[one.name]) for one in self._overrides if one.name in given}
        self._check(self._overrides, own)
        return settings, own

    def check_file(
        self, file: SettingsFile, told: Mapping[str, Any], given: Collection[str]
    ) -> None:
        """Raise UsageError where a file has a name that no table knows."""
        for one in offered(self.record):
            if one.name in self.choices and one.name in told and one.name not in given:
                try:
                    checked(one, told[one.name], self.choices[one.name])
                except typer.BadParameter as error:
                    raise UsageError(f"{file.path}: {key_of(one)}: {error.message}") from None

    def _check(self, settings: Iterable[Setting], values: dict[str, Any]) -> None:
        """Write names as their tables do; one that no table has is a usage error."""
        for one in settings:
            if one.name in self.choices and one.name in values:
                values[one.name] = checked(one, values[one.name], self.choices[one.name])


def _explained(choices: Iterable[str]) -> Iterable[str]:
    """Give names for the help, with what they are where a table says so."""
    if not isinstance(choices, Mapping):
        return choices
    return (f"{name} ({what})" if what else name for name, what in choices.items())


def in_help(examples: Iterable[str]) -> str:
    """Give the lines below a command's help."""
    return "\n\n".join((EXAMPLES, *examples))


def command(record: type, *, examples: Sequence[str], **more: Any) -> Callable[..., Command]:
    """Make a command of a function that takes a record of settings; see `Command`."""

    def made(action: Callable[..., int | None]) -> Command:
        return Command(record=record, action=action, examples=tuple(examples), **more)

    return made


def read(one: Setting, words: Any) -> Any:
    """Turn what Typer read into a setting's value."""
    if words is None or words == ():
        # Nothing was said: of several values that is none of them.
        return () if _is_tuple(one.kind) and one.default is not None else None
    if isinstance(words, float) and math.isnan(words):
        raise typer.BadParameter("nan is no number", param_hint=one.flag)
    is_several = isinstance(words, (list, tuple))
    if one.option.words is None:
        return tuple(words) if is_several else words
    try:
        return one.option.words.read(",".join(words) if is_several else words)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=one.flag) from None


def checked(one: Setting, value: Any, known: Callable[[], Iterable[str]]) -> Any:
    """Give a value of names, each as its table writes it; an unknown one is a usage error."""
    words = one.option.words
    if words is None or words.check is None or value is None:
        return value
    try:
        return words.check(value, known())
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=one.flag) from None


def is_given(ctx: typer.Context, name: str) -> bool:
    """Tell whether an option stood on the command line."""
    source = ctx.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _parameter(one: Setting, has_file: bool, *, is_unset: bool = False) -> inspect.Parameter:
    """Give the parameter that Typer reads an option from; an unset one has no default.

    `has_file` says that a file may have set it.
    """
    about, kind = one.option, _typer_kind(one)
    default = None if is_unset else _typer_default(one)
    info: Any
    if about.is_argument:
        info = typer.Argument(help=about.help, metavar=about.metavar)
    else:
        info = typer.Option(
            *_names(one, has_file),
            help=about.help,
            metavar=about.metavar or (about.words.metavar if about.words else None),
            min=about.min,
            max=about.max,
            rich_help_panel=about.panel,
            show_default=default is not False,
        )
    is_optional = default is None and NoneType not in get_args(kind)
    return inspect.Parameter(
        one.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=inspect.Parameter.empty if default is MISSING else default,
        annotation=Annotated[kind | None if is_optional else kind, info],
    )


def _names(one: Setting, has_file: bool) -> tuple[str, ...]:
    """Give an option's names; what a file may switch on, the command line may switch off."""
    if one.kind is not bool or one.option.names:
        return one.names
    has_no = one.default or (has_file and not one.option.is_of_run)
    return (f"{one.flag}/--no-{one.flag[2:]}",) if has_no else one.names


def _typer_kind(one: Setting) -> Any:
    """Give the type that Typer reads."""
    if one.option.words is not None:
        return list[str] if one.option.words.is_repeated else str
    return list[get_args(one.kind)[0]] if _is_tuple(one.kind) else one.kind  # type: ignore[misc]


def _typer_default(one: Setting) -> Any:
    """Give the default as Typer would read it."""
    if one.default in ((), None):
        return None
    if one.option.words is None or one.default is MISSING:
        return one.default
    text = one.option.words.show(one.default)
    return [text] if one.option.words.is_repeated else text


def _is_tuple(kind: Any) -> bool:
    kinds = get_args(kind) if isinstance(kind, UnionType) else (kind,)
    return any(get_origin(one) is tuple for one in kinds)
