"""One training sample: of which kind it is, drawn by chance, and then distorted."""

from dataclasses import dataclass

import cv2
from numpy.random import Generator

from birefcli.matte import Size
from birefcli.scenes.composition import Supply, empty_scene, pixel_scene, smooth_scene
from birefcli.scenes.displays import display_scene
from birefcli.scenes.occlusion import top_scene
from birefcli.scenes.scene import Scene, distort, photo_scene
from birefcli.settings import Target, TrainSettings


@dataclass(frozen=True, kw_only=True)
class SampleShares:
    """How often each kind of sample is drawn; the rest are smooth compositions."""

    photo: float = TrainSettings.photo
    empty: float = TrainSettings.empty
    pixel: float = TrainSettings.pixel
    display: float = TrainSettings.display
    # Of the composed ones: the ground has the object's own colour.
    same_color: float = TrainSettings.same_color
    # How often drawn plain fields may lie behind an object; else mostly pictures do.
    plain: float = 1.0
    # With TOP, whatever is not empty is a scene of things in front of others.
    target: Target = TrainSettings.target


def draw_sample(rng: Generator, size: Size, supply: Supply, mixture: SampleShares) -> Scene:
    """Draw one training sample of `size` (height, width); the same generator gives the same one."""
    kind = rng.random()
    if kind < mixture.empty:
        return distort(rng, empty_scene(rng, size, supply), jpeg=0.25)
    if mixture.target == Target.TOP:
        return distort(rng, top_scene(rng, size, supply), jpeg=0.2)
    if kind < mixture.empty + mixture.photo:
        return distort(rng, photo_scene(rng, size, supply.photo(rng)), jpeg=0.25)
    if kind < mixture.empty + mixture.photo + mixture.display:
        return distort(rng, display_scene(rng, size, supply), jpeg=0.35)
    is_pixel = kind < mixture.empty + mixture.photo + mixture.display + mixture.pixel
    compose = pixel_scene if is_pixel else smooth_scene
    scene = compose(rng, size, supply, mixture.same_color, mixture.plain)
    return distort(rng, scene, jpeg=0.15 if is_pixel else 0.35)


def compose_on_one_thread() -> None:
    """Keep OpenCV to one thread in this process, where many processes compose at once."""
    cv2.setNumThreads(1)
