"""Room doors that load a name's module only when the name is first asked for."""

import ast
import importlib
import importlib.util
from collections.abc import Callable
from typing import Any


def lazy_imports(package: str) -> Callable[[str], Any]:
    """Give a module `__getattr__` (PEP 562) for the names that a package's `__init__` lists.

    The list is what stands under `if TYPE_CHECKING:` there, so it is written once, for readers,
    type checkers and this. A name that is not listed is an AttributeError.
    """
    listed: dict[str, tuple[str, str]] = {}

    def load(name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        if not listed:
            listed.update(listed_names(package))
        try:
            module, original = listed[name]
        except KeyError:
            raise AttributeError(f"module {package!r} has no attribute {name!r}") from None
        return getattr(importlib.import_module(module), original)

    return load


def listed_names(package: str) -> dict[str, tuple[str, str]]:
    """Give the names a package's `__init__` lists, each with its module and its name there."""
    loader = getattr(importlib.util.find_spec(package), "loader", None)
    source = loader.get_source(package) if loader is not None else ""
    return {
        alias.asname or alias.name: (node.module or "", alias.name)
        for block in ast.parse(source or "").body
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
