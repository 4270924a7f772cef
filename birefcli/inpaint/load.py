"""From the table of inpainters to an inpainter that is ready to fill."""

from collections.abc import Callable
from pathlib import Path
from pkgutil import resolve_name

from birefcli.errors import UsageError
from birefcli.inpaint.protocol import Inpainter, RecordsWeights
from birefcli.inpaint.table import INPAINTERS, HoleGround, InpainterEntry, inpainter_names

# Gives the network of a name, of this file or of where its file is looked for.
LoadNetwork = Callable[[str, Path | None], object]


def find_inpainter(name: str, load_network: LoadNetwork) -> Inpainter:
    """Return the inpainter that `--inpaint NAME` asks for.

    `load_network` is called only for an entry that needs a network, which alone may be given as
    `NAME:FILE`. Raise UsageError for an unknown name, and whatever `load_network` raises.
    """
    word, colon, file = name.partition(":")
    entry = _find_entry(word)
    if entry is None or (colon and entry.network is None):
        known = ", ".join(inpainter_names())
        raise UsageError(f"no inpainter is called {name!r}; --inpaint takes {known}")
    load: Callable[..., Inpainter] = resolve_name(entry.load)
    if entry.network is None:
        return load()
    return load(load_network(entry.network, Path(file).expanduser() if file else None))


def fillers_for(ground: HoleGround) -> tuple[Inpainter, ...]:
    """Return what `auto` tries on a ground, in the order of the table."""
    return tuple(resolve_name(entry.auto[ground])() for entry in INPAINTERS if ground in entry.auto)


def provenance_of(inpainter: Inpainter) -> dict[str, str | None]:
    """Return what the manifest records of an inpainter's weights.

    It has every key of the table, with None where the inpainter has no such weights.
    """
    told = inpainter.provenance if isinstance(inpainter, RecordsWeights) else {}
    return {key: told.get(key) for entry in INPAINTERS for key in entry.provenance}


def _find_entry(name: str) -> InpainterEntry | None:
    return next((entry for entry in INPAINTERS if entry.name == name), None)
