"""Editing a stack: layers peeled again or in another order give the same picture."""

import numpy as np
import pytest
from fakes import nothing
from numpy.typing import NDArray
from PIL import Image

from birefcli.errors import UsageError
from birefcli.inpaint.membrane import Membrane
from birefcli.peeling.assemble import recomposed
from birefcli.peeling.edit import redo, reorder
from birefcli.peeling.loop import peel
from birefcli.peeling.proposals import KnownMattes, Proposer
from birefcli.scenes.suites.flat import flat_scene
from birefcli.scenes.suites.hard_cases import hard_case_scene
from birefcli.scenes.suites.layered import LayeredScene, picture, visible_mattes
from birefcli.scenes.suites.pixel import pixel_scene
from birefcli.scenes.suites.texture import texture_scene
from birefcli.stack.types import Stack

SUITES = {
    "flat": flat_scene,
    "texture": texture_scene,
    "pixel": pixel_scene,
    "hard": hard_case_scene,
}


def draw(suite: str, seed: int, side: int = 80) -> LayeredScene:
    return SUITES[suite](np.random.default_rng(seed), seed, side)


def truth(scene: LayeredScene) -> Proposer:
    return KnownMattes(tuple(visible_mattes(scene).values()))


def assert_stack_is(stack: Stack, image: NDArray[np.uint8]) -> None:
    """The stack is the picture by our arithmetic and by Pillow's, step by step."""
    assert np.array_equal(recomposed(stack)[..., : image.shape[2]], image)
    if image.shape[2] == 3:
        assert np.array_equal(stack.composed(), image)
        laid = Image.fromarray(stack.background)
        for layer, bottom in zip(stack.layers, stack.bottoms, strict=True):
            assert np.array_equal(np.asarray(laid)[..., :3], bottom)
            laid = Image.alpha_composite(laid, Image.fromarray(layer.rgba))
        assert np.array_equal(np.asarray(laid)[..., :3], image)
    for layer in stack.layers:
        assert not layer.rgba[layer.rgba[..., 3] == 0].any()
    assert stack.invented.shape == stack.size
    assert int(stack.invented.max(initial=0)) <= len(stack.layers)


@pytest.mark.parametrize("suite", ["texture", "pixel"])
def test_redo_keeps_what_lies_above(suite: str) -> None:
    scene = draw(suite, 20_002)
    stack = peel(picture(scene), nothing, Membrane(), proposer=truth(scene))
    count = len(stack.layers)
    assert count >= 2
    mask = np.zeros(stack.size, np.float32)
    mask[20:60, 20:60] = 1
    again = redo(stack, count - 1, mask, nothing, Membrane())
    assert_stack_is(again, picture(scene))
    assert np.array_equal(again.layers[-1].rgba, stack.layers[-1].rgba)
    assert np.array_equal(again.layers[-2].rgba[..., 3] > 0, mask > 0)
    with pytest.raises(UsageError):
        redo(stack, count + 1, mask, nothing, Membrane())
    with pytest.raises(UsageError):
        redo(stack, 1, mask * 0, nothing, Membrane())


def test_any_order_recomposes_exactly() -> None:
    scene = draw("texture", 20_002)
    stack = peel(picture(scene), nothing, Membrane(), proposer=truth(scene))
    count = len(stack.layers)
    order = list(range(count, 0, -1))
    turned = reorder(stack, order, Membrane())
    assert_stack_is(turned, picture(scene))
    assert len(turned.layers) == count
    # What is nearest now is whole, and hides nothing of its own.
    assert turned.layers[-1].evidence.hidden_px == 0
    with pytest.raises(UsageError):
        reorder(stack, [1] * count, Membrane())


def test_the_nearest_layer_far_from_the_corner_can_be_redone() -> None:
    scene = draw("texture", 20_002, 300)
    stack = peel(picture(scene), nothing, Membrane(), proposer=truth(scene))
    mask = np.zeros(stack.size, np.float32)
    mask[240:280, 240:280] = 1
    again = redo(stack, len(stack.layers), mask, nothing, Membrane())
    assert_stack_is(again, picture(scene))
    assert np.array_equal(again.layers[-1].rgba[..., 3] > 0, mask > 0)
