"""Layered scenes: a background and every layer whole, also where it is hidden."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property, reduce
from typing import Any, TypeAlias

import cv2
import numpy as np

from birefcli.image import Alpha, Matte, Rgb, Rgba
from birefcli.matte import Box, Size, over8
from birefcli.scenes.scene import compressed

# Gives the colours of a box of a size: (H, W, 3).
Paint: TypeAlias = Callable[[Size], Rgb]

# An object counts as covered when more of it is hidden than both of these.
FEW_PIXELS = 8
FEW_SHARE = 0.005


class LayerRole(StrEnum):
    """What a layer is."""

    OBJECT = "object"
    PART = "part"  # of an object that is both in front of and behind another
    SHADOW = "shadow"


@dataclass(frozen=True, eq=False)
class SceneLayer:
    """One thing of a scene at the canvas's size, whole although others may cover it."""

    name: str
    rgba: Rgba
    kind: LayerRole = LayerRole.OBJECT
    of: int | None = None  # the number of the object that a part or a shadow belongs to

    @cached_property
    def alpha(self) -> Alpha:
        """Its alpha (H, W)."""
        return np.ascontiguousarray(self.rgba[..., 3])

    @cached_property
    def matte(self) -> Matte:
        """Its alpha on the scale 0…1 (H, W)."""
        return np.asarray(self.alpha / np.float32(255), np.float32)


@dataclass(frozen=True, eq=False)
class LayeredScene:
    """A background (H, W, 3) and layers from the bottom up; the first layer has number 1."""

    suite: str
    seed: int
    background: Rgb
    layers: tuple[SceneLayer, ...]
    parameters: Mapping[str, Any]
    jpeg: int | None = None  # the quality its picture was stored with

    @property
    def size(self) -> Size:
        """(height, width)."""
        return self.background.shape[0], self.background.shape[1]

    @property
    def objects(self) -> dict[int, SceneLayer]:
        """The layers that are objects, by number."""
        numbered = enumerate(self.layers, 1)
        return {number: layer for number, layer in numbered if layer.kind == LayerRole.OBJECT}


@dataclass(frozen=True)
class OccludingPair:
    """Two objects of which one hides pixels of the other."""

    front: int
    behind: int
    overlap: int  # pixels that are solid in both


def paint(name: str, alpha: Alpha, colors: Paint, of: int | None = None) -> SceneLayer:
    """Give a shape (H, W) its colours; hidden colours, where alpha is 0, are black."""
    rgba = np.zeros((*alpha.shape, 4), np.uint8)
    left, top, right, bottom = alpha_box(alpha)
    if left < right:
        inside = alpha[top:bottom, left:right]
        rgb = colors((bottom - top, right - left))
        rgba[top:bottom, left:right, :3] = np.where(inside[..., None] > 0, rgb, np.uint8(0))
        rgba[top:bottom, left:right, 3] = inside
    return SceneLayer(name, rgba, LayerRole.OBJECT if of is None else LayerRole.SHADOW, of)


def alpha_box(alpha: Alpha) -> Box:
    """Give the smallest box around all of an alpha (H, W) that is above 0."""
    left, top, width, height = cv2.boundingRect(alpha)
    return left, top, left + width, top + height


def lay(backdrop: Rgb, layer: SceneLayer) -> Rgb:
    """Composite a layer over what is below it (H, W, 3), exactly in whole numbers."""
    left, top, right, bottom = alpha_box(layer.alpha)
    inside = slice(top, bottom), slice(left, right)
    laid = backdrop.copy()
    laid[inside] = over8(layer.rgba[inside], backdrop[inside])
    return laid


def composed(scene: LayeredScene) -> Rgb:
    """Composite all layers over the background, bottom up: the scene (H, W, 3)."""
    return reduce(lay, scene.layers, scene.background)


def picture(scene: LayeredScene) -> Rgb:
    """Give the scene's picture (H, W, 3): all layers, through JPEG where the scene says so."""
    rgb = composed(scene)
    return rgb if scene.jpeg is None else compressed(rgb, scene.jpeg)


def visible_mattes(scene: LayeredScene) -> dict[int, Matte]:
    """Give every object's visible matte (H, W) in 0…1, by number; shadows hide nothing."""
    seen = {number: np.zeros(scene.size, np.float32) for number in scene.objects}
    clear = np.ones(scene.size, np.float32)
    for number, layer in reversed(list(enumerate(scene.layers, 1))):
        if layer.kind != LayerRole.SHADOW:
            matte = layer.matte
            seen[layer.of or number] += matte * clear
            clear *= 1 - matte
    return {number: np.clip(matte, 0, 1) for number, matte in seen.items()}


def pairs(scene: LayeredScene) -> tuple[OccludingPair, ...]:
    """List who covers whom by at least one solid pixel; in a knot, both cover each other."""
    solid = {number: layer.alpha > 127 for number, layer in scene.objects.items()}
    found = []
    for behind in solid:
        for front in (number for number in solid if number > behind):
            both = solid[behind] & solid[front]
            for number, layer in enumerate(scene.layers, 1):
                if layer.kind == LayerRole.PART and layer.of == behind and number > front:
                    back = both & (layer.alpha > 127)
                    both = both & ~back
                    found.append(OccludingPair(behind, front, int(back.sum())))
            found.append(OccludingPair(front, behind, int(both.sum())))
    return tuple(pair for pair in found if pair.overlap)


def groups(scene: LayeredScene) -> tuple[tuple[int, ...], ...]:
    """Sort the objects into those that can be taken off alone and knots that only go together."""
    numbers = list(scene.objects)
    is_over = np.eye(len(numbers), dtype=bool)
    for pair in pairs(scene):
        is_over[numbers.index(pair.front), numbers.index(pair.behind)] = True
    for middle in range(len(numbers)):
        is_over |= is_over[:, middle, None] & is_over[None, middle]
    together = is_over & is_over.T
    found = {tuple(numbers[i] for i in np.flatnonzero(row)) for row in together}
    return tuple(sorted(found))


def cycles(scene: LayeredScene) -> tuple[tuple[int, ...], ...]:
    """List the knots: objects that no order from back to front can describe."""
    return tuple(group for group in groups(scene) if len(group) > 1)


def uncovered(scene: LayeredScene) -> tuple[int, ...]:
    """List the objects that no other covers by more than a few pixels; a knot counts as one."""
    seen = visible_mattes(scene)
    free: list[int] = []
    for group in groups(scene):
        whole = union([scene.objects[number].matte for number in group], scene.size)
        hidden = whole.sum() - sum(seen[number].sum() for number in group)
        if hidden <= max(FEW_PIXELS, FEW_SHARE * whole.sum()):
            free += group
    return tuple(sorted(free))


def top_matte(scene: LayeredScene) -> Matte:
    """Give the matte (H, W) of everything that nothing covers."""
    seen = visible_mattes(scene)
    shown = [seen[number] for number in uncovered(scene)]
    return np.asarray(np.clip(sum(shown, np.zeros(scene.size, np.float32)), 0, 1), np.float32)


def foreground_matte(scene: LayeredScene) -> Matte:
    """Give the matte (H, W) of all objects together, without their shadows."""
    return union(
        [layer.matte for layer in scene.layers if layer.kind != LayerRole.SHADOW], scene.size
    )


def union(mattes: list[Matte], size: Size) -> Matte:
    """Give the matte (H, W) of mattes over one another: 1 minus the product of 1 - matte."""
    clear = np.ones(size, np.float32)
    for matte in mattes:
        clear *= 1 - matte
    return np.asarray(1 - clear, np.float32)


def peeled(scene: LayeredScene) -> LayeredScene:
    """Give the scene without everything that nothing covers, its parts and its shadows."""
    gone = set(uncovered(scene))
    numbered = list(enumerate(scene.layers, 1))
    kept = [(number, layer) for number, layer in numbered if (layer.of or number) not in gone]
    new = {old: number for number, (old, _) in enumerate(kept, 1)}
    layers = (replace(layer, of=new[layer.of] if layer.of else None) for _, layer in kept)
    return replace(scene, layers=tuple(layers))
