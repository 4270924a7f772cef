"""Where objects go: each overlaps some, and stays visible enough."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.random import Generator

from birefcli.image import Alpha, Matte
from birefcli.matte import Size
from birefcli.scenes.suites.shapes import Points

# Draws something about a centre (x, y) of a radius: the name of its shape, and its alpha (H, W).
Draw: TypeAlias = Callable[[Points, float], tuple[str, Alpha]]

TRIES = 40
LEAST_VISIBLE = 0.008  # of the canvas
MOST_COVERED = 0.6  # of an earlier object by any later one
SMALLEST, LARGEST = 0.10, 0.24  # radius, of the canvas's shorter side
NEAREST, FARTHEST = 0.15, 0.85  # where centres lie, of each side
OVERLAPPING = 0.8  # of the scenes with several objects
_REAL_OVERLAP = 0.03  # of the smaller object


@dataclass(frozen=True, eq=False)
class PlacedObject:
    """An object that found its place: its shape, centre (x, y), radius and alpha (H, W)."""

    shape: str
    centre: Points
    radius: float
    alpha: Alpha


@dataclass
class Arrangement:
    """The objects placed so far, bottom up, and what is still visible of them."""

    size: Size
    least: float = LEAST_VISIBLE
    placed: list[PlacedObject] = field(default_factory=list)
    _visible: list[Matte] = field(default_factory=list)

    def offer(
        self, thing: PlacedObject, *, must_overlap: bool = False, may_overlap: bool = True
    ) -> bool:
        """Put a thing on top, if everything stays visible enough; tell whether it was done."""
        matte = np.asarray(thing.alpha / np.float32(255), np.float32)
        least = self.least * matte.size
        if matte.sum() < least:
            return False
        overlaps = [float((matte * (other.alpha / 255)).sum()) for other in self.placed]
        areas = [float(other.alpha.sum() / 255) for other in self.placed]
        for overlap, area in zip(overlaps, areas, strict=True):
            if overlap > MOST_COVERED * area or (overlap and not may_overlap):
                return False
        limit = float(matte.sum())
        if must_overlap and not any(
            overlap > _REAL_OVERLAP * min(area, limit)
            for overlap, area in zip(overlaps, areas, strict=True)
        ):
            return False
        rest = [seen * (1 - matte) for seen in self._visible]
        if any(seen.sum() < least for seen in rest):
            return False
        self._visible = [*rest, matte]
        self.placed.append(thing)
        return True

    def add(
        self,
        rng: Generator,
        draw: Draw,
        *,
        must_overlap: bool = False,
        tries: int = TRIES,
    ) -> PlacedObject | None:
        """Try places, near earlier objects every other time, until one is good; None if none is."""
        for _ in range(tries):
            radius = rng.uniform(SMALLEST, LARGEST) * min(self.size)
            near = self.placed and (must_overlap or rng.random() < 0.5)
            centre = self._beside(rng, radius) if near else self._anywhere(rng)
            shape, alpha = draw(centre, radius)
            thing = PlacedObject(shape, centre, radius, alpha)
            if self.offer(thing, must_overlap=must_overlap):
                return thing
        return None

    def fill(self, rng: Generator, count: int, draw: Draw) -> None:
        """Add up to `count` objects, two at least where that many are asked for."""
        overlapping = count > 1 and rng.random() < OVERLAPPING
        for number in range(count):
            tries = TRIES * (10 if number < 2 else 1)
            self.add(rng, draw, must_overlap=overlapping and number == 1, tries=tries)

    def _anywhere(self, rng: Generator) -> Points:
        return rng.uniform(NEAREST, FARTHEST, 2) * [self.size[1], self.size[0]]

    def _beside(self, rng: Generator, radius: float) -> Points:
        other = self.placed[int(rng.integers(len(self.placed)))]
        angle = rng.uniform(0, 2 * np.pi)
        away = rng.uniform(0.5, 1.2) * (radius + other.radius)
        centre = other.centre + away * np.array([np.cos(angle), np.sin(angle)])
        width, height = self.size[1], self.size[0]
        low, high = np.array([width, height]) * NEAREST, np.array([width, height]) * FARTHEST
        return np.clip(centre, low, high)
