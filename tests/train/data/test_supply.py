"""Scenes are composed from whatever the set has, and from drawings for the rest."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.random import default_rng
from own_sets import SIZE, accepted, pairs, save, sprite, sprites

from birefcli.errors import BirefcliError
from birefcli.settings.train import OnBad
from birefcli.train.batches import batch_shape, compose_batch, supply_of_this_process
from birefcli.train.composer import BatchComposer
from birefcli.train.data.examples import PictureRole, Split
from birefcli.train.data.scene_parts import Part
from birefcli.train.data.supply import sample_shares_of
from birefcli.train.data.training_data import open_data


def test_kinds_the_data_lacks_leave_their_share_to_those_it_has(settings, tmp_path):
    sprites(tmp_path / "set")
    open_data(settings)
    supplies, _ = supply_of_this_process(settings)
    mixture = sample_shares_of(settings, supplies)
    assert mixture.photo == 0 and mixture.pixel == pytest.approx(1 - settings.empty)
    pairs(tmp_path / "pairs")
    photos = replace(settings, data=(tmp_path / "pairs",), out=tmp_path / "other")
    open_data(photos)
    mixture = sample_shares_of(photos, supply_of_this_process(photos)[0])
    assert mixture.pixel == 0 and mixture.photo == pytest.approx(1 - settings.empty)


def test_a_rare_kind_is_drawn_rarely(settings, tmp_path):
    folder = sprites(tmp_path / "set", 18)
    for i in range(60):
        save(folder / f"many{i}.png", sprite(300 + i))
    soft = sprite(1, 24, colours=3)
    soft[..., 3] = np.linspace(0, 255, 24).astype(np.uint8)[:, None]
    save(folder / "soft.png", soft)
    kinds = [e.kind for e in accepted(settings) if e.split == Split.TRAIN]
    assert kinds.count(PictureRole.SMOOTH_SPRITE) <= 1 < kinds.count(PictureRole.PIXEL_SPRITE)
    mixture = sample_shares_of(settings, supply_of_this_process(settings)[0])
    assert 0 <= 1 - settings.empty - mixture.pixel < 0.05


def test_every_part_of_a_scene_is_there_whatever_the_set(settings, tmp_path):
    sprites(tmp_path / "set", 3)
    pairs(tmp_path / "pairs", 3)
    for name, data in (("one", tmp_path / "set"), ("two", tmp_path / "pairs")):
        own = replace(settings, data=(data,), out=tmp_path / name)
        open_data(own)
        supplies, _ = supply_of_this_process(own)
        for seed in range(20):
            rng = default_rng(seed)
            photo = supplies.photo(rng)
            assert photo.rgb.shape[:2] == photo.mask.shape
            assert supplies.pixel_sprite(rng).shape[2] == supplies.smooth_sprite(rng).shape[2] == 4
            grounds = supplies.photo_ground(rng), supplies.game_ground(rng), supplies.tile(rng)
            assert all(ground.shape[2] == 3 for ground in grounds)
            assert supplies.layer(rng).shape[2] == 4


def test_given_grounds_lie_behind_the_sprites(settings, tmp_path):
    sprites(tmp_path / "set")
    rng = default_rng(0)
    save(tmp_path / "grounds" / "wide.png", rng.integers(0, 256, (90, 160, 3), dtype=np.uint8))
    save(tmp_path / "grounds" / "tile.png", rng.integers(0, 256, (16, 16, 3), dtype=np.uint8))
    on = replace(settings, grounds=(tmp_path / "grounds",))
    kinds = {e.picture.stem: e.kind for e in accepted(on)}
    assert (kinds["wide"], kinds["tile"]) == (PictureRole.GROUND, PictureRole.TILE)
    names = " ".join(compose_batch(0, 24, SIZE, on).names)
    assert "grounds/wide.png" in names and "grounds/tile.png" in names


def test_as_is_keeps_a_transparent_picture_as_it_is(settings, tmp_path):
    sprites(tmp_path / "set")
    as_is = replace(settings, as_is=True)
    data = open_data(as_is)
    picture = data.validation[0]
    outside = picture.mask == 0
    # Transparency lies over one colour, as `cut` lays it.
    assert outside.any() and (picture.rgb[outside] == picture.rgb[outside][0]).all()
    assert len(compose_batch(0, 8, SIZE, as_is).rgb) == 8
    assert sample_shares_of(as_is, supply_of_this_process(as_is)[0]).photo == 1
    assert supply_of_this_process(as_is)[0].count(Part.PHOTO) == data.count


def test_two_processes_compose_the_halves_of_one_larger_batch(settings, tmp_path):
    sprites(tmp_path / "set")
    open_data(settings)
    whole = compose_batch(5, 6, SIZE, settings)
    halves = [compose_batch(5, 3, SIZE, settings, process) for process in (0, 1)]
    assert np.array_equal(whole.rgb, np.concatenate([half.rgb for half in halves]))
    assert np.array_equal(whole.matte, np.concatenate([half.matte for half in halves]))
    assert whole.names == halves[0].names + halves[1].names


def test_a_picture_lost_in_the_middle_of_a_run_is_named_once_and_replaced(settings, tmp_path):
    folder = sprites(tmp_path / "set", 3)
    # Four batches a step: so many stay in memory together.
    settings = replace(settings, empty=0.0, accumulate=4)
    data = open_data(settings)
    (folder / "elm.png").unlink()
    with BatchComposer(settings) as composer:
        batches = composer.batches(0, 0.0)
        several = [next(batches) for _ in range(4)]
    named = [name for batch in several for name in batch.bad]
    assert len(named) == 1 and "elm.png does not exist" in named[0]
    assert not any("elm" in name for batch in several for name in batch.names)
    count, size = batch_shape(0, 0.0, settings)
    again = compose_batch(0, count, size, settings)
    assert np.array_equal(again.rgb, several[0].rgb) and again.names == several[0].names
    assert len(list(data.validation)) == 8 and "elm.png does not exist" in next(
        iter(data.validation.bad)
    )
    with (
        pytest.raises(BirefcliError, match=r"elm\.png does not exist.*take --on-bad skip"),
        BatchComposer(replace(settings, on_bad=OnBad.FAIL)) as composer,
    ):
        batches = composer.batches(0, 0.0)
        for _ in range(9):
            next(batches)
    for path in folder.iterdir():
        path.unlink()
    with pytest.raises(BirefcliError, match="can be read any more"):
        compose_batch(0, 1, SIZE, settings)


def test_a_resumed_run_keeps_its_own_list(settings, tmp_path):
    sprites(tmp_path / "set")
    open_data(settings)
    before = (settings.out / "examples.jsonl").read_bytes()
    save(tmp_path / "set" / "late.png", sprite(70))
    resumed = open_data(replace(settings, resume=True))
    assert (settings.out / "examples.jsonl").read_bytes() == before and resumed.count == 10


def test_a_plan_writes_nothing(settings, tmp_path):
    sprites(tmp_path / "set")
    assert open_data(settings, writes=False).count == 10
    assert not settings.out.exists()
