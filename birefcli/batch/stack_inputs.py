"""The pictures to peel: those that are asked for, without the files of stacks among them."""

from dataclasses import replace
from pathlib import Path

from birefcli.batch.inputs import InputFile, InputOptions, Inputs, gather
from birefcli.errors import InputError
from birefcli.stack import COMPOSED, FILE, SCHEMA, fixed_names, folder_names

_FOLDERS = {*folder_names(), "explain"}
_NAMES = {*fixed_names(), COMPOSED}
# The schema is the first thing a manifest says.
_HEAD = 200


def pictures_asked(settings: InputOptions) -> Inputs:
    """List every picture once; files of a stack below an input folder are left out and counted.

    An InputError says that nothing is left. A file that is named by itself always stays.
    """
    inputs = gather(settings)
    kept = tuple(source for source in inputs.sources if not _is_of_stack(source))
    count = len(inputs.sources) - len(kept)
    if not count:
        return inputs
    if not kept:
        where = ", ".join(map(str, inputs.folders))
        raise InputError(
            f"only stacks are in {where}; name pictures to peel, or change a stack with --edit"
        )
    words = filter(None, (inputs.left_out, f"{count} of stacks"))
    return replace(inputs, sources=kept, left_out=", ".join(words))


def is_stack(folder: Path) -> bool:
    """Tell whether a folder holds a stack."""
    try:
        with (folder / FILE).open("rb") as file:
            return SCHEMA.encode() in file.read(_HEAD)
    except OSError:
        return False


def _is_of_stack(source: InputFile) -> bool:
    """Whether a picture that was found in a folder is a file of a stack there."""
    if source.path is None or source.folder is None:
        return False
    place = source.path.parent
    if source.path.name in _NAMES and is_stack(place):
        return True
    return place.name in _FOLDERS and place != source.folder and is_stack(place.parent)
