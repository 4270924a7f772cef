"""The exploded view shows the picture, every layer once more, and what nobody could see."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from stacks import bare_stack, draw_stack, evidence

from birefcli.image.types import Rgb
from birefcli.matte.morphology import Size
from birefcli.stack.formats.exploded import draw_exploded
from birefcli.stack.types import Layer, Stack

GREY, BLUE, YELLOW = (200, 200, 200), (30, 60, 200), (230, 210, 20)


def two_squares() -> Stack:
    """A yellow square hidden in part by a blue one, over grey."""
    stack = bare_stack((120, 120))
    ground = np.full((120, 120, 4), (*GREY, 255), np.uint8)
    layers = []
    for color, start in ((YELLOW, 20), (BLUE, 50)):
        rgba = np.zeros((120, 120, 4), np.uint8)
        rgba[start : start + 50, start : start + 50] = (*color, 255)
        layers.append(Layer("object", rgba, evidence(0)))
    return replace(stack, background=ground, layers=tuple(layers))


def near(sheet: Rgb, color: tuple[int, int, int]) -> npt.NDArray[np.bool_]:
    """Where the sheet has a colour, but for a shadow or a pane over it."""
    return np.asarray(np.abs(sheet.astype(int) - color).max(2) < 45)


def reds(sheet: Rgb) -> int:
    """How much of the sheet is redder than anything the squares hold."""
    values = sheet.astype(int)
    return int(
        ((values[..., 0] - values[..., 1] > 30) & (values[..., 0] - values[..., 2] > 30)).sum()
    )


def test_every_layer_stands_beside_the_picture_once_more() -> None:
    stack = two_squares()
    whole, bare = draw_exploded(stack), draw_exploded(replace(stack, layers=()))
    assert whole.shape[1] > bare.shape[1] and whole.shape[0] > bare.shape[0]
    for color in (YELLOW, BLUE):
        columns = near(whole, color).any(0)
        # From the left to the right: in the picture, then on a card of its own.
        assert np.count_nonzero(np.diff(columns.astype(int)) == 1) == 2
        assert not near(bare, color).any()


def test_stripes_show_what_nobody_could_see_and_nothing_else() -> None:
    stack = two_squares()
    assert reds(draw_exploded(replace(stack, layers=()))) == 0
    ground_only = reds(draw_exploded(replace(stack, layers=stack.layers[1:])))
    overlapping = reds(draw_exploded(stack))
    assert 0 < ground_only < overlapping
    # Half-transparent layers hide nothing altogether.
    thin = stack.layers[1].rgba.copy()
    thin[..., 3] //= 2
    assert reds(draw_exploded(replace(stack, layers=(replace(stack.layers[1], rgba=thin),)))) == 0


@pytest.mark.parametrize("size", [(1, 1), (8, 8), (5, 900), (900, 5)])
def test_any_size_is_drawn(size: Size) -> None:
    assert draw_exploded(bare_stack(size)).dtype == np.uint8
    assert draw_exploded(draw_stack(size)).min() < 200


def test_a_stack_is_drawn_the_same_twice_and_left_as_it_was() -> None:
    stack = draw_stack((90, 130))
    before = [layer.rgba.copy() for layer in stack.layers]
    assert np.array_equal(draw_exploded(stack), draw_exploded(stack))
    assert all(np.array_equal(a, b.rgba) for a, b in zip(before, stack.layers, strict=True))
