"""The files of a stack's folder: layers and manifest always, other formats as asked."""

from collections.abc import Callable, Collection
from pathlib import PurePosixPath
from pkgutil import resolve_name

from birefcli.image import Rgba
from birefcli.stack.formats.explain import explain
from birefcli.stack.formats.export import StackExport, prepare_export
from birefcli.stack.formats.table import files_per_layer, find_formats
from birefcli.stack.manifest import FILE, MASK_FILE, Manifest, write_manifest
from birefcli.stack.trimmed_layers import trim_layers
from birefcli.stack.types import Difference, EngineRecord, SourceRecord, Stack


def stack_files(
    stack: Stack,
    picture: Rgba,
    source: SourceRecord,
    engine: EngineRecord,
    difference: Difference,
    formats: Collection[str],
    *,
    explains: bool = False,
) -> dict[str, bytes]:
    """Encode a stack: the bytes of every file by its path in the stack's folder.

    `picture` (H, W, 4) is what the stack was peeled from, `difference` how the stack composes to
    it, `formats` names of the table; the manifest comes last. Raise UsageError for an unknown
    format, OutputError where the picture is too large for one.
    """
    layers = trim_layers(stack)
    manifest = write_manifest(stack, layers, source, engine, difference)
    export = prepare_export(stack, picture, source, manifest, layers)
    files: dict[str, bytes] = {}
    for format in find_formats(formats):
        write: Callable[[StackExport], dict[str, bytes]] = resolve_name(format.write)
        files |= write(export)
    if explains:
        files |= explain(stack, picture, layers)
    files[FILE] = manifest
    return files


def file_names(manifest: Manifest) -> set[str]:
    """Return the files of a stack that depend on how many layers it has and on their names."""
    names = {entry.file for entry in manifest.entries}
    stems = {PurePosixPath(name).stem for name in names}
    return names | files_per_layer(stems) | {MASK_FILE, "explain/steps.webp"}
