"""What an option says and takes, told at the setting it sets."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass, replace
from enum import StrEnum
from typing import Any, TypeVar, get_type_hints

from birefcli.settings.words import Words

T = TypeVar("T")
R = TypeVar("R")

REQUIRED: Any = MISSING  # the default of a setting that must be given
_ABOUT = "option"


class Panel(StrEnum):
    """The parts of a command's help, in their order."""

    INPUT = "Input"
    OUTPUT = "Output"
    MATTE = "Matte"
    PIXELS = "Colour and frame"
    PEEL = "Peel"
    HAND = "By hand"
    SCENES = "Scenes"
    SCORES = "Scores"
    DATA = "Data"
    RECIPE = "Recipe"
    LENGTH = "Length"
    NETWORK = "Network"
    MODEL = "Model"
    RUN = "Run"


@dataclass(frozen=True, kw_only=True)
class Option:
    """What people and the parser are told of a setting."""

    # One sentence; {choices} in it stands for the words that `choices` gives.
    help: str
    panel: Panel | None = None
    # Without names an option is called as its field is: --like-this.
    names: tuple[str, ...] = ()
    metavar: str | None = None
    min: float | None = None
    max: float | None = None
    # How the words of the command line become a value that is no single number, word or path.
    words: Words[Any] | None = None
    # Asked only when help is shown or a value is checked.
    choices: Callable[[], Iterable[str]] | None = None
    is_argument: bool = False
    # Whether the command line knows it; other settings are told for readers of the code.
    is_offered: bool = True
    # Whether it is about one run, so that no file of settings may set it.
    is_of_run: bool = False
    # Whether a result's bytes may depend on it, and its key in digests and manifests.
    changes_bytes: bool = False
    key: str | None = None
    # Whether it came after the first release, so that digests leave it out at its default.
    is_new: bool = False
    # Whether the order of its words says nothing.
    is_set: bool = False


@dataclass(frozen=True)
class Setting:
    """A field of a record: its type, its default, and what is told of it."""

    name: str
    kind: Any
    default: Any
    option: Option
    # The names of the records inside the record that lead to it.
    path: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """What it is called on the command line."""
        return self.option.names or (self.flag,)

    @property
    def flag(self) -> str:
        """The name by which messages call it."""
        names = self.option.names or ("--" + self.name.replace("_", "-"),)
        return next((name for name in names if name.startswith("--")), names[0]).partition("/")[0]

    @property
    def key(self) -> str:
        """Its name in digests and manifests."""
        return self.option.key or self.name


def option(default: T, help: str, **about: Any) -> T:
    """Declare a setting of a record: its default, its help, and the other fields of `Option`."""
    told: Any = field(default=default, metadata={_ABOUT: Option(help=help, **about)})
    return told  # type: ignore[no-any-return]


def tuning(default: T, words: str) -> T:
    """Declare a number that decides a result's bytes and that no option sets."""
    return option(default, words, is_offered=False, changes_bytes=True)


def borrowed(record: type, name: str, **about: Any) -> Any:
    """Declare the same option as another record does, with another default where one is given."""
    (one,) = (one for one in fields(record) if one.name == name)
    default = about.pop("default", one.default)
    return field(default=default, metadata={_ABOUT: replace(one.metadata[_ABOUT], **about)})


def settings_of(record: type) -> tuple[Setting, ...]:
    """List the declared settings of a record and of the records inside it."""
    return tuple(_settings(record, ()))


def offered(record: type) -> tuple[Setting, ...]:
    """List the settings that the command line knows, panel by panel."""
    order = [None, *Panel]
    found = [one for one in settings_of(record) if one.option.is_offered]
    return tuple(sorted(found, key=lambda one: order.index(one.option.panel)))


def _settings(record: type, path: tuple[str, ...]) -> Iterator[Setting]:
    hints = get_type_hints(record)
    for one in fields(record):
        kind = hints[one.name]
        if is_dataclass(kind) and isinstance(kind, type):
            yield from _settings(kind, (*path, one.name))
        elif _ABOUT in one.metadata:
            yield Setting(one.name, kind, one.default, one.metadata[_ABOUT], path)


def make(record: type[R], values: Mapping[str, Any]) -> R:
    """Build a record, and those inside it, from values by the names of their fields."""
    hints = get_type_hints(record)
    own: dict[str, Any] = {}
    one: Field[Any]
    for one in fields(record):  # type: ignore[arg-type]
        if is_dataclass(hints[one.name]):
            own[one.name] = make(hints[one.name], values)
        elif one.name in values:
            own[one.name] = values[one.name]
    return record(**own)


def value_of(settings: object, one: Setting) -> Any:
    """Give the value a record has for a setting of its own or of a record inside it."""
    for name in one.path:
        settings = getattr(settings, name)
    return getattr(settings, one.name)
