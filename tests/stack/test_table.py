"""The table of formats says what its formats do."""

from collections.abc import Callable
from pkgutil import resolve_name

import numpy as np
import pytest
from stacks import ALL, SOURCE, draw_stack, files_of, picture_of

from birefcli.errors import UsageError
from birefcli.image.types import Rgba
from birefcli.stack.formats.export import StackExport, prepare_export
from birefcli.stack.formats.table import (
    FORMATS,
    StackFormat,
    files_per_layer,
    find_formats,
    fixed_names,
    folder_names,
    format_names,
)

each = pytest.mark.parametrize("format", FORMATS, ids=format_names())


def exported() -> StackExport:
    stack = draw_stack()
    manifest = files_of(stack)["manifest.json"]
    return prepare_export(stack, picture_of(stack), SOURCE, manifest)


@each
def test_a_format_writes_the_files_it_names_and_no_others(format: StackFormat) -> None:
    files = resolve_name(format.write)(exported())
    assert files and all(format.wrote(name) for name in files)
    others = [other for other in FORMATS if other is not format]
    assert not any(other.wrote(name) for other in others for name in files)


@each
def test_what_reads_a_format_gives_the_layers_that_were_written(format: StackFormat) -> None:
    if format.read is None:
        return
    export = exported()
    read: Callable[[dict[str, bytes]], list[Rgba]] = resolve_name(format.read)
    files = {**resolve_name(format.write)(export), "manifest.json": export.manifest}
    layers = read({name: data for name, data in files.items() if format.wrote(name)})
    for mine, layer in zip(layers, export.layers, strict=True):
        np.testing.assert_array_equal(mine, layer.whole)


def test_formats_are_found_in_the_order_of_the_table() -> None:
    assert [one.name for one in find_formats(("svg", "ora"))] == ["png", "ora", "svg"]
    assert [one.name for one in find_formats(())] == ["png"]
    with pytest.raises(UsageError, match="'gif' is not one of png, ora"):
        find_formats(("gif",))


def test_the_names_of_a_stacks_files_are_known_without_the_stack() -> None:
    assert {"layers/01_sun.png", "full/01_sun.png"} <= files_per_layer(["01_sun"])
    names = files_of(draw_stack(), *ALL)
    assert {name.partition("/")[0] for name in names if "/" in name} == folder_names()
    assert fixed_names() <= set(names)
