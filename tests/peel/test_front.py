"""Two looks at a picture: whole things, and what nothing covers."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fakes import MODEL, Fixed

from birefcli.image.types import Matte
from birefcli.inpaint.membrane import Membrane
from birefcli.models.peel_models import is_topmost, load_peel_models, partner_of
from birefcli.models.store import ModelFile, resolve
from birefcli.peel.front import both_sides
from birefcli.peel.loop import peel
from birefcli.peel.order import order_of
from birefcli.peel.sift import objection
from birefcli.settings.model import ModelSettings
from birefcli.settings.peel import PeelKind, PeelSettings
from birefcli.stack.types import Kind, StopRule

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


def test_what_is_covered_is_parted_from_what_covers_it() -> None:
    front, rest = both_sides(union(NEAR, FAR), NEAR, 20)
    assert overlap(front, NEAR) > 0.99
    assert overlap(rest, FAR) > 0.99


@pytest.mark.parametrize("front", [union(NEAR, FAR), np.zeros(SIZE, np.float32), NEAR * 0.5])
def test_a_part_that_is_all_one_or_not_plain_stays_whole(front: Matte) -> None:
    whole = union(NEAR, FAR)
    (only,) = both_sides(whole, np.asarray(front, np.float32), 20)
    assert np.array_equal(only, whole)


def test_doubt_that_fades_across_a_thing_parts_nothing() -> None:
    whole = box(10, 20, 110, 60)
    fading = whole * np.linspace(1, 0, SIZE[1], dtype=np.float32)
    assert len(both_sides(whole, fading, 20)) == 1
    stepped = np.where(np.arange(SIZE[1]) < 60, np.maximum(fading, 0.7 * whole), 0.3 * fading)
    assert len(both_sides(whole, np.asarray(stepped, np.float32), 20)) == 2


def test_strips_along_an_edge_part_nothing() -> None:
    whole = union(NEAR, FAR)
    smaller = union(box(22, 22, 60, 58), box(60, 32, 98, 68))
    assert len(both_sides(whole, smaller, 5)) == 1


def test_both_sides_share_the_matte_and_lose_nothing_of_it() -> None:
    soft = np.clip(union(NEAR, FAR) + box(10, 10, 110, 78, 0.3), 0, 1)
    sides = both_sides(np.asarray(soft, np.float32), NEAR, 20)
    assert len(sides) == 2
    assert np.array_equal(sides[0] + sides[1], soft)


def test_what_is_held_for_uncovered_is_in_front() -> None:
    # Two boxes side by side: nothing in their outlines says who is in front.
    labels = np.zeros(SIZE, np.int32)
    labels[20:60, 20:60], labels[20:60, 60:100] = 1, 2
    first, second = np.where(labels == 1, 1, 0), np.where(labels == 2, 1, 0)
    told = [order_of(labels, front=np.asarray(f, np.float32)).cues for f in (first, second)]
    assert told[0][1, 2].score == pytest.approx(1)
    assert told[1][1, 2].score == pytest.approx(-1)
    assert told[0][2, 1].score == -told[0][1, 2].score


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


def test_scraps_beside_what_was_lifted_are_no_things() -> None:
    lifted, scrap = box(20, 20, 70, 70) > 0.5, box(90, 20, 100, 28)
    nowhere = np.zeros(SIZE, bool)

    def against(peeled: Sequence[np.ndarray], settings: PeelSettings) -> object:
        return objection(scrap, kind=Kind.PHOTO, invented=nowhere, peeled=peeled, settings=settings)

    assert against([], PeelSettings()) is None
    assert against([scrap > 0.5], PeelSettings(ghost=1, leftover=1)) is None
    found = against([lifted], PeelSettings())
    assert found is not None
    assert found.rule == StopRule.NOTHING  # type: ignore[attr-defined]
    assert against([lifted], PeelSettings(scrap=0)) is None


def test_what_lines_a_lifted_layer_is_no_layer() -> None:
    lifted = box(20, 20, 60, 60) > 0.5
    line, own = box(60, 20, 62, 60), box(60, 20, 90, 60)
    settings = PeelSettings(min_area=0)
    nowhere = np.zeros(SIZE, bool)

    def against(matte: Matte, peeled: Sequence[np.ndarray]) -> object:
        return objection(matte, kind=Kind.PHOTO, invented=nowhere, peeled=peeled, settings=settings)

    found = against(line, [lifted])
    assert found is not None
    assert found.rule == StopRule.GHOST  # type: ignore[attr-defined]
    assert against(line, []) is None
    assert against(own, [lifted]) is None


def named(name: str) -> ModelFile:
    return resolve(name, consent=False, offline=True, accept_licence=False, say=print)


def test_the_bundled_models_stand_beside_one_another() -> None:
    assert is_topmost(named("compact-peel"))
    assert not is_topmost(named("compact"))
    assert partner_of(named("compact-peel")).name == "compact"
    assert partner_of(named("compact")).name == partner_of(MODEL).name == "compact-peel"


def test_a_run_that_was_trained_for_the_top_is_known_by_its_file(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    for recipe, expected in (('{"target": "top"}', True), ('{"target": "all"}', False)):
        path = tmp_path / "best.safetensors"
        save_file({"x": np.zeros(1)}, path, {"recipe": recipe})
        assert is_topmost(replace(MODEL, path=path)) is expected


def test_both_kinds_are_found_whichever_model_is_named() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    said: list[str] = []
    pairs = [
        load_peel_models(ModelSettings(), named(n), said.append)
        for n in ("compact", "compact-peel")
    ]
    for pair in pairs:
        assert pair.topmost is not None
        assert np.array_equal(pair.whole([rgb])[0], pairs[0].whole([rgb])[0])
        assert np.array_equal(pair.topmost([rgb])[0], pairs[0].topmost([rgb])[0])  # type: ignore[misc]
    assert said[1] == "compact-peel beside it, for what nothing covers"
    assert said[3] == "compact beside it, for whole things"


def test_a_large_picture_is_parted_as_its_small_copy_is() -> None:
    large = [np.kron(m, np.ones((24, 24), np.float32)) for m in (union(NEAR, FAR), NEAR, FAR)]
    front, rest = both_sides(large[0], large[1], 20)
    assert overlap(front, large[1]) > 0.99
    assert overlap(rest, large[2]) > 0.99
    assert np.array_equal(front + rest, large[0])
