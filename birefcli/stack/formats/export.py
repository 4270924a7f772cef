"""A stack on its way into files: everything that a format may write."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np

from birefcli.image import Rgba, encode
from birefcli.stack.trimmed_layers import TrimmedLayer, trim_layers
from birefcli.stack.types import SourceRecord, Stack


@dataclass(frozen=True, eq=False)
class StackExport:
    """A stack, and what is made once for all formats."""

    stack: Stack
    picture: Rgba  # (H, W, 4), what the stack was peeled from and composes to
    source: SourceRecord
    manifest: bytes
    layers: tuple[TrimmedLayer, ...]  # the background first
    layer_files: Mapping[str, bytes]  # the png of each layer by its name in the stack's folder

    @property
    def name(self) -> str:
        """How files are called that bear the picture's name."""
        return PurePosixPath(self.source.file).stem if self.source.file != "-" else "stdin"


def prepare_export(
    stack: Stack,
    picture: Rgba,
    source: SourceRecord,
    manifest: bytes,
    layers: tuple[TrimmedLayer, ...] | None = None,
) -> StackExport:
    """Encode the layers of a stack, so that it can be written in any format."""
    layers = trim_layers(stack) if layers is None else layers
    files = {layer.file: encode_png(layer.rgba, source) for layer in layers}
    return StackExport(stack, picture, source, manifest, layers, files)


def encode_png(pixels: np.ndarray, source: SourceRecord) -> bytes:
    """Encode uint8 (H, W, 4) or (H, W, 3) with the colour profile of the peeled picture."""
    return encode(np.ascontiguousarray(pixels), "png", icc=source.icc, dpi=source.dpi)
