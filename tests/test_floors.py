"""The shape of the house: imports point down, files are short, and nothing is left for later."""

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import birefcli

HOUSE = Path(birefcli.__file__).parent
LONGEST = 400  # lines of a file


@dataclass(frozen=True)
class Floor:
    """Some rooms, which are modules or folders of them, and the packages they may import."""

    name: str
    rooms: str
    packages: str = ""


FLOORS = (
    Floor(
        "words",
        "__init__ errors settings trainsettings peelsettings evalpeelsettings benchsettings"
        " variants",
    ),
    Floor(
        "arrays",
        "arrays imagefile decode matte pixelart foreground metrics gallery grounds scene compose"
        " displays things cutout suites topmost samples stackscores",
        "numpy cv2 PIL scipy skimage",
    ),
    Floor("network", "net", "numpy cv2 PIL torch timm safetensors"),
    Floor(
        "backends",
        "hub modelcache modelpull modelstore modelimport segmenter sight inpaint depth",
        "huggingface_hub numpy cv2 torch transformers simple_lama_inpainting",
    ),
    Floor(
        "walks",
        "inputs naming plan journal report executor cut cases evaluate doctor synth peel layers"
        " peelways evalpeel bench",
        "numpy cv2 PIL scipy",
    ),
    Floor("data sets", "dataset", "numpy cv2 PIL"),
    Floor("training", "train", "numpy PIL torch accelerate"),
    Floor("command line", "cli __main__", "typer rich"),
)


@dataclass(frozen=True)
class Module:
    """A file of the package, read."""

    name: str
    path: Path

    @property
    def room(self) -> str:
        """The part of its name that the floors know it by."""
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


def floor_of(module: Module) -> int:
    """How high a module lives; one that is in no room has no floor."""
    return next(i for i, floor in enumerate(FLOORS) if module.room in floor.rooms.split())


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


each = pytest.mark.parametrize("module", modules().values(), ids=modules())


def test_every_module_has_one_floor_and_every_room_a_module() -> None:
    rooms = [room for floor in FLOORS for room in floor.rooms.split()]
    assert len(rooms) == len(set(rooms))
    assert {module.room for module in modules().values()} == set(rooms)


@each
def test_imports_point_down(module: Module) -> None:
    upwards = [other.name for other in own(module) if floor_of(other) > floor_of(module)]
    assert upwards == []


@each
def test_packages_stay_on_their_floors(module: Module) -> None:
    packages = {name.partition(".")[0] for name in module.imports}
    packages -= {"birefcli", *sys.stdlib_module_names}
    assert packages <= set(FLOORS[floor_of(module)].packages.split())


def test_imports_make_no_circle() -> None:
    graph = {name: {other.name for other in own(module)} for name, module in modules().items()}
    TopologicalSorter(graph).prepare()


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
