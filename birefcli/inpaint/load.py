"""From a name to an inpainter that is ready to fill."""

from pathlib import Path

from birefcli.errors import UsageError
from birefcli.inpaint.choose import AutoInpainter
from birefcli.inpaint.exemplar import Exemplar
from birefcli.inpaint.membrane import Membrane, PaletteFill
from birefcli.inpaint.navier import NavierStokes
from birefcli.inpaint.patchmatch import PatchMatch
from birefcli.inpaint.protocol import Inpainter

NETWORKS = ("lama", "anime-lama")
NAMES = ("auto", "patchmatch", "exemplar", "membrane", "palette", "ns", *NETWORKS, "auto+lama")


def load_inpainter(name: str, *, trust: bool = False, device: str = "auto") -> Inpainter:
    """Give the inpainter called `name`; nothing is downloaded.

    `lama:FILE` and `anime-lama:FILE` name the network's file; `trust` lets a file run that is not
    in our table. Raise UsageError for an unknown name, WeightsError where a network's file is
    missing or unknown, DeviceError where a device or a package is.
    """
    plain: tuple[Inpainter, ...]
    plain = AutoInpainter(), PatchMatch(), Exemplar(), Membrane(), PaletteFill(), NavierStokes()
    for inpainter in plain:
        if inpainter.name == name:
            return inpainter
    network, _, file = name.partition(":")
    if network not in (*NETWORKS, "auto+lama"):
        raise UsageError(f"no inpainter is called {name!r}; --inpaint takes {', '.join(NAMES)}")
    from birefcli.inpaint.lama import load_lama

    path = Path(file).expanduser() if file else None
    lama = load_lama(network.removeprefix("auto+"), path, trust=trust, device=device)
    return AutoInpainter(slow=lama) if network.startswith("auto+") else lama
