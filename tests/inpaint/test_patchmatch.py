import numpy as np
import pytest
from numpy.typing import NDArray

from birefcli.image.types import Rgb
from birefcli.inpaint import patchmatch
from birefcli.inpaint.choose import visible_difference
from birefcli.inpaint.field import Field
from birefcli.inpaint.membrane import Membrane
from birefcli.inpaint.patchmatch import PatchMatch
from birefcli.inpaint.seams import level_seams

Mask = NDArray[np.bool_]


def box_hole(size: tuple[int, int], top: int, left: int, bottom: int, right: int) -> Mask:
    hole = np.zeros(size, bool)
    hole[top:bottom, left:right] = True
    return hole


def pierced(rgb: Rgb, hole: Mask) -> Rgb:
    return np.where(hole[..., None], np.array([255, 0, 255], np.uint8), rgb)


def weave(height: int, width: int, seed: int = 0) -> Rgb:
    """A cloth of slanted threads, lit from the left, with grain."""
    y, x = np.mgrid[:height, :width]
    grey = 90 + 40 * np.sin(x * 0.7 + y * 0.35) + 0.3 * x
    grain = np.random.default_rng(seed).normal(0, 3, (height, width, 3))
    cloth: Rgb = np.clip(grey[..., None] * [1, 0.8, 0.6] + grain, 0, 255).astype(np.uint8)
    return cloth


def test_a_texture_goes_on_where_a_membrane_blurs_it() -> None:
    rgb = weave(110, 130)
    hole = box_hole((110, 130), 35, 45, 75, 90)
    ours, smooth = (fill(pierced(rgb, hole), hole) for fill in (PatchMatch(), Membrane()))
    assert visible_difference(ours, rgb, hole) < 0.4 * visible_difference(smooth, rgb, hole)
    assert np.abs(ours.astype(int) - rgb)[hole].mean() < 8


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (90, 90, 3), dtype=np.uint8)
    hole = box_hole((90, 90), 30, 30, 60, 60)
    one, again, other = (PatchMatch()(rgb, hole, seed=seed) for seed in (4, 4, 5))
    np.testing.assert_array_equal(one, again)
    assert (one != other).any()


def test_light_goes_on_across_a_hole() -> None:
    # Copies alone would bring the light of the place that they come from.
    y, x = np.mgrid[:100, :100]
    grain = np.random.default_rng(0).normal(0, 1, (100, 100, 3))
    rgb: Rgb = (np.stack([x + y, 200 - x, 40 + y], -1) + grain).round().astype(np.uint8)
    hole = box_hole((100, 100), 30, 30, 70, 70)
    apart = np.abs(PatchMatch()(pierced(rgb, hole), hole).astype(int) - rgb)[hole]
    assert np.percentile(apart, 95) <= 8


def test_nothing_comes_from_outside_the_source() -> None:
    # Red lies nearest to the hole, and may tint it, but is not to be copied.
    rgb = weave(100, 120)
    hole = box_hole((100, 120), 40, 45, 65, 75)
    near = box_hole((100, 120), 30, 35, 75, 85) & ~hole
    rgb[near] = (255, 0, 0)
    is_red = (PatchMatch()(rgb, hole, source=~near) == (255, 0, 0)).all(-1)
    assert not is_red[hole].any()
    assert (PatchMatch()(rgb, hole) == (255, 0, 0)).all(-1)[hole].any()


def test_a_field_takes_whole_patches_of_the_source_alone() -> None:
    rgb = weave(60, 70).astype(np.float32)
    hole = box_hole((60, 70), 20, 25, 40, 45)
    source = ~hole & (np.arange(70) < 60)
    field = Field(rgb, hole, source, np.ones_like(hole))
    random = np.random.default_rng(0)
    field.match_all()
    for _ in range(3):
        field.compose()
        field.improve(random)
    field.compose()
    rows, columns = field.origins()
    assert source[rows[hole], columns[hole]].all()
    np.testing.assert_array_equal(rows[~hole], np.nonzero(~hole)[0])
    np.testing.assert_array_equal(field.picture(), rgb[rows, columns])


def test_improving_never_makes_a_patch_worse() -> None:
    rgb = weave(60, 70).astype(np.float32)
    hole = box_hole((60, 70), 20, 25, 40, 45)
    rgb[hole] = 128
    field = Field(rgb, hole, ~hole, np.ones_like(hole))
    start = np.flatnonzero(field.is_source)[0]
    field.at[:] = start
    before = field._costs(slice(None), field.at)
    field.improve(np.random.default_rng(0))
    # No costs are known before, so no fee stands between a patch and a better source.
    assert (field.cost <= before + 0.01).all()
    assert (field.cost < before).mean() > 0.4


def test_a_large_hole_is_matched_at_half_size(monkeypatch: pytest.MonkeyPatch) -> None:
    rgb = weave(140, 150)
    hole = box_hole((140, 150), 45, 45, 95, 105)
    monkeypatch.setattr(patchmatch, "MATCHED", 1000)
    filled = PatchMatch()(pierced(rgb, hole), hole)
    np.testing.assert_array_equal(filled[~hole], rgb[~hole])
    smooth = Membrane()(pierced(rgb, hole), hole)
    assert visible_difference(filled, rgb, hole) < 0.6 * visible_difference(smooth, rgb, hole)


def test_two_regions_meet_in_a_sharp_line() -> None:
    y, x = np.mgrid[:90, :100]
    labels = (y + x // 4 > 55).astype(np.int32)
    cloth, sand = weave(90, 100), weave(90, 100, seed=1)[..., ::-1] // 2 + 110
    rgb = np.where(labels[..., None] > 0, sand, cloth).astype(np.uint8)
    hole = box_hole((90, 100), 25, 30, 70, 75)
    filled = PatchMatch()(pierced(rgb, hole), hole, labels=labels).astype(int)
    is_sand = filled[..., 2] > filled[..., 0]
    assert (is_sand == labels)[hole].mean() > 0.98


def test_levelling_takes_a_step_away_and_keeps_what_was_copied() -> None:
    # The hole was copied from where it is 20 levels lighter.
    y, x = np.mgrid[:40, :70]
    rgb = np.random.default_rng(0).normal(100, 5, (40, 70, 3)).astype(np.float32)
    rgb[:, 40:] += 20
    hole = box_hole((40, 70), 10, 15, 30, 25)
    rows, columns = y.copy(), x.copy()
    columns[hole] += 35
    copied = rgb[rows, columns]
    levelled = level_seams(copied, hole, ~hole, rows, columns)
    np.testing.assert_array_equal(levelled[~hole], rgb[~hole])
    assert copied[hole].mean() > 115
    assert abs(levelled[hole].mean() - 100) < 3
    inner = np.diff(levelled, axis=1)[12:28, 17:23] - np.diff(copied, axis=1)[12:28, 17:23]
    assert np.abs(inner).max() < 3


def test_levelling_leaves_a_mismatch_sharp() -> None:
    y, x = np.mgrid[:30, :60]
    rgb = np.where(x[..., None] < 40, 20.0, 240.0).astype(np.float32).repeat(3, -1)
    hole = box_hole((30, 60), 10, 10, 20, 20)
    columns = np.where(hole, x + 35, x)
    copied = rgb[y, columns]
    np.testing.assert_array_equal(level_seams(copied, hole, ~hole, y, columns), copied)


def test_without_levelling_no_colour_is_invented() -> None:
    y, x = np.mgrid[:80, :90]
    board = np.where(((y // 9 + x // 9) % 2)[..., None] > 0, 30, 220).repeat(3, -1)
    rgb = board.astype(np.uint8)
    hole = box_hole((80, 90), 25, 30, 55, 60)
    np.testing.assert_array_equal(PatchMatch(levels=False)(pierced(rgb, hole), hole), rgb)
    rough = weave(80, 90)
    filled = PatchMatch(levels=False)(pierced(rough, hole), hole)
    known = {tuple(map(int, color)) for color in rough[~hole]}
    assert {tuple(map(int, color)) for color in filled[hole]} <= known
