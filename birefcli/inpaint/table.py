"""Every inpainter by name: what it does, what loads it, and what it needs.

A new inpainter is one file and one entry here; `--inpaint`, its help, `auto` and the manifest read
this table. Importing it loads nothing heavy: code is named as "module:name".
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class HoleGround(StrEnum):
    """What surrounds a hole, as far as `auto` tells it apart."""

    TEXTURED = "textured"
    SMOOTH = "smooth"  # grain and slow changes of light
    DRAWN = "drawn"  # pixel art and flat graphics, which only copies keep clean


@dataclass(frozen=True, kw_only=True)
class InpainterEntry:
    """What the program knows of an inpainter before it is loaded."""

    name: str
    description: str  # a few words for the help
    # Gives the inpainter; it is called with nothing, or with the network where one is needed.
    load: str
    # The network whose weights it needs. They are looked for on this machine and never downloaded
    # unasked; `NAME:FILE` gives the file.
    network: str | None = None
    # What the manifest records of its weights: the keys of the inpainter's own `provenance`.
    provenance: tuple[str, ...] = ()
    # The grounds on which `auto` tries it, and what gives it its filler there.
    auto: Mapping[HoleGround, str] = field(default_factory=dict)


_LAMA = "birefcli.inpaint.lama:Lama.from_network"

INPAINTERS = (
    InpainterEntry(
        name="auto",
        description="what does best on test holes",
        load="birefcli.inpaint.choose:AutoInpainter",
    ),
    InpainterEntry(
        name="patchmatch",
        description="agreeing patches, for photos",
        load="birefcli.inpaint.patchmatch:PatchMatch",
        auto={
            HoleGround.TEXTURED: "birefcli.inpaint.patchmatch:PatchMatch",
            HoleGround.DRAWN: "birefcli.inpaint.patchmatch:copy_only",
        },
    ),
    InpainterEntry(
        name="exemplar",
        description="patches, strong edges first",
        load="birefcli.inpaint.exemplar:Exemplar",
    ),
    InpainterEntry(
        name="membrane",
        description="smooth",
        load="birefcli.inpaint.membrane:Membrane",
        auto={HoleGround.SMOOTH: "birefcli.inpaint.membrane:Membrane"},
    ),
    InpainterEntry(
        name="palette",
        description="smooth, in the colours around",
        load="birefcli.inpaint.membrane:PaletteFill",
    ),
    InpainterEntry(
        name="ns",
        description="Navier-Stokes, for scratches",
        load="birefcli.inpaint.navier:NavierStokes",
    ),
    InpainterEntry(
        name="lama",
        description="the LaMa network, see `models pull lama`",
        load=_LAMA,
        network="lama",
        provenance=("lama_sha256",),
    ),
    InpainterEntry(
        name="anime-lama",
        description="LaMa for drawings, from your file",
        load=_LAMA,
        network="anime-lama",
        provenance=("lama_sha256",),
    ),
    InpainterEntry(
        name="auto+lama",
        description="auto, with LaMa among the candidates",
        load="birefcli.inpaint.choose:auto_with_network",
        network="lama",
        provenance=("lama_sha256",),
    ),
)


def inpainter_names() -> tuple[str, ...]:
    """Return the words that `--inpaint` takes, in the order in which the help tells them."""
    return tuple(entry.name for entry in INPAINTERS)
