"""The seeded suites: drawn alike every time, exact, within their rules, and true about cover."""

from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from birefcli.image.types import Matte, Rgb
from birefcli.matte.foreground import over8
from birefcli.scenes.suites.draw import (
    FIRST_TRAINING_SEED,
    MODEL_SEEDS,
    REPORT_SEEDS,
    TUNING_SEEDS,
    draw_suite,
)
from birefcli.scenes.suites.hard_cases import KINDS
from birefcli.scenes.suites.layered import (
    LayeredScene,
    LayerRole,
    SceneLayer,
    composed,
    cycles,
    foreground_matte,
    paint,
    pairs,
    peeled,
    picture,
    top_matte,
    uncovered,
    visible_mattes,
)
from birefcli.scenes.suites.materials import plain
from birefcli.scenes.suites.placement import LEAST_VISIBLE, MOST_COVERED
from birefcli.settings.synth import Suite

each = pytest.mark.parametrize("suite", list(Suite))
SIDE = 96  # quick
BLACK = plain(np.zeros(3, np.float32))


def scenes(suite: Suite, count: int = 40, side: int | None = SIDE) -> list[LayeredScene]:
    """Some scenes on tuning seeds."""
    return [draw_suite(suite, seed, side) for seed in TUNING_SEEDS[:count]]


def stacked(*boxes: tuple[int, int, int, int], side: int = 40) -> LayeredScene:
    """A scene of boxes (left, top, right, bottom), bottom up."""
    layers = []
    for left, top, right, bottom in boxes:
        alpha = np.zeros((side, side), np.uint8)
        alpha[top:bottom, left:right] = 255
        layers.append(paint("box", alpha, BLACK))
    return LayeredScene("test", 0, np.full((side, side, 3), 9, np.uint8), tuple(layers), {})


def by_pillow(background: Rgb, layers: tuple[SceneLayer, ...]) -> Rgb:
    """Lay layers over a background with Pillow."""
    page = Image.fromarray(background).convert("RGBA")
    for layer in layers:
        page.alpha_composite(Image.fromarray(layer.rgba))
    return np.array(page.convert("RGB"))


# Exactness


def test_over8_rounds_exactly_and_as_pillow_does_for_every_alpha_and_colour() -> None:
    front, back = np.indices((256, 256))
    backdrop = np.repeat(back.astype(np.uint8)[..., None], 3, 2)
    rgba = np.repeat(front.astype(np.uint8)[..., None], 4, 2)
    base = Image.fromarray(backdrop).convert("RGBA")
    for alpha in range(256):
        rgba[..., 3] = alpha
        exact = (2 * (alpha * front + (255 - alpha) * back) + 255) // 510
        laid = over8(rgba, backdrop)
        assert (laid == exact[..., None]).all()
        pillow = Image.alpha_composite(base, Image.fromarray(rgba)).getchannel(0)
        assert (np.array(pillow) == exact).all()


@each
def test_pillow_lays_the_layers_back_to_the_picture_bit_for_bit(suite: Suite) -> None:
    for scene in scenes(suite, 14):
        assert (by_pillow(scene.background, scene.layers) == composed(scene)).all()
        if scene.jpeg is None:
            assert (picture(scene) == composed(scene)).all()


@each
def test_a_scene_depends_on_its_seed_and_size_alone(suite: Suite) -> None:
    one, other, again = (draw_suite(suite, seed, SIDE) for seed in (3, 4, 3))
    assert one.parameters == again.parameters and len(one.layers) == len(again.layers)
    assert (picture(one) == picture(again)).all()
    for layer, twin in zip(one.layers, again.layers, strict=True):
        assert (layer.rgba == twin.rgba).all() and layer.name == twin.name
    assert one.size != other.size or (picture(one) != picture(other)).any()


def test_suites_differ_on_one_seed() -> None:
    pictures = [picture(draw_suite(suite, 1, 64)) for suite in (Suite.FLAT, Suite.TEXTURE)]
    assert (pictures[0] != pictures[1]).any()


def test_canvases_have_the_sizes_of_the_suites() -> None:
    assert {draw_suite(suite, 5).size for suite in (Suite.FLAT, Suite.TEXTURE, Suite.HARD)} == {
        (512, 512)
    }
    assert draw_suite(Suite.SCENE, 5).size == (480, 640)
    assert draw_suite(Suite.SCENE, 5, 120).size == (120, 160)
    natives = {tuple(scene.parameters["native"].values()) for scene in scenes(Suite.PIXEL)}
    assert all(64 <= side <= 160 for native in natives for side in native) and len(natives) > 20


def test_seed_ranges_never_meet() -> None:
    ranges = (REPORT_SEEDS, TUNING_SEEDS, MODEL_SEEDS)
    assert all(a.stop == b.start for a, b in pairwise(ranges))
    assert MODEL_SEEDS.stop <= FIRST_TRAINING_SEED


# Rules of the suites


@each
def test_every_object_stays_visible_and_none_covers_most_of_another(suite: Suite) -> None:
    for scene in scenes(suite):
        for matte in visible_mattes(scene).values():
            assert matte.sum() >= LEAST_VISIBLE * matte.size - 0.01
        mattes = [layer.matte for layer in scene.objects.values()]
        for number, behind in enumerate(mattes):
            for front in mattes[number + 1 :]:
                assert (front * behind).sum() <= MOST_COVERED * behind.sum() + 0.01


@pytest.mark.parametrize(
    ("suite", "fewest", "most"),
    [(Suite.FLAT, 2, 6), (Suite.PIXEL, 2, 4), (Suite.TEXTURE, 2, 5), (Suite.SCENE, 2, 5)],
)
def test_counts_keep_their_range_and_four_scenes_in_five_overlap(
    suite: Suite, fewest: int, most: int
) -> None:
    drawn = scenes(suite)
    counts = [len(scene.objects) for scene in drawn]
    assert min(counts) >= fewest and max(counts) == most
    assert np.mean([bool(pairs(scene)) for scene in drawn]) >= 0.8


def test_pixel_art_has_sixteen_colours_hard_edges_and_one_grid() -> None:
    for scene in scenes(Suite.PIXEL, side=None)[:20]:
        palette = {bytes.fromhex(color[1:]) for color in scene.parameters["palette"]}
        assert len(palette) == 16
        assert {bytes(color) for color in picture(scene).reshape(-1, 3)} <= palette
        for layer in scene.layers:
            assert set(np.unique(layer.alpha)) <= {0, 255}
        factor = scene.parameters["factor"]
        assert factor in (1, 4)
        small = picture(scene)[::factor, ::factor]
        assert (np.repeat(np.repeat(small, factor, 0), factor, 1) == picture(scene)).all()


def test_pixel_art_is_outlined_in_its_darkest_colour() -> None:
    scene = draw_suite(Suite.PIXEL, 2, 64)
    dark = bytes.fromhex(scene.parameters["palette"][0][1:])
    for layer in scene.layers:
        inside = layer.alpha[1:-1, 1:-1] > 0
        above = layer.alpha[:-2, 1:-1] > 0
        rim = layer.rgba[1:-1, 1:-1][inside & ~above]
        assert {bytes(color) for color in rim[:, :3]} == {dark}


def test_a_fifth_of_the_flat_pictures_went_through_jpeg() -> None:
    drawn = scenes(Suite.FLAT, 80, 64)
    compressed = [scene for scene in drawn if scene.jpeg is not None]
    assert 8 <= len(compressed) <= 26 and {scene.jpeg for scene in compressed} == {85}
    assert all((picture(scene) != composed(scene)).any() for scene in compressed)


def test_flat_grounds_come_in_thirds() -> None:
    kinds = [scene.parameters["background"] for scene in scenes(Suite.FLAT, 90, 32)]
    patterned = kinds.count("stripes") + kinds.count("checker")
    assert all(18 <= n <= 42 for n in (kinds.count("solid"), kinds.count("gradient"), patterned))


def test_half_of_the_textured_edges_are_blurred() -> None:
    blurs = [o["blur"] for scene in scenes(Suite.TEXTURE) for o in scene.parameters["objects"]]
    sharp = sum(blur == 0 for blur in blurs)
    assert 0.35 <= sharp / len(blurs) <= 0.65
    assert all(0.8 <= blur <= 3 for blur in blurs if blur)


def test_nearer_things_of_a_staged_scene_are_larger_and_in_front() -> None:
    for scene in scenes(Suite.SCENE, 10):
        things = scene.parameters["objects"]
        assert all(a["depth"] <= b["depth"] for a, b in pairwise(things))
        assert all(a["radius"] <= b["radius"] for a, b in pairwise(things))


def test_shadows_are_layers_but_neither_objects_nor_mask() -> None:
    drawn = scenes(Suite.SCENE, 60, 60)
    shadowed = [s for s in drawn if any(layer.kind == LayerRole.SHADOW for layer in s.layers)]
    assert 10 <= len(shadowed) <= 27
    for scene in shadowed:
        for number, layer in enumerate(scene.layers, 1):
            if layer.kind == LayerRole.SHADOW:
                assert layer.of == number + 1 and 0 < layer.alpha.max() < 170
        bare = [layer.matte for layer in scene.objects.values()]
        assert np.allclose(foreground_matte(scene), 1 - np.prod([1 - m for m in bare], 0))


@pytest.mark.parametrize("kind", KINDS)
def test_hard_kinds_take_turns(kind: str) -> None:
    seeds = range(KINDS.index(kind), 40, len(KINDS))
    assert len(seeds) >= 5
    for scene in (draw_suite(Suite.HARD, seed, SIDE) for seed in seeds):
        assert scene.parameters["kind"] == kind
        counts = {"no-object": (0, 0), "single": (1, 1), "rings": (2, 2), "same-color": (2, 3)}
        fewest, most = counts.get(kind, (1, 3))
        assert fewest <= len(scene.objects) <= most
        assert cycles(scene) == (((1, 2),) if kind == "rings" else ())
        if kind == "frame":
            for matte in visible_mattes(scene).values():
                edges = (matte[0], matte[-1], matte[:, 0], matte[:, -1])
                assert any(edge.max() > 0.5 for edge in edges)
        if kind == "no-object":
            assert uncovered(scene) == () and not top_matte(scene).any()


# What covers what


def hidden_share(scene: LayeredScene, number: int) -> tuple[float, float]:
    """How many pixels of an object later objects hide, and how many it has, pixel by pixel."""
    whole = scene.layers[number - 1].matte
    hidden = 0.0
    for y, x in zip(*np.nonzero(whole), strict=True):
        clear = 1.0
        for later in scene.layers[number:]:
            if later.kind == LayerRole.OBJECT:
                clear *= 1 - float(later.rgba[y, x, 3]) / 255
        hidden += float(whole[y, x]) * (1 - clear)
    return hidden, float(whole.sum())


@pytest.mark.parametrize("suite", [Suite.FLAT, Suite.TEXTURE, Suite.SCENE])
def test_uncovered_agrees_with_looking_at_every_pixel(suite: Suite) -> None:
    for scene in scenes(suite, 5, 48):
        for number in scene.objects:
            hidden, area = hidden_share(scene, number)
            assert (number in uncovered(scene)) == (hidden <= max(8, 0.005 * area))
            seen = visible_mattes(scene)[number].sum()
            assert seen == pytest.approx(area - hidden, abs=0.05)


def test_a_few_hidden_pixels_do_not_cover() -> None:
    assert uncovered(stacked((0, 0, 10, 10), (8, 6, 20, 20))) == (1, 2)  # 8 pixels
    assert uncovered(stacked((0, 0, 10, 10), (7, 7, 20, 20))) == (2,)  # 9 pixels
    # Half a percent of 10,000 pixels is 50.
    assert uncovered(stacked((0, 0, 100, 100), (0, 0, 10, 5), side=100)) == (1, 2)
    assert uncovered(stacked((0, 0, 100, 100), (0, 0, 17, 3), side=100)) == (2,)


def test_pairs_say_who_is_in_front_and_by_how_much() -> None:
    scene = stacked((0, 0, 10, 10), (30, 30, 40, 40), (5, 5, 15, 15))
    (pair,) = pairs(scene)
    assert (pair.front, pair.behind, pair.overlap) == (3, 1, 25)


def test_a_knot_is_one_thing_that_nothing_covers() -> None:
    scene = draw_suite(Suite.HARD, 0, SIDE)
    assert {(pair.front, pair.behind) for pair in pairs(scene)} == {(1, 2), (2, 1)}
    assert uncovered(scene) == (1, 2)
    assert np.allclose(top_matte(scene), foreground_matte(scene), atol=1e-5)
    assert not peeled(scene).layers
    # Taken apart, each ring is hidden where the other crosses over it.
    whole = [layer.matte.sum() for layer in scene.objects.values()]
    seen = [matte.sum() for matte in visible_mattes(scene).values()]
    assert all(some < all_ - 8 for some, all_ in zip(seen, whole, strict=True))


def test_something_that_covers_a_knot_is_taken_first() -> None:
    scene = draw_suite(Suite.HARD, 0, SIDE)
    everywhere = np.full(scene.size, 255, np.uint8)
    lid = LayeredScene(
        "test", 0, scene.background, (*scene.layers, paint("lid", everywhere, BLACK)), {}
    )
    assert uncovered(lid) == (4,) and uncovered(peeled(lid)) == (1, 2)


@each
def test_peeling_takes_every_object_once_and_ends_with_the_background(suite: Suite) -> None:
    for scene in scenes(suite, 10):
        left, rounds = scene, 0
        while left.objects:
            gone = uncovered(left)
            assert gone
            after = peeled(left)
            assert len(after.objects) == len(left.objects) - len(gone)
            for layer in after.layers:
                if layer.of is not None:
                    assert after.layers[layer.of - 1].kind == LayerRole.OBJECT
            left, rounds = after, rounds + 1
        assert not left.layers and rounds <= len(scene.objects)
        assert (composed(left) == scene.background).all()


@each
def test_what_is_visible_of_all_adds_up_to_the_foreground(suite: Suite) -> None:
    for scene in scenes(suite, 10):
        if not cycles(scene):
            total: Matte = sum(visible_mattes(scene).values(), np.zeros(scene.size, np.float32))
            assert np.allclose(total, foreground_matte(scene), atol=1e-5)
            assert (top_matte(scene) <= total + 1e-5).all()
