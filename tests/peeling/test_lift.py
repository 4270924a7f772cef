"""What is lifted off leaves nothing of itself behind, and takes nothing of the ground along."""

from dataclasses import dataclass, field

import cv2
import numpy as np
import pytest

from birefcli.image.types import Alpha, Labels, Mask, Rgb, to_uint8
from birefcli.inpaint.membrane import Membrane
from birefcli.matte.foreground import over8
from birefcli.peeling.geometry import within
from birefcli.peeling.lift.lift import Lifted, LiftInput, lift

SIZE = (110, 120)


RED = (210, 40, 40)


@dataclass
class Watched:
    """Fills smoothly and remembers the holes."""

    holes: list[Mask] = field(default_factory=list)
    name: str = "membrane"

    def __call__(
        self,
        rgb: Rgb,
        hole: Mask,
        *,
        labels: Labels | None = None,
        source: Mask | None = None,
        seed: int = 0,
    ) -> Rgb:
        self.holes.append(hole)
        return Membrane()(rgb, hole, labels=labels, source=source, seed=seed)


def disk(radius: float) -> Mask:
    y, x = np.indices(SIZE)
    return np.asarray(np.hypot(y - 55, x - 60) <= radius, np.bool_)


def scene(strength: float = 8) -> Rgb:
    """A red disk of 30 pixels on grained grey."""
    grain = np.random.default_rng(5).normal(0, strength, (*SIZE, 3))
    picture = to_uint8(np.array((110, 120, 125)) + grain)
    picture[disk(30)] = RED
    return picture


def solid(mask: Mask) -> Alpha:
    return np.where(mask, np.uint8(255), np.uint8(0))


def view_of(picture: Rgb, may_grow: Mask | None = None) -> LiftInput:
    no = np.zeros(SIZE, bool)
    grows = ~no if may_grow is None else may_grow
    return LiftInput(picture, np.zeros(SIZE, np.int32), grows, no, no, no, no)


def lifted(picture: Rgb, alpha: Alpha, *, is_certain: bool = False) -> Lifted:
    return lift(view_of(picture), alpha, Membrane(), margin=3, seed=0, is_certain=is_certain)


def redness(picture: Rgb) -> int:
    return int((picture[..., 0].astype(int) - picture[..., 1]).max())


def test_no_colour_of_a_thing_stays_around_its_hole() -> None:
    picture, alpha = scene(), solid(disk(28))
    assert redness(lifted(picture, alpha).bottom) < 60
    assert redness(lifted(picture, alpha, is_certain=True).bottom) == 170


def test_a_rim_joins_the_layer_with_the_colours_of_the_thing() -> None:
    layer = lifted(scene(), solid(disk(28))).rgba
    rim = disk(30) & ~disk(28)
    assert (layer[rim, 3] > 230).mean() > 0.9
    assert np.abs(layer[rim, :3].astype(int) - RED).mean() < 12


def test_the_grain_of_the_ground_joins_no_layer() -> None:
    picture = scene(20)
    result = lifted(picture, solid(disk(30)))
    around = within(disk(30), 3) & ~disk(30)
    assert (result.rgba[around, 3] > 0).mean() < 0.01
    assert (result.bottom[around] == picture[around]).mean() > 0.99


def test_a_matte_that_is_wrong_about_a_rim_leaves_no_ghost() -> None:
    picture, rim = scene(2), disk(30) & ~disk(27)
    picture[rim] = (250, 20, 220)
    alpha = np.where(rim, np.uint8(90), solid(disk(30)))
    bottom = lifted(picture, alpha).bottom
    assert redness(bottom) < 20


def test_a_filler_sees_nothing_near_an_uncertain_edge() -> None:
    watched = Watched()
    lift(view_of(scene()), solid(disk(28)), watched, margin=3, seed=0, is_certain=False)
    assert watched.holes[0].sum() == within(disk(28), 3).sum()


def test_a_certain_edge_ends_the_hole() -> None:
    watched = Watched()
    lift(view_of(scene()), solid(disk(30)), watched, margin=3, seed=0, is_certain=True)
    assert watched.holes[0].sum() == disk(30).sum()


def test_what_lies_in_front_joins_no_layer() -> None:
    may_grow = np.indices(SIZE)[1] < 60
    view = view_of(scene(), may_grow)
    result = lift(view, solid(disk(28)), Membrane(), margin=3, seed=0, is_certain=False)
    beside = ~disk(28) & ~may_grow
    assert not result.rgba[beside, 3].any()
    assert np.array_equal(result.bottom[beside], view.picture[beside])


@pytest.mark.parametrize("is_certain", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_any_alpha_recomposes_exactly(seed: int, is_certain: bool) -> None:
    rng = np.random.default_rng(seed)
    picture = rng.integers(0, 256, (*SIZE, 3), np.uint8)
    rough = cv2.GaussianBlur(rng.random(SIZE, np.float32), (0, 0), 3)
    alpha = to_uint8(np.clip((rough - 0.47) * 3000, 0, 255))
    result = lifted(picture, alpha, is_certain=is_certain)
    assert np.array_equal(over8(result.rgba, result.bottom), picture)


def test_the_same_lift_gives_the_same_bytes() -> None:
    one, other = (lifted(scene(), solid(disk(28))) for _ in range(2))
    assert np.array_equal(one.rgba, other.rgba)
    assert np.array_equal(one.bottom, other.bottom)
