"""The shape of the house: imports point down, files are short, and nothing is left for later."""

import ast
import importlib
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import birefcli
from birefcli.lazy_imports import listed_names

HOUSE = Path(birefcli.__file__).parent
LONGEST = 400  # lines of a file
MOST_ARROWS = 89  # between rooms
LONGEST_CHAIN = 9  # of rooms that import one another
# The lowest first. A room imports from its own floor and from those below it.
FLOORS = (
    "errors lazy_imports version",
    "settings",
    "image",
    "matte net",
    "models inpaint scenes metrics stack",
    "peeling",
    "batch train",
    "workflows",
    "library cli",
    "__init__ __main__",
)
# What a room, or a room inside it, may import that others wrote.
PACKAGES = {
    "image": "PIL cv2 numpy",
    "matte": "PIL cv2 numpy",
    "net": "PIL cv2 numpy safetensors timm torch",
    "models": "cv2 huggingface_hub numpy simple_lama_inpainting torch transformers",
    "inpaint": "cv2 numpy",
    "scenes": "PIL cv2 numpy",
    "metrics": "cv2 numpy scipy skimage",
    "metrics.stacks": "cv2 numpy",
    "stack": "PIL cv2 numpy",
    "peeling": "cv2 numpy",
    "train": "accelerate numpy torch",
    "train.data": "PIL numpy",
    "workflows": "cv2 numpy",
    "library": "PIL numpy",
    "cli": "rich typer",
}


@dataclass(frozen=True)
class Module:
    """A file of the package, read."""

    name: str
    path: Path

    @property
    def room(self) -> str:
        """The folder it lies in, or its own name where it lies in none."""
        return [*self.name.split("."), "__init__"][1]

    @property
    def text(self) -> str:
        """What it says."""
        return self.path.read_text(encoding="utf-8")

    @property
    def imports(self) -> set[str]:
        """Every module it imports, at the top or inside a function."""
        return set(_imports(ast.parse(self.text)))


@cache
def modules() -> dict[str, Module]:
    found = {}
    for path in sorted(HOUSE.rglob("*.py")):
        name = ".".join(path.relative_to(HOUSE.parent).with_suffix("").parts)
        name = name.removesuffix(".__init__")
        found[name] = Module(name, path)
    return found


def floor_of(room: str) -> int:
    """How high a room lies."""
    return next(i for i, rooms in enumerate(FLOORS) if room in rooms.split())


def packages_of(module: Module) -> set[str]:
    """The packages a module may import: those of the innermost room that has a say."""
    inner = module.name.removeprefix("birefcli.")
    while inner not in PACKAGES and "." in inner:
        inner = inner.rpartition(".")[0]
    return set(PACKAGES.get(inner, "").split())


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module, "imports name the whole module"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in modules() else node.module


def own(module: Module) -> list[Module]:
    """The modules of ours that a module imports."""
    return [modules()[name] for name in sorted(module.imports) if name.startswith("birefcli")]


def doors() -> dict[str, Module]:
    """The rooms that are folders, by the `__init__` that lists what other rooms may use."""
    return {
        name: module
        for name, module in modules().items()
        if name.count(".") == 1 and module.path.name == "__init__.py"
    }


def offered(name: str) -> set[str]:
    """What a room offers: the names its door lists, and what the door itself defines."""
    assigned = [
        node for node in ast.parse(modules()[name].text).body if isinstance(node, ast.Assign)
    ]
    targets = [target for node in assigned for target in node.targets]
    return {*listed_names(name), *(one.id for one in targets if isinstance(one, ast.Name))}


each = pytest.mark.parametrize("module", modules().values(), ids=modules())


def arrows() -> dict[str, set[str]]:
    """The rooms that each room imports from."""
    found: dict[str, set[str]] = {module.room: set() for module in modules().values()}
    for module in modules().values():
        found[module.room] |= {other.room for other in own(module) if other.room != module.room}
    return found


def test_every_room_has_one_floor_and_every_floor_its_rooms() -> None:
    rooms = [room for floor in FLOORS for room in floor.split()]
    assert len(rooms) == len(set(rooms))
    assert {module.room for module in modules().values()} == set(rooms)


@each
def test_imports_point_down(module: Module) -> None:
    upwards = [other.name for other in own(module) if floor_of(other.room) > floor_of(module.room)]
    assert upwards == []


@each
def test_nobody_imports_past_the_door_of_another_room(module: Module) -> None:
    """Other rooms use what a room's `__init__` lists, by its name there."""
    past = [
        f"{node.module} {alias.name}"
        for node in ast.walk(ast.parse(module.text))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("birefcli.")
        for alias in node.names
        for room in [str(node.module).split(".")[1]]
        if room != module.room and f"birefcli.{room}" in doors()
        if node.module != f"birefcli.{room}" or alias.name not in offered(f"birefcli.{room}")
    ]
    assert past == []


@pytest.mark.parametrize("name", doors())
def test_a_door_lists_what_is_there_and_used(name: str) -> None:
    room = importlib.import_module(name)
    listed = listed_names(name)
    assert all(getattr(room, one) is not None for one in listed)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        room.nothing  # noqa: B018
    # A name that is also a file of the room would be the file as soon as it is loaded.
    files = {path.stem for path in Path(str(room.__file__)).parent.iterdir()}
    assert files & set(listed) == set()
    used = {
        alias.name
        for module in modules().values()
        if module.room != name.removeprefix("birefcli.")
        for node in ast.walk(ast.parse(module.text))
        if isinstance(node, ast.ImportFrom) and node.module == name
        for alias in node.names
    }
    assert set(listed) <= used


def test_no_workflow_imports_another() -> None:
    walks = ["bench", "cut", "doctor", "edit_stack", "evaluate", "evaluate_stacks", "peel", "synth"]
    names = {f"birefcli.workflows.{walk}" for walk in walks}
    for name in names:
        assert modules()[name].imports & names == set(), name


@each
def test_packages_stay_in_their_rooms(module: Module) -> None:
    packages = {name.partition(".")[0] for name in module.imports}
    assert packages - {"birefcli", *sys.stdlib_module_names} <= packages_of(module)


def test_imports_make_no_circle() -> None:
    graph = {name: {other.name for other in own(module)} for name, module in modules().items()}
    TopologicalSorter(graph).prepare()


def test_rooms_make_no_circle() -> None:
    TopologicalSorter(arrows()).prepare()


def test_few_arrows_lead_from_room_to_room() -> None:
    # How a door opens and what the version is are no rooms.
    plumbing = {"lazy_imports", "version"}
    assert sum(len(below - plumbing) for below in arrows().values()) <= MOST_ARROWS


def test_no_chain_of_rooms_is_long() -> None:
    below = arrows()
    lengths: dict[str, int] = {}
    for room in TopologicalSorter(below).static_order():
        lengths[room] = 1 + max((lengths[other] for other in below[room]), default=0)
    assert max(lengths.values()) <= LONGEST_CHAIN


@each
def test_a_file_is_short_enough_for_one_sitting(module: Module) -> None:
    assert len(module.text.splitlines()) <= LONGEST


@each
def test_a_file_opens_with_a_sentence(module: Module) -> None:
    opening = ast.get_docstring(ast.parse(module.text)) or ""
    assert re.match(r"\S.*[.:]$", opening.partition("\n\n")[0], re.DOTALL)


@each
def test_nothing_is_left_for_later(module: Module) -> None:
    later = r"\b(TODO|FIXME|XXX|HACK)\b|(?i:not (yet )?implemented|NotImplemented|coming soon)"
    assert re.search(later, module.text) is None


def test_no_two_types_share_a_name() -> None:
    """A public class, or another name for a type, is called so in one place only."""
    homes: dict[str, list[str]] = {}
    for module in modules().values():
        for name in _types(ast.parse(module.text)):
            homes.setdefault(name, []).append(module.name)
    assert {name: places for name, places in homes.items() if len(places) > 1} == {}


def _types(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            name = node.name
        elif isinstance(node, ast.AnnAssign):
            is_alias = isinstance(node.annotation, ast.Name) and node.annotation.id == "TypeAlias"
            name = ast.unparse(node.target) if is_alias else ""
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Subscript | ast.BinOp):
            # Such as Say = Callable[[str], None]; type variables are no types.
            name = ast.unparse(node.targets[0])
        else:
            continue
        if re.fullmatch(r"[A-Z]\w*[a-z]\w*", name):
            yield name
