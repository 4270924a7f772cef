"""From the word of --inpaint to an inpainter that is ready to fill."""

from pathlib import Path

from birefcli.inpaint.lama import Lama
from birefcli.inpaint.load import find_inpainter
from birefcli.inpaint.protocol import Inpainter
from birefcli.models.lama import load_lama


def load_inpainter(name: str, *, trust: bool = False, device: str = "auto") -> Inpainter:
    """Give the inpainter called `name`; nothing is downloaded.

    `lama:FILE` and `anime-lama:FILE` name the network's file; `trust` lets a file run that is not
    in our table. Raise UsageError for an unknown name, WeightsError where a network's file is
    missing or unknown, DeviceError where a device or a package is.
    """

    def load_network(name: str, file: Path | None) -> Lama:
        network = load_lama(name, file, trust=trust, device=device)
        return Lama(network.run, network.longest, network.sha256, name)

    return find_inpainter(name, load_network)
