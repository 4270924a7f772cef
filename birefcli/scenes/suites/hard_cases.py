"""The suite of hard cases: knots, holes, strands, twins, things at the frame, one, none."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from birefcli.image import Alpha, Rgb, to_uint8
from birefcli.matte import Size
from birefcli.scenes.suites import materials, shapes
from birefcli.scenes.suites.flat import any_shape, flat_ground, flat_layer
from birefcli.scenes.suites.layered import LayeredScene, LayerRole, SceneLayer, paint
from birefcli.scenes.suites.materials import Colors
from birefcli.scenes.suites.placement import TRIES, Arrangement, Draw, PlacedObject
from birefcli.scenes.suites.shapes import SHAPES, Points, raster

SIDE = 512
_TWINS = 9  # levels that things of the same colour may differ by


def hard_case_scene(rng: Generator, seed: int, side: int | None = None) -> LayeredScene:
    """Draw a hard case, of the kind that the seed selects."""
    size = (side or SIDE, side or SIDE)
    kind = tuple(_KINDS)[seed % len(_KINDS)]
    brush = _start(rng, size)
    _KINDS[kind](brush)
    parameters = {"kind": kind, "background": brush.ground}
    return LayeredScene("hard", seed, brush.background, tuple(brush.layers), parameters)


@dataclass
class _Brush:
    """A canvas being drawn on: flat colours or textures, and the layers so far."""

    rng: Generator
    size: Size
    ground: str
    background: Rgb
    taken: Colors
    layers: list[SceneLayer]

    @property
    def side(self) -> int:
        return min(self.size)

    def add(self, name: str, alpha: Alpha) -> None:
        """Paint a shape (H, W) in the scene's manner."""
        if self.ground == "texture":
            layer = paint(name, alpha, materials.textured(self.rng, self.side / SIDE))
        else:
            _, layer, self.taken = flat_layer(self.rng, name, alpha, self.taken)
        self.layers.append(layer)

    def crowd(self, count: int, draw: Draw) -> None:
        """Place and paint some things as the other suites do."""
        arrangement = Arrangement(self.size)
        arrangement.fill(self.rng, count, draw)
        for number, thing in enumerate(arrangement.placed, 1):
            self.add(f"{thing.shape}-{number}", thing.alpha)


def _start(rng: Generator, size: Size) -> _Brush:
    if rng.random() < 0.5:
        ground, background, taken = flat_ground(rng, size)
    else:
        ground, background = "texture", materials.textured(rng, min(size) / SIDE)(size)
        taken = materials.sampled(background)
    return _Brush(rng, size, ground, background, taken, [])


def _rings(brush: _Brush) -> None:
    """Link two rings: the second lies over the first at one crossing and under it at the other."""
    rng, side = brush.rng, brush.side
    radius = rng.uniform(0.18, 0.24) * side
    inner = rng.uniform(0.65, 0.78)
    angle = rng.uniform(0, 2 * np.pi)
    apart = radius * rng.uniform(0.95, 1.15) * np.array([np.cos(angle), np.sin(angle)])
    middle = rng.uniform(0.42, 0.58, 2) * side
    outline = shapes.ring(rng, inner)
    first, second = (raster(outline, middle + s * apart / 2, radius, brush.size) for s in (-1, 1))
    brush.add("ring-1", first)
    brush.add("ring-2", second)
    # Crossings lie on the line through the middle, across the one between the centres.
    y, x = np.indices(brush.size)
    across = (x - middle[0]) * -apart[1] + (y - middle[1]) * apart[0]
    is_front = (across > 0) & (second > 0)
    rgba = brush.layers[0].rgba.copy()
    rgba[~is_front] = 0
    brush.layers.append(SceneLayer("ring-1-part", rgba, LayerRole.PART, of=1))


def _holes(brush: _Brush) -> None:
    """Pierce one to three blobs; what is seen through a hole belongs to what lies behind."""

    def draw(centre: Points, radius: float) -> tuple[str, Alpha]:
        return "pierced", raster(shapes.pierced(brush.rng), centre, radius, brush.size)

    brush.crowd(int(brush.rng.integers(1, 4)), draw)


def _strands(brush: _Brush) -> None:
    """Grow thin strands, like hair or legs, out of one or two blobs."""
    rng = brush.rng

    def draw(centre: Points, radius: float) -> tuple[str, Alpha]:
        body = raster(shapes.blob(rng), centre, radius * 0.6, brush.size)
        lines = []
        for angle in rng.uniform(0, 2 * np.pi, int(rng.integers(6, 16))):
            t = np.linspace(0, 1, 24)[:, None]
            bend = angle + rng.uniform(-1, 1) * t
            reach = radius * (0.3 + rng.uniform(0.9, 1.4) * t)
            lines.append(centre + reach * np.hstack([np.cos(bend), np.sin(bend)]))
        width = rng.uniform(1, 3.5) * brush.side / SIDE
        return "strands", np.maximum(body, shapes.strokes(lines, width, brush.size))

    brush.crowd(int(rng.integers(1, 3)), draw)


def _twins(brush: _Brush) -> None:
    """Put two or three things of nearly one colour over one another."""
    arrangement = Arrangement(brush.size)
    draw = any_shape(brush.rng, brush.size, tuple(SHAPES))
    arrangement.fill(brush.rng, int(brush.rng.integers(2, 4)), draw)
    color = materials.contrasting(brush.rng, brush.taken)
    for number, thing in enumerate(arrangement.placed, 1):
        # Just enough to see where one ends, always towards the middle of the scale.
        step = np.where(color > 127, -_TWINS, _TWINS) * (number - 1)
        own = to_uint8(color + step).astype(np.float32)
        brush.layers.append(paint(f"{thing.shape}-{number}", thing.alpha, materials.plain(own)))


def _frame(brush: _Brush) -> None:
    """Let the frame cut one or two things off."""
    rng, side = brush.rng, brush.side
    arrangement = Arrangement(brush.size)
    for edge in rng.permutation(4)[: int(rng.integers(1, 3))]:
        for _ in range(TRIES):
            along, depth = rng.uniform(0.25, 0.75), rng.uniform(-0.03, 0.06)
            places = ((along, depth), (along, 1 - depth), (depth, along), (1 - depth, along))
            centre = np.array(places[edge]) * side
            name = str(rng.choice(["blob", "ellipse", "polygon"]))
            radius = rng.uniform(0.18, 0.3) * side
            alpha = raster(SHAPES[name](rng), centre, radius, brush.size)
            if arrangement.offer(PlacedObject(name, centre, radius, alpha)):
                break
    for number, thing in enumerate(arrangement.placed, 1):
        brush.add(f"{thing.shape}-{number}", thing.alpha)


def _single(brush: _Brush) -> None:
    brush.crowd(1, any_shape(brush.rng, brush.size, tuple(SHAPES)))


def _nothing(brush: _Brush) -> None:
    """Leave the ground as it is."""


_KINDS: dict[str, Callable[[_Brush], None]] = {
    "rings": _rings,
    "holes": _holes,
    "strands": _strands,
    "same-color": _twins,
    "frame": _frame,
    "single": _single,
    "no-object": _nothing,
}
KINDS = tuple(_KINDS)
