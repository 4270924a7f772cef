"""The peel: whatever the picture, the segmenter and the fill, the stack is the picture."""

import cv2
import numpy as np
import pytest
from fakes import Bright, Fixed, nothing
from numpy.typing import NDArray
from PIL import Image

from birefcli.image.types import Matte, Rgb
from birefcli.inpaint.membrane import Membrane
from birefcli.peeling.assemble import recomposed
from birefcli.peeling.loop import peel
from birefcli.peeling.proposals import KnownMattes, Proposal, Proposer
from birefcli.scenes.suites.flat import flat_scene
from birefcli.scenes.suites.hard_cases import hard_case_scene
from birefcli.scenes.suites.layered import LayeredScene, picture, visible_mattes
from birefcli.scenes.suites.pixel import pixel_scene
from birefcli.scenes.suites.texture import texture_scene
from birefcli.settings.peel import PeelBy, PeelKind, PeelSettings
from birefcli.stack.types import PictureKind, Stack, StopRule

SUITES = {
    "flat": flat_scene,
    "texture": texture_scene,
    "pixel": pixel_scene,
    "hard": hard_case_scene,
}


class Noise:
    """Fills with anything, which is the worst a fill can do; repeatable."""

    name = "noise"

    def __call__(  # type: ignore[no-untyped-def]
        self, rgb: Rgb, hole, *, labels=None, source=None, seed: int = 0
    ) -> Rgb:
        noise = np.random.default_rng(seed).integers(0, 256, rgb.shape).astype(np.uint8)
        return np.where(hole[..., None], noise, rgb)


def draw(suite: str, seed: int, side: int = 80) -> LayeredScene:
    return SUITES[suite](np.random.default_rng(seed), seed, side)


def truth(scene: LayeredScene) -> Proposer:
    return KnownMattes(tuple(visible_mattes(scene).values()))


def colors_of(pixels: NDArray[np.uint8]) -> set[int]:
    return set(np.unique(pixels[..., :3].astype(np.int64) @ [65536, 256, 1]).tolist())


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


SIZE = (80, 120)


def box(left: int, top: int, right: int, bottom: int, value: float = 1) -> Matte:
    matte = np.zeros(SIZE, np.float32)
    matte[top:bottom, left:right] = value
    return matte


def union(*mattes: Matte) -> Matte:
    return np.asarray(np.max(mattes, axis=0), np.float32)


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    return float(((one > 0.5) & (other > 0.5)).sum() / ((one > 0.5) | (other > 0.5)).sum())


NEAR, FAR = box(20, 20, 60, 60), box(60, 30, 100, 70)


def soft_overlap(one: Matte, other: Matte) -> float:
    return float(np.minimum(one, other).sum() / np.maximum(one, other).sum())


def two_disks() -> tuple[Rgb, list[NDArray[np.bool_]]]:
    """A red disk over a blue one on grey, and the parts of both that are seen."""
    back, front = np.zeros((2, 90, 130), np.uint8)
    cv2.circle(back, (80, 45), 28, 1, -1)
    cv2.circle(front, (50, 45), 28, 1, -1)
    rgb = np.full((90, 130, 3), 120, np.uint8)
    rgb[back > 0], rgb[front > 0] = (20, 40, 200), (210, 30, 30)
    return rgb, [front > 0, (back > 0) & (front == 0)]


@pytest.mark.parametrize("suite", SUITES)
def test_scenes_recompose_exactly_whatever_fills(suite: str) -> None:
    for seed in range(20_000, 20_002):
        scene = draw(suite, seed)
        for fill in (Noise(), Membrane()):
            stack = peel(picture(scene), nothing, fill, proposer=truth(scene))
            assert_stack_is(stack, picture(scene))
            assert len(stack.layers) == min(8, len(scene.objects))
            assert stack.stop.rule == StopRule.NOTHING


@pytest.mark.parametrize("suite", SUITES)
def test_scenes_recompose_exactly_whatever_is_seen(suite: str) -> None:
    scene = draw(suite, 20_001)
    for segmenter in (nothing, Bright()):
        for kind in PeelKind:
            settings = PeelSettings(kind=kind)
            assert_stack_is(peel(picture(scene), segmenter, Noise(), settings), picture(scene))


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (8, 8), (5, 300), (300, 5), (33, 17)])
@pytest.mark.parametrize("kind", PeelKind)
def test_any_size_recomposes(size: tuple[int, int], kind: PeelKind) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*size, 3)).astype(np.uint8)
    matte = np.zeros(size, np.float32)
    matte[: -(-size[0] // 2), : -(-size[1] // 2)] = 1
    for proposer in (None, KnownMattes((matte,)), KnownMattes((np.ones(size, np.float32),))):
        settings = PeelSettings(kind=kind)
        assert_stack_is(peel(image, Bright(), Noise(), settings, proposer=proposer), image)


def test_nothing_found_is_no_layer_and_the_picture_itself() -> None:
    image = np.full((40, 50, 3), 90, np.uint8)
    stack = peel(image, nothing, Noise())
    assert stack.layers == () and stack.stop.rule == StopRule.NOTHING
    assert np.array_equal(stack.background[..., :3], image)
    assert (stack.background[..., 3] == 255).all() and not stack.invented.any()


@pytest.mark.parametrize("soft", [False, True])
def test_a_picture_with_its_own_alpha_recomposes_exactly(soft: bool) -> None:
    rng = np.random.default_rng(4)
    for seed in range(20_000, 20_003):
        scene = draw("texture", seed)
        alpha = np.full(scene.size, 255, np.uint8)
        alpha[:30, 20:] = rng.integers(0, 256, (30, scene.size[1] - 20)) if soft else 0
        alpha[50:, 30:] = 0
        image = np.dstack([picture(scene), alpha])
        stack = peel(image, nothing, Noise(), proposer=truth(scene))
        assert_stack_is(stack, image)
        # Nothing that was not opaque is shared: at most one part of the stack holds it.
        parts = [stack.background, *(layer.rgba for layer in stack.layers)]
        holders = np.sum([part[..., 3] > 0 for part in parts], axis=0)
        assert (holders[alpha < 255] <= 1).all()


def test_pixel_art_keeps_its_grid_palette_and_hard_edges() -> None:
    rng = np.random.default_rng(7)
    scene = pixel_scene(rng, 7, 64)
    for factor in (1, 3):
        image = np.repeat(np.repeat(picture(scene), factor, 0), factor, 1)[1:, 2:]
        seen = [
            np.repeat(np.repeat(m, factor, 0), factor, 1) for m in visible_mattes(scene).values()
        ]
        mattes = tuple(np.ascontiguousarray(m[1:, 2:]) for m in seen)
        stack = peel(image, nothing, Noise(), proposer=KnownMattes(mattes))
        assert_stack_is(stack, image)
        assert stack.kind == PictureKind.PIXEL
        assert stack.grid % factor == 0
        palette = colors_of(image)
        for part in (stack.background, *(layer.rgba for layer in stack.layers)):
            assert set(np.unique(part[..., 3])) <= {0, 255}
            assert colors_of(part[part[..., 3] > 0]) <= palette


def test_art_with_a_few_wrong_pixels_still_recomposes() -> None:
    scene = pixel_scene(np.random.default_rng(9), 9, 64)
    image = np.repeat(np.repeat(picture(scene), 4, 0), 4, 1)
    image[10, 11] = image[200, 101] = (1, 2, 3)
    mattes = tuple(np.repeat(np.repeat(m, 4, 0), 4, 1) for m in visible_mattes(scene).values())
    stack = peel(image, nothing, Noise(), proposer=KnownMattes(mattes))
    assert stack.kind == PictureKind.PIXEL and stack.grid >= 4
    assert_stack_is(stack, image)


def test_by_group_makes_one_layer_of_all_that_nothing_covers() -> None:
    image = np.random.default_rng(1).integers(0, 80, (60, 90, 3)).astype(np.uint8)
    one, other = np.zeros((2, 60, 90), np.float32)
    one[10:30, 10:30], other[20:50, 50:80] = 1, 1
    image[one > 0], image[other > 0] = (200, 50, 60), (80, 220, 40)
    by_object = peel(image, nothing, Membrane(), proposer=KnownMattes((one, other)))
    settings = PeelSettings(by=PeelBy.GROUP)
    by_group = peel(image, nothing, Membrane(), settings, proposer=KnownMattes((one, other)))
    assert (len(by_object.layers), len(by_group.layers)) == (2, 1)
    assert np.array_equal(by_group.layers[0].rgba[..., 3] > 0, (one + other) > 0)
    assert_stack_is(by_group, image)


def test_what_was_invented_is_written_down() -> None:
    scene = draw("texture", 20_002)
    stack = peel(picture(scene), nothing, Membrane(), proposer=truth(scene))
    solid = np.zeros(scene.size, bool)
    for layer in stack.layers:
        solid |= layer.rgba[..., 3] >= 230
    assert np.array_equal(stack.invented > 0, solid)


@pytest.mark.parametrize(
    ("rule", "settings", "matte"),
    [
        (StopRule.BUDGET, PeelSettings(max_layers=0), 1.0),
        (StopRule.UNSURE, PeelSettings(kind=PeelKind.PHOTO), 0.55),
        (StopRule.NOTHING, PeelSettings(kind=PeelKind.PHOTO, min_share=0.5), 1.0),
        (StopRule.TIME, PeelSettings(max_seconds=1e-9), 1.0),
        (StopRule.INVENTED, PeelSettings(kind=PeelKind.PHOTO, invented=0.01), 1.0),
        # The fill leaves nothing to be seen there, and the same place is shown again.
        (StopRule.HALLUCINATED, PeelSettings(kind=PeelKind.PHOTO), 1.0),
        (StopRule.GHOST, PeelSettings(kind=PeelKind.PHOTO, hallucinated=1), 1.0),
    ],
)
def test_every_rule_ends_a_peel(rule: StopRule, settings: PeelSettings, matte: float) -> None:
    image = np.random.default_rng(5).integers(0, 256, (80, 80, 3)).astype(np.uint8)
    shown = np.zeros((80, 80), np.float32)
    shown[20:50, 20:50] = matte
    stack = peel(image, Fixed(shown), Noise(), settings)
    assert stack.stop.rule == rule
    assert stack.stop.detail
    assert_stack_is(stack, image)


def test_a_whole_picture_is_a_backdrop_and_no_object() -> None:
    image = np.random.default_rng(0).integers(0, 256, (40, 40, 3)).astype(np.uint8)
    stack = peel(image, Fixed(np.ones((40, 40), np.float32)), Noise())
    assert stack.layers == () and stack.stop.rule == StopRule.BACKDROP


def test_the_same_seed_gives_the_same_bytes() -> None:
    scene = draw("flat", 20_000)
    first, second = (peel(picture(scene), Bright(), Noise()) for _ in range(2))
    assert np.array_equal(first.background, second.background)
    assert all(
        np.array_equal(a.rgba, b.rgba) for a, b in zip(first.layers, second.layers, strict=True)
    )


def test_evidence_is_shown_as_it_comes_up() -> None:
    scene = draw("texture", 20_002)
    shown: dict[str, NDArray[np.generic]] = {}
    stack = peel(
        picture(scene), nothing, Membrane(), proposer=truth(scene), watch=shown.__setitem__
    )
    assert np.array_equal(shown["layer-01/rgba"], stack.layers[-1].rgba)
    assert "pass-01/labels" in shown


def test_a_segmenter_that_sees_ghosts_for_ever_is_stopped() -> None:
    image = np.full((60, 60, 3), 100, np.uint8)
    rng = np.random.default_rng(0)

    def restless(images: list[Rgb]) -> list[NDArray[np.float32]]:
        matte = np.zeros((60, 60), np.float32)
        top, left = rng.integers(0, 45, 2)
        matte[top : top + 14, left : left + 14] = 1
        return [matte]

    stack = peel(image, restless, Membrane(), PeelSettings(kind=PeelKind.PHOTO))
    assert stack.layers == () and stack.stop.rule == StopRule.GHOST


def test_what_is_mostly_completed_behind_others_is_no_layer_for_its_scraps() -> None:
    image = np.full((80, 120, 3), 90, np.uint8)
    lifted, scrap = np.zeros((80, 120), np.float32), np.zeros((80, 120), np.float32)
    lifted[20:60, 20:60], scrap[30:40, 47:77] = 1, 1
    image[scrap > 0], image[lifted > 0] = (30, 200, 60), (220, 60, 40)

    def once_more(rgb: Rgb, known: NDArray[np.int32], step: int) -> Proposal:
        return Proposal((lifted if step == 1 else scrap,) if step < 3 else ())

    for least, layers in ((0.01, 2), (0.02, 1)):
        settings = PeelSettings(kind=PeelKind.PHOTO, min_share=least)
        stack = peel(image, nothing, Noise(), settings, proposer=once_more)
        assert len(stack.layers) == layers
        assert_stack_is(stack, image)
    assert "are seen of it" in stack.stop.detail


def test_what_is_stopped_from_outside_is_still_whole() -> None:
    scene = draw("texture", 20_002)
    asked = iter([False, False, True])
    stack = peel(
        picture(scene), nothing, Membrane(), proposer=truth(scene), stop=lambda: next(asked, True)
    )
    assert stack.stop.rule == StopRule.TIME
    assert_stack_is(stack, picture(scene))


def test_a_peel_takes_what_is_held_for_uncovered_first() -> None:
    rgb = np.full((*SIZE, 3), 128, np.uint8)
    rgb[NEAR > 0] = rgb[FAR > 0] = (200, 60, 40)  # one colour: only the second look tells
    settings = PeelSettings(kind=PeelKind.PHOTO)
    for top, other in ((NEAR, FAR), (FAR, NEAR)):
        looks = Fixed(union(NEAR, FAR))
        stack = peel(rgb, looks, Membrane(), settings, front=Fixed(top))
        assert np.array_equal(stack.composed(), rgb)
        masks = [layer.rgba[..., 3] > 127 for layer in stack.layers]
        assert overlap(masks[-1], top) > 0.95
        assert (masks[-2] & (other > 0.5)).sum() > 0.95 * (other > 0.5).sum()


def test_the_surest_of_what_nothing_covers_comes_off_first() -> None:
    rgb = np.full((*SIZE, 3), 128, np.uint8)
    low, high = box(20, 50, 40, 75), box(70, 5, 100, 40)
    rgb[low > 0], rgb[high > 0] = (200, 60, 40), (40, 60, 200)
    for sure, unsure in ((low, high), (high, low)):
        looks = Fixed(union(low, high)), Fixed(union(sure, 0.7 * unsure))
        settings = PeelSettings(kind=PeelKind.PHOTO)
        stack = peel(rgb, looks[0], Membrane(), settings, front=looks[1])
        assert overlap(stack.layers[-1].rgba[..., 3] > 127, sure) > 0.95
        assert overlap(stack.layers[-2].rgba[..., 3] > 127, unsure) > 0.95


def test_flat_art_is_peeled_without_any_segmenter() -> None:
    rgb, seen = two_disks()
    stack = peel(rgb, nothing, Membrane(), PeelSettings(kind=PeelKind.FLAT))
    assert np.array_equal(recomposed(stack)[..., :3], rgb)
    assert len(stack.layers) == 2
    _, front = (layer.rgba[..., 3] / np.float32(255) for layer in stack.layers)
    assert soft_overlap(front, seen[0].astype(np.float32)) > 0.95
    # The one behind goes on behind the one in front.
    assert stack.layers[0].evidence.hidden_px > 100
    assert stack.edges[0].front == 2 and stack.edges[0].behind == 1
    assert np.abs(stack.background[..., :3].astype(int) - 120).mean() < 1
