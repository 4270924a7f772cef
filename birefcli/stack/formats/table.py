"""Every format of a stack by name: which files it writes, with what, and what reads them back.

A new format is one file and one entry here; `--format`, its help, `--verify` and whatever has to
know a stack's files read this table. Importing it loads nothing heavy: code is named as
"module:name".
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from birefcli.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class StackFormat:
    """What the program knows of a format before its code is loaded."""

    name: str
    description: str  # a few words for the help
    # What it writes, relative to the stack's folder; {picture} stands for the name of the peeled
    # picture without its suffix, {layer} for that of each layer, such as 02_object.
    files: tuple[str, ...]
    write: str  # takes a StackExport, gives the bytes of each file by its name
    # Takes the bytes of its files by their names, and gives the background and the layers, each
    # uint8 (H, W, 4) at the picture's size, bottom first; None where the files hold no exact stack.
    read: str | None = None
    is_always_written: bool = False

    def wrote(self, name: str) -> bool:
        """Whether a file of a stack, relative to its folder, is one of this format."""
        return any(re.fullmatch(_pattern(file), name) for file in self.files)


FORMATS = (
    StackFormat(
        name="png",
        description="the layers and the manifest",
        files=("layers/{layer}.png", "hallucinated.png", "manifest.json"),
        write="birefcli.stack.formats.png:write_png",
        read="birefcli.stack.formats.png:read_png",
        is_always_written=True,
    ),
    StackFormat(
        name="ora",
        description="OpenRaster, for Krita and GIMP",
        files=("{picture}.ora",),
        write="birefcli.stack.formats.ora:write_ora",
        read="birefcli.stack.formats.ora:read_ora",
    ),
    StackFormat(
        name="psd",
        description="Photoshop, a .psb if large",
        files=("{picture}.psd", "{picture}.psb"),
        write="birefcli.stack.formats.psd:write_psd",
        read="birefcli.stack.formats.psd_read:read_psd",
    ),
    StackFormat(
        name="preview",
        description="a WebP in which the layers sway",
        files=("preview.webp",),
        write="birefcli.stack.formats.preview:write_preview",
    ),
    StackFormat(
        name="ase",
        description="Aseprite",
        files=("{picture}.aseprite",),
        write="birefcli.stack.formats.ase:write_ase",
    ),
    StackFormat(
        name="sheet",
        description="a sprite sheet and its JSON",
        files=("sheet.png", "sheet.json"),
        write="birefcli.stack.formats.sheet:write_sheet",
    ),
    StackFormat(
        name="svg",
        description="the layers in one SVG",
        files=("{picture}.svg",),
        write="birefcli.stack.formats.svg:write_svg",
    ),
    StackFormat(
        name="full",
        description="the layers at the picture's size",
        files=("full/{layer}.png",),
        write="birefcli.stack.formats.png:write_full",
    ),
    StackFormat(
        name="bottoms",
        description="what each layer lay on",
        files=("bottoms/{layer}.png",),
        write="birefcli.stack.formats.png:write_bottoms",
    ),
)


def format_names() -> tuple[str, ...]:
    """Return the words that `--format` takes, in the order in which files are written."""
    return tuple(format.name for format in FORMATS)


def find_formats(names: Collection[str]) -> tuple[StackFormat, ...]:
    """Return the formats of some names and those always written, in the order of the table.

    Raise UsageError for a name that is not in it.
    """
    for name in names:
        if name not in format_names():
            raise UsageError(f"{name!r} is not one of {', '.join(format_names())}")
    return tuple(one for one in FORMATS if one.is_always_written or one.name in names)


def files_per_layer(layers: Iterable[str]) -> set[str]:
    """Return the names of all files that any format writes for layers of these names."""
    patterns = [file for format in FORMATS for file in format.files if "{layer}" in file]
    return {pattern.format(layer=layer) for layer in layers for pattern in patterns}


def fixed_names() -> frozenset[str]:
    """Return the names of the files that are called the same in every stack's folder."""
    names = (file for format in FORMATS for file in format.files)
    return frozenset(name for name in names if "{" not in name)


def folder_names() -> frozenset[str]:
    """Return the names of the folders in a stack's folder."""
    names = (file for format in FORMATS for file in format.files)
    return frozenset(name.partition("/")[0] for name in names if "/" in name)


def _pattern(file: str) -> str:
    """Return a regular expression for the names that a file's pattern stands for."""
    return "".join(
        "[^/]+" if part.startswith("{") else re.escape(part)
        for part in re.split(r"(\{\w+\})", file)
    )
