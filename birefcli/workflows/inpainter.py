"""From the word of --inpaint to an inpainter that is ready to fill."""

from pathlib import Path

from birefcli.inpaint import Inpainter, find_inpainter
from birefcli.models import LamaNetwork, load_lama


def load_inpainter(name: str, *, trust: bool = False, device: str = "auto") -> Inpainter:
    """Return the inpainter called `name`; nothing is downloaded.

    `NAME:FILE` names a network's file; `trust` lets a file run that is not in our table. Raise
    UsageError for an unknown name, WeightsError where a network's file is missing or unknown,
    DeviceError where a device or a package is.
    """

    def load_network(name: str, file: Path | None) -> LamaNetwork:
        return load_lama(name, file, trust=trust, device=device)

    return find_inpainter(name, load_network)
