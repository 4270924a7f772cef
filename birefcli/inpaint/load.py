"""From a name to an inpainter that is ready to fill."""

from collections.abc import Callable
from pathlib import Path

from birefcli.errors import UsageError
from birefcli.inpaint.choose import AutoInpainter
from birefcli.inpaint.exemplar import Exemplar
from birefcli.inpaint.lama import Lama
from birefcli.inpaint.membrane import Membrane, PaletteFill
from birefcli.inpaint.navier import NavierStokes
from birefcli.inpaint.patchmatch import PatchMatch
from birefcli.inpaint.protocol import Inpainter

NETWORKS = ("lama", "anime-lama")
NAMES = ("auto", "patchmatch", "exemplar", "membrane", "palette", "ns", *NETWORKS, "auto+lama")


# Gives the network of a name, of this file or of where its file is looked for.
LoadNetwork = Callable[[str, Path | None], Lama]


def find_inpainter(name: str, load_network: LoadNetwork) -> Inpainter:
    """Give the inpainter called `name`; `load_network` is asked only for a network.

    `lama:FILE` and `anime-lama:FILE` name the network's file. Raise UsageError for an unknown name.
    """
    plain: tuple[Inpainter, ...]
    plain = AutoInpainter(), PatchMatch(), Exemplar(), Membrane(), PaletteFill(), NavierStokes()
    for inpainter in plain:
        if inpainter.name == name:
            return inpainter
    network, _, file = name.partition(":")
    if network not in (*NETWORKS, "auto+lama"):
        raise UsageError(f"no inpainter is called {name!r}; --inpaint takes {', '.join(NAMES)}")
    path = Path(file).expanduser() if file else None
    lama = load_network(network.removeprefix("auto+"), path)
    return AutoInpainter(slow=lama) if network.startswith("auto+") else lama
