"""The two stacks that are compared: the true layers of a scene, and the predicted ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from birefcli.image import Mask, Matte, Rgb, Rgba
from birefcli.scenes import LayeredScene, LayerRole, pairs, uncovered, visible_mattes
from birefcli.settings import Suite

LEAST_OVERLAP = 40  # pixels that one object hides of another, from which their order is asked


@dataclass(frozen=True, eq=False)
class PredictedStack:
    """A stack made of a picture: layers (H, W, 4) from the bottom up over a background."""

    background: Rgb
    layers: tuple[Rgba, ...]
    invented: Mask  # which pixels of the background are not the picture's own

    @cached_property
    def mattes(self) -> tuple[Matte, ...]:
        """The alpha of each layer, on the scale 0…1."""
        return mattes_of(self.layers)

    @cached_property
    def visible(self) -> tuple[Matte, ...]:
        """What the layers above leave of each (H, W)."""
        return left_visible(self.mattes)


@dataclass(frozen=True, eq=False)
class Truth:
    """The objects of a scene from the bottom up, whole, and the background without them."""

    background: Rgb
    layers: tuple[Rgba, ...]
    visible: tuple[Matte, ...]
    pairs: tuple[tuple[int, int], ...]  # (front, behind), by place in `layers`
    uncovered: tuple[int, ...]
    is_shadowed: Mask  # where colours are not the objects' own
    has_palette: bool  # few colours, so that a new one shows

    @cached_property
    def mattes(self) -> tuple[Matte, ...]:
        """The alpha of each object, on the scale 0…1."""
        return mattes_of(self.layers)


def truth_of(scene: LayeredScene) -> Truth:
    """Give what is true of a scene; knotted pairs, which cover each other, have no order."""
    numbers = list(scene.objects)
    found = [pair for pair in pairs(scene) if pair.overlap >= LEAST_OVERLAP]
    over = {(numbers.index(pair.front), numbers.index(pair.behind)) for pair in found}
    shadows = [layer.alpha > 0 for layer in scene.layers if layer.kind == LayerRole.SHADOW]
    seen = visible_mattes(scene)
    return Truth(
        background=scene.background,
        layers=tuple(layer.rgba for layer in scene.objects.values()),
        visible=tuple(seen[number] for number in numbers),
        pairs=tuple(sorted(pair for pair in over if pair[::-1] not in over)),
        uncovered=tuple(numbers.index(number) for number in uncovered(scene)),
        is_shadowed=np.any([np.zeros(scene.size, bool), *shadows], axis=0),
        has_palette=scene.suite in (Suite.FLAT, Suite.PIXEL) and scene.jpeg is None,
    )


def mattes_of(layers: Sequence[Rgba]) -> tuple[Matte, ...]:
    """Give the alpha of layers (H, W, 4) on the scale 0…1."""
    return tuple(np.asarray(layer[..., 3] / np.float32(255), np.float32) for layer in layers)


def left_visible(mattes: Sequence[Matte]) -> tuple[Matte, ...]:
    """Give what the mattes after each, which lie above it, leave of it."""
    seen: list[Matte] = []
    clear: Matte | None = None
    for matte in reversed(mattes):
        seen.append(matte if clear is None else matte * clear)
        clear = 1 - matte if clear is None else clear * (1 - matte)
    return tuple(reversed(seen))
