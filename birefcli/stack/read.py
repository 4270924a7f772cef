"""From a stack's folder back to the stack, also after its layers were edited by hand."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from birefcli.errors import InputError, PictureError
from birefcli.image import Picture, Rgba, read_picture
from birefcli.matte import Size
from birefcli.stack.compositing import clean, composite
from birefcli.stack.manifest import FILE, LayerEntry, Manifest, read_manifest
from birefcli.stack.trimmed_layers import place_on_canvas
from birefcli.stack.types import EngineRecord, Layer, SourceRecord, Stack, composed

_UNLIMITED = 1 << 62


@dataclass(frozen=True, eq=False)
class OpenedStack:
    """A stack that was read, and what its manifest says beside it."""

    stack: Stack
    source: SourceRecord
    engine: EngineRecord
    manifest: Manifest

    @property
    def picture(self) -> Rgba:
        """What the stack composes to (H, W, 4)."""
        return composite(self.stack.background, [layer.rgba for layer in self.stack.layers])


def read_stack(folder: Path) -> OpenedStack:
    """Read a stack's folder, also after its layers were edited in another program.

    Raise InputError where there is no stack, PictureError where its manifest is damaged, a file is
    missing or a layer has another size.
    """
    if not folder.exists():
        raise InputError(f"there is no {folder}; check the path")
    if folder.is_file():
        raise InputError(f"{folder} is a file; name the folder that `birefcli peel` wrote")
    path = folder / FILE
    if not path.is_file():
        raise InputError(f"{folder} holds no {FILE}, so it is no stack; `birefcli peel` makes one")
    manifest = read_manifest(path.read_bytes(), str(path))
    names = [entry.file for entry in manifest.entries]
    # Without the map of what was invented a stack is still whole.
    if manifest.mask_file and (folder / manifest.mask_file).is_file():
        names.append(manifest.mask_file)
    files: dict[str, Path | bytes] = {}
    for name in names:
        inside = PurePosixPath(name)
        if inside.is_absolute() or ".." in inside.parts:
            raise PictureError(f"{path} names {name}, outside the stack", reason="manifest")
        files[name] = folder / inside
        if not (folder / inside).is_file():
            raise PictureError(
                f"{folder / inside} is missing; bring it back, or peel the picture again",
                reason="stack-incomplete",
            )
    return _opened(manifest, files)


def read_files(files: Mapping[str, bytes]) -> OpenedStack:
    """Read a stack from the bytes of its files by their names, the manifest among them.

    Raise PictureError where one is damaged.
    """
    return _opened(read_manifest(files[FILE]), files)


def _opened(manifest: Manifest, files: Mapping[str, Path | bytes]) -> OpenedStack:
    canvas = manifest.canvas
    background, *layers = manifest.entries
    ground = _picture(files[background.file], background.file)
    rgba = _on_canvas(ground, background, canvas)
    lifted = []
    for entry in layers:
        assert entry.evidence is not None
        picture = _picture(files[entry.file], entry.file)
        lifted.append(Layer(entry.name, _on_canvas(picture, entry, canvas), entry.evidence))
    stack = Stack(
        background=rgba,
        layers=tuple(lifted),
        kind=manifest.kind,
        stop=manifest.stop,
        bottoms=tuple(
            composed(rgba[..., :3], [layer.rgba for layer in lifted[:i]])
            for i in range(len(lifted))
        ),
        edges=manifest.edges,
        cycles=manifest.cycles,
        invented=_invented(manifest, files),
        grid=manifest.grid,
    )
    source = replace(manifest.source, icc=ground.icc, dpi=ground.dpi)
    return OpenedStack(stack, source, manifest.engine, manifest)


def _picture(source: Path | bytes, name: str) -> Picture:
    """Decode a file of the stack."""
    return read_picture(source, max_pixels=_UNLIMITED, name=name)


def _on_canvas(picture: Picture, entry: LayerEntry, canvas: Size) -> Rgba:
    """Put a layer where it belongs: at its box, or, if it has the canvas's size, all over it."""
    opaque = np.full(picture.size, 255, np.uint8)
    rgba = clean(np.dstack([picture.rgb, opaque if picture.alpha is None else picture.alpha]))
    left, top, right, bottom = entry.box
    if picture.size == (bottom - top, right - left) and right <= canvas[1] and bottom <= canvas[0]:
        return place_on_canvas(rgba, entry.box, canvas)
    if picture.size == canvas:
        return rgba
    height, width = picture.size
    raise PictureError(
        f"{entry.file} has {width}x{height} pixels; it must keep its "
        f"{right - left}x{bottom - top}, or be as large as the picture, {canvas[1]}x{canvas[0]}",
        reason="layer-size",
    )


def _invented(manifest: Manifest, files: Mapping[str, Path | bytes]) -> NDArray[np.uint8]:
    """Give the map of invented pixels (H, W)."""
    if manifest.mask_file is None or manifest.mask_file not in files:
        return np.zeros(manifest.canvas, np.uint8)
    mask = _picture(files[manifest.mask_file], manifest.mask_file).rgb[..., 0]
    if mask.shape != manifest.canvas:
        raise PictureError(
            f"{manifest.mask_file} must have the picture's size", reason="layer-size"
        )
    return mask
