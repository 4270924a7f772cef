"""What cannot be used, or leaks, is named before the first step; splits never mix."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.random import default_rng
from own_sets import SIZE, accepted, pairs, photo, said, save, sprite, sprites
from PIL import Image

from birefcli.errors import PictureError, UsageError
from birefcli.settings.train import OnBad
from birefcli.train.batches import compose_batch
from birefcli.train.data.examples import Split, read_examples, read_mask
from birefcli.train.data.near_duplicates import fingerprint, near_duplicate_pairs
from birefcli.train.data.training_data import open_data


def test_what_cannot_be_used_is_named_and_left_out(settings, tmp_path):
    folder = pairs(tmp_path / "set", 12)
    rgb, mask = photo(100)
    save(folder / "im" / "alone.png", rgb)
    save(folder / "gt" / "orphan.png", mask)
    save(folder / "im" / "small.png", rgb)
    save(folder / "gt" / "small.png", mask[:24, :24])
    save(folder / "im" / "half.jpg", photo(101)[0])
    save(folder / "gt" / "half.png", mask)
    whole = (folder / "im" / "half.jpg").read_bytes()
    (folder / "im" / "half.jpg").write_bytes(whole[: len(whole) // 2])
    save(folder / "im" / "none.png", photo(102)[0])
    save(folder / "gt" / "none.png", np.zeros_like(mask))
    save(folder / "im" / "all.png", photo(103)[0])
    save(folder / "gt" / "all.png", np.full_like(mask, 255))
    save(folder / "im" / "twin.png", photo(0)[0])
    save(folder / "gt" / "twin.png", photo(0)[1])
    text = said(settings)
    for line in (
        "left out: 2 without a partner:",
        "alone.png has no mask in gt/",
        "left out: 1 of another size than the mask:",
        "small.png (48x48, mask 24x24)",
        "left out: 1 unreadable:",
        "half.jpg is truncated",
        "left out: 1 the same file as another:",
        "twin.png (as a.png)",
        "kept: 1 with an empty mask:",
        "kept: 1 with a mask that covers everything:",
        "14 pictures: 14 photos; 48x48 to 48x48 pixels",
        "labels: 14 binary, 0 soft",
    ):
        assert line in text, text
    names = {e.picture.stem for e in read_examples(settings.out / "examples.jsonl")}
    assert {"none", "all"} <= names and not names & {"alone", "small", "half", "twin"}


def test_bad_pictures_are_refused_where_that_is_asked_for(settings, tmp_path):
    folder = sprites(tmp_path / "set")
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n not really")
    opaque = sprite(99)
    opaque[..., 3] = 255
    save(folder / "opaque.png", opaque)
    strict = replace(settings, on_bad=OnBad.FAIL)
    with pytest.raises(UsageError, match=r"opaque\.png.*broken\.png.*--on-bad skip"):
        open_data(strict)
    assert not settings.out.exists()
    assert "left out: 1 RGBA but opaque everywhere" in said(settings)


def test_long_lists_are_cut(settings, tmp_path):
    folder = sprites(tmp_path / "set")
    for i in range(9):
        (folder / f"x{i}.png").write_bytes(b"nothing")
    assert "and 4 more" in said(settings)


def test_pictures_that_look_like_validation_pictures_are_not_trained_on(settings, tmp_path):
    pairs(tmp_path / "set", 6)
    val = pairs(tmp_path / "val", 3, start=40)
    rgb, mask = photo(2)
    # The same picture once more: another size, compressed.
    large = np.repeat(np.repeat(rgb, 2, 0), 2, 1)
    Image.fromarray(large).save(val / "im" / "copy.jpg", quality=80)
    save(val / "gt" / "copy.png", np.repeat(np.repeat(mask, 2, 0), 2, 1))
    text = said(replace(settings, validation=val))
    assert "left out: 1 looking like a validation picture:" in text and "copy.jpg)" in text
    train = [e for e in read_examples(settings.out / "examples.jsonl") if e.split == Split.TRAIN]
    assert "c" not in {e.picture.stem for e in train} and len(train) == 5


def test_a_set_of_one_thing_is_not_emptied_by_its_own_likeness(settings, tmp_path):
    base = sprite(1, 48)
    for i in range(12):
        frame = base.copy()
        frame[24, 24 + i, :3] ^= 255
        save(tmp_path / "set" / f"frame{i:02}.png", frame)
    data = open_data(settings)
    assert data.count == 10
    assert "too many to leave them out" in "\n".join(data.report.lines())


def test_small_sprites_are_not_all_taken_for_each_other():
    looks = [fingerprint(s[..., :3], s[..., 3]) for s in (sprite(i, 18) for i in range(60))]
    flat = [fingerprint(np.full((16, 16, 3), i * 20, np.uint8)) for i in range(12)]
    assert list(near_duplicate_pairs([*looks, *flat])) == []
    same = fingerprint(np.repeat(np.repeat(sprite(7, 18)[..., :3], 2, 0), 2, 1))
    solid = fingerprint(sprite(7, 18)[..., :3])
    assert list(near_duplicate_pairs([*looks, same, solid])) == [(60, 61)]


def test_a_mask_reads_the_same_however_it_is_saved(tmp_path):
    truth = default_rng(0).integers(0, 256, (20, 30), dtype=np.uint8)
    for name, array in (
        ("grey.png", truth),
        ("colour.png", np.dstack([truth] * 3)),
        ("alpha.png", np.dstack([np.full((20, 30, 3), 9, np.uint8), truth])),
        ("grey.bmp", truth),
    ):
        assert np.array_equal(read_mask(save(tmp_path / name, array)), truth), name
    Image.fromarray(truth > 99).save(tmp_path / "bits.png")
    assert np.array_equal(read_mask(tmp_path / "bits.png"), np.where(truth > 99, 255, 0))
    whole = (tmp_path / "grey.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(PictureError, match="truncated"):
        read_mask(tmp_path / "cut.png")


def test_frames_of_one_animation_stay_on_one_side(settings, tmp_path):
    for animation in range(8):
        for frame in range(5):
            name = f"{'abcdefgh'[animation]}_walk_{frame:02}.png"
            save(tmp_path / "set" / name, sprite(10 * animation + frame))
    sides: dict[str, set] = {}
    for example in accepted(settings):
        sides.setdefault(example.picture.stem[0], set()).add(example.split)
    assert all(len(side) == 1 for side in sides.values()) and len(sides) == 8
    assert {split for side in sides.values() for split in side} == set(Split)


def test_a_set_that_is_merely_numbered_is_still_divided(settings, tmp_path):
    for i in range(40):
        save(tmp_path / "set" / f"sprite_{i:03}.png", sprite(i))
    held = [e.picture.name for e in accepted(settings) if e.split == Split.VAL]
    assert len(held) == 4
    numbers = [int(name[7:10]) for name in held]
    assert numbers == list(range(numbers[0], numbers[0] + 4))


def test_the_split_depends_on_the_seed_alone(settings, tmp_path):
    sprites(tmp_path / "set", 18)
    first = {e.name for e in accepted(settings) if e.split == Split.VAL}
    assert first == {e.name for e in accepted(replace(settings, redo=True)) if e.split == Split.VAL}
    seeds = [
        frozenset(e.name for e in accepted(replace(settings, seed=s)) if e.split == Split.VAL)
        for s in range(4)
    ]
    assert len(set(seeds)) > 1


def test_a_tiny_set_validates_on_itself_and_says_so(settings, tmp_path):
    sprites(tmp_path / "set", 3)
    data = open_data(settings)
    assert data.count == 3 and len(data.validation) == 12
    assert "fewer than 10 pictures: validation is on the training pictures" in said(settings)
    assert len(compose_batch(0, 7, SIZE, settings).rgb) == 7
