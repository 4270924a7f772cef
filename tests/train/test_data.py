"""Sets of one's own: every shape is known by itself, checked, divided and composed from."""

import csv
import io
import json
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.random import default_rng
from PIL import Image

from birefcli.errors import BirefcliError, InputError, PictureError, UsageError
from birefcli.settings.train import OnBad, Stage, TrainSettings
from birefcli.train.batches import batch_shape, compose_batch, supplies_of_this_process
from birefcli.train.composer import Composer
from birefcli.train.data.examples import Example, Kind, Split, read_examples, read_mask
from birefcli.train.data.near_duplicates import alike, likeness
from birefcli.train.data.open import open_data, suggest_recipe
from birefcli.train.data.pack import REMINDERS, Pack
from birefcli.train.data.scene_parts import Part
from birefcli.train.data.supply import mixture_of

SIZE = (64, 64)


@pytest.fixture
def settings(tmp_path: Path) -> TrainSettings:
    return TrainSettings(
        data=(tmp_path / "set",),
        out=tmp_path / "run",
        steps=4,
        stages=(Stage(1.0, 64, 4),),
        device="cpu",
    )


def sprite(seed: int, side: int = 24, *, colours: int = 6) -> np.ndarray:
    """A blob of blocks in a few colours with hard alpha, unlike that of any other seed."""
    rng = default_rng(seed)
    palette = rng.integers(0, 256, (colours, 3), dtype=np.uint8)
    blocks = palette[rng.integers(0, colours, (6, 6))]
    rgb = np.repeat(np.repeat(blocks, side // 6, 0), side // 6, 1)
    alpha = np.zeros(rgb.shape[:2], np.uint8)
    edge = side // 6
    alpha[edge:-edge, edge : -edge - int(rng.integers(0, edge))] = 255
    return np.dstack([rgb, alpha])


def photo(seed: int, side: int = 48) -> tuple[np.ndarray, np.ndarray]:
    """A picture of a bright square on dark noise, and its mask."""
    rng = default_rng(seed)
    rgb = np.repeat(np.repeat(rng.integers(0, 120, (8, 8, 3), dtype=np.uint8), 6, 0), 6, 1)
    mask = np.zeros((side, side), np.uint8)
    y, x = rng.integers(4, 16, 2)
    mask[y : y + 20, x : x + 20] = 255
    rgb = np.where(mask[..., None] > 0, rng.integers(150, 256, 3), rgb).astype(np.uint8)
    return rgb, mask


def save(path: Path, array: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)
    return path


def sprites(folder: Path, count: int = 12, *, start: int = 0) -> Path:
    words = "oak elm fir ash bay fig yew box gum tea palm pine sorb plum pear lime hazel rowan"
    for i in range(count):
        save(folder / f"{words.split()[i]}.png", sprite(start + i))
    return folder


def pairs(folder: Path, count: int = 12, im: str = "im", gt: str = "gt", *, start: int = 0) -> Path:
    for i in range(count):
        rgb, mask = photo(start + i)
        save(folder / im / f"{'abcdefghijklmnopqrst'[i]}.png", rgb)
        save(folder / gt / f"{'abcdefghijklmnopqrst'[i]}.png", mask)
    return folder


def said(settings: TrainSettings) -> str:
    return "\n".join(open_data(settings).report.lines())


def accepted(settings: TrainSettings) -> list[Example]:
    open_data(settings)
    return read_examples(settings.out / "examples.jsonl")


# ---- shapes ----------------------------------------------------------------------------------


def test_twelve_sprites_are_enough_to_train_on(settings, tmp_path):
    sprites(tmp_path / "set")
    data = open_data(settings)
    examples = read_examples(settings.out / "examples.jsonl")
    assert {e.kind for e in examples} == {Kind.PIXEL_SPRITE}
    assert [sum(e.split == s for e in examples) for s in Split] == [10, 2]
    assert data.count == 10 and data.classes == ()
    first = list(data.validation)
    assert len(first) == 8  # four scenes of each
    again = list(open_data(replace(settings, resume=True)).validation)
    for one, two in zip(first, again, strict=True):
        assert one.rgb.shape[:2] == one.mask.shape and 0 < one.mask.mean() < 255
        assert np.array_equal(one.rgb, two.rgb) and np.array_equal(one.mask, two.mask)
    batch = compose_batch(0, 16, SIZE, settings)
    assert batch.rgb.shape == (16, *SIZE, 3) and batch.labels is None and batch.bad == ()
    held = {e.name for e in examples if e.split == Split.VAL}
    assert not any(name in " ".join(batch.names) for name in held)
    assert sum("set/" in name for name in batch.names) >= 8


@pytest.mark.parametrize(("im", "gt"), [("im", "gt"), ("images", "masks")])
def test_a_folder_of_pictures_beside_one_of_masks_is_a_set_of_pairs(settings, tmp_path, im, gt):
    pairs(tmp_path / "set", im=im, gt=gt)
    examples = accepted(settings)
    assert len(examples) == 12 and {e.kind for e in examples} == {Kind.PHOTO}
    assert all(e.label is not None and e.label.parent.name == gt for e in examples)
    batch = compose_batch(0, 8, SIZE, replace(settings, empty=0.0))
    assert all("set/" in name for name in batch.names)
    picture = open_data(settings).validation[0]
    assert picture.source == "set" and picture.mask.max() == 255


def test_pairs_in_one_folder_are_found_by_their_names(settings, tmp_path):
    folder = tmp_path / "set"
    for i, (name, label) in enumerate(
        [("a.jpg", "a.png"), ("b.png", "b_mask.png"), ("c.jpg", "c_alpha.png")]
    ):
        rgb, mask = photo(i)
        save(folder / name, rgb)
        save(folder / label, mask)
    found = {e.picture.name: e.label.name for e in accepted(settings)}
    assert found == {"a.jpg": "a.png", "b.png": "b_mask.png", "c.jpg": "c_alpha.png"}


def test_sub_folders_name_the_classes_of_the_labels(settings, tmp_path):
    sprites(tmp_path / "set" / "trees", 6)
    sprites(tmp_path / "set" / "herbs", 6, start=50)
    data = open_data(settings)
    assert data.classes == ("herbs", "trees")
    only_one = replace(settings, pixel=1.0, empty=0.0, photo=0.0)
    batch = compose_batch(0, 24, SIZE, only_one)
    for name, label in zip(batch.names, batch.labels, strict=True):
        found = {c for c in data.classes if f"/{c}/" in name}
        assert label == (data.classes.index(*found) if len(found) == 1 else -1)
    assert {0, 1} <= set(batch.labels.tolist())


def test_one_folder_is_no_class_and_dis_names_are(settings, tmp_path):
    sprites(tmp_path / "set" / "trees")
    assert {e.class_name for e in accepted(settings)} == {None}
    for i, name in enumerate(["2#Aircraft#7#Airplane#9", "1#Accessories#1#Bag#4"]):
        rgb, mask = photo(i)
        save(tmp_path / "dis" / "im" / f"{name}.jpg", rgb)
        save(tmp_path / "dis" / "gt" / f"{name}.png", mask)
    assert open_data(replace(settings, data=(tmp_path / "dis",))).classes == ("Airplane", "Bag")


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_a_list_says_what_is_what(settings, tmp_path, suffix):
    pairs(tmp_path / "p", 4)
    sprites(tmp_path / "s", 2)
    rows = [
        {"image": f"p/im/{n}.png", "mask": f"p/gt/{n}.png", "class": "box", "split": s}
        for n, s in zip("abcd", ["train", "val", "train", ""], strict=True)
    ]
    rows.append({"image": "s/oak.png", "mask": "", "class": "tree", "split": "train"})
    path = tmp_path / f"list.{suffix}"
    if suffix == "csv":
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    else:
        path.write_text("\n".join(json.dumps(row) for row in rows))
    data = open_data(replace(settings, data=(path,)))
    found = {e.picture.stem: e for e in read_examples(settings.out / "examples.jsonl")}
    assert [n for n, e in found.items() if e.split == Split.VAL] == ["b"]
    assert data.classes == ("box", "tree") and data.count == 4
    assert found["oak"].kind == Kind.PIXEL_SPRITE and found["oak"].label is None


def test_several_sets_join(settings, tmp_path):
    sprites(tmp_path / "set", 11)
    pairs(tmp_path / "more", 11)
    both = replace(settings, data=(tmp_path / "set", tmp_path / "more"))
    assert {e.source for e in accepted(both)} == {"set", "more"}
    names = " ".join(compose_batch(0, 24, SIZE, both).names)
    assert "set/" in names and "more/" in names


# ---- checks ----------------------------------------------------------------------------------


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
    looks = [likeness(s[..., :3], s[..., 3]) for s in (sprite(i, 18) for i in range(60))]
    flat = [likeness(np.full((16, 16, 3), i * 20, np.uint8)) for i in range(12)]
    assert list(alike([*looks, *flat])) == []
    same = likeness(np.repeat(np.repeat(sprite(7, 18)[..., :3], 2, 0), 2, 1))
    solid = likeness(sprite(7, 18)[..., :3])
    assert list(alike([*looks, same, solid])) == [(60, 61)]


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


# ---- splits ----------------------------------------------------------------------------------


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


# ---- composition -----------------------------------------------------------------------------


def test_kinds_the_data_lacks_leave_their_share_to_those_it_has(settings, tmp_path):
    sprites(tmp_path / "set")
    open_data(settings)
    supplies, _ = supplies_of_this_process(settings)
    mixture = mixture_of(settings, supplies)
    assert mixture.photo == 0 and mixture.pixel == pytest.approx(1 - settings.empty)
    pairs(tmp_path / "pairs")
    photos = replace(settings, data=(tmp_path / "pairs",), out=tmp_path / "other")
    open_data(photos)
    mixture = mixture_of(photos, supplies_of_this_process(photos)[0])
    assert mixture.pixel == 0 and mixture.photo == pytest.approx(1 - settings.empty)


def test_a_rare_kind_is_drawn_rarely(settings, tmp_path):
    folder = sprites(tmp_path / "set", 18)
    for i in range(60):
        save(folder / f"many{i}.png", sprite(300 + i))
    soft = sprite(1, 24, colours=3)
    soft[..., 3] = np.linspace(0, 255, 24).astype(np.uint8)[:, None]
    save(folder / "soft.png", soft)
    kinds = [e.kind for e in accepted(settings) if e.split == Split.TRAIN]
    assert kinds.count(Kind.SMOOTH_SPRITE) <= 1 < kinds.count(Kind.PIXEL_SPRITE)
    mixture = mixture_of(settings, supplies_of_this_process(settings)[0])
    assert 0 <= 1 - settings.empty - mixture.pixel < 0.05


def test_every_part_of_a_scene_is_there_whatever_the_set(settings, tmp_path):
    sprites(tmp_path / "set", 3)
    pairs(tmp_path / "pairs", 3)
    for name, data in (("one", tmp_path / "set"), ("two", tmp_path / "pairs")):
        own = replace(settings, data=(data,), out=tmp_path / name)
        open_data(own)
        supplies, _ = supplies_of_this_process(own)
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
    assert (kinds["wide"], kinds["tile"]) == (Kind.GROUND, Kind.TILE)
    names = " ".join(compose_batch(0, 24, SIZE, on).names)
    assert "grounds/wide.png" in names and "grounds/tile.png" in names


def test_as_is_keeps_a_transparent_picture_as_it_is(settings, tmp_path):
    sprites(tmp_path / "set")
    as_is = replace(settings, as_is=True)
    data = open_data(as_is)
    picture = data.validation[0]
    outside = picture.mask == 0
    assert outside.any() and (picture.rgb[outside] == 128).all()
    assert len(compose_batch(0, 8, SIZE, as_is).rgb) == 8
    assert mixture_of(as_is, supplies_of_this_process(as_is)[0]).photo == 1
    assert supplies_of_this_process(as_is)[0].count(Part.PHOTO) == data.count


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
    with Composer(settings) as composer:
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
        Composer(replace(settings, on_bad=OnBad.FAIL)) as composer,
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


# ---- recipes and speed -----------------------------------------------------------------------


def test_small_sprites_ask_for_the_pixel_art_recipe(settings, tmp_path):
    sprites(tmp_path / "set", 4)
    assert suggest_recipe(settings) == "pixel-art"
    save(tmp_path / "large" / "a.png", sprite(0, 240))
    assert suggest_recipe(replace(settings, data=(tmp_path / "large",))) == "finetune"
    pairs(tmp_path / "pairs", 2)
    assert suggest_recipe(replace(settings, data=(tmp_path / "pairs",))) == "finetune"


def test_hundreds_of_sprites_are_checked_in_seconds(settings, tmp_path):
    for i in range(500):
        save(tmp_path / "set" / f"{i % 97}x{i}.png", sprite(i, 18))
    start = time.process_time()
    assert open_data(settings).count == 450
    assert time.process_time() - start < 5


# ---- mistakes --------------------------------------------------------------------------------


def nothing_there(path: Path) -> None:
    pass


def empty_folder(path: Path) -> None:
    path.mkdir()


def no_masks(path: Path) -> None:
    save(path / "a.png", photo(0)[0])


def masks_without_pictures(path: Path) -> None:
    save(path / "masks" / "a.png", photo(0)[1])


def masks_alone(path: Path) -> None:
    save(path / "a_mask.png", photo(0)[1])


def opaque_alpha(path: Path) -> None:
    array = sprite(0)
    array[..., 3] = 255
    save(path / "a.png", array)


def empty_masks(path: Path) -> None:
    rgb, mask = photo(0)
    save(path / "im" / "a.png", rgb)
    save(path / "gt" / "a.png", mask // 255)


def other_sizes(path: Path) -> None:
    rgb, mask = photo(0)
    save(path / "im" / "a.png", rgb)
    save(path / "gt" / "a.png", mask[:10])


def no_names_in_common(path: Path) -> None:
    save(path / "im" / "a.png", photo(0)[0])
    save(path / "gt" / "b.png", photo(0)[1])


def broken(path: Path) -> None:
    path.mkdir()
    (path / "a.png").write_bytes(b"no picture")


def nested(path: Path) -> None:
    pairs(path / "DIS-TR", 2)


@pytest.mark.parametrize(
    ("mistake", "error", "words"),
    [
        (nothing_there, InputError, "there is no .*set; check the path"),
        (empty_folder, InputError, "no picture found in"),
        (no_masks, UsageError, "none of the 1 pictures in .* has a mask or transparency; save"),
        (masks_without_pictures, UsageError, "masks in masks/ but no images/; put their pictures"),
        (masks_alone, UsageError, "a_mask.png has no picture"),
        (opaque_alpha, UsageError, "opaque everywhere, .*; erase their ground"),
        (empty_masks, UsageError, "no value exceeds 1 of 255; save the object as 255"),
        (other_sizes, UsageError, r"has another size .*\(48x48, mask 48x10\)"),
        (no_names_in_common, UsageError, "have the same name"),
        (broken, UsageError, "no picture in .* can be read: .*a.png"),
        (nested, UsageError, "several sets; give them one by one, as .*DIS-TR"),
    ],
)
def test_a_mistake_in_a_folder_ends_in_a_sentence(settings, tmp_path, mistake, error, words):
    mistake(tmp_path / "set")
    with pytest.raises(error, match=words):
        open_data(settings)
    assert not settings.out.exists()


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("l.csv", "picture,mask\na.png,b.png\n", "no column image, but picture, mask"),
        ("l.csv", "image\nlost.png\n", "line 2 names lost.png, which is not there; paths are rel"),
        ("l.csv", "image,split\na.png,test\n", "line 2: split is 'test'; write train or val"),
        ("l.csv", "image\n", "lists no picture"),
        ("l.jsonl", '{"picture": "a.png"}\n', "line 1 has no key image"),
        ("l.jsonl", "a.png\n", "line 1 is not JSON"),
        ("l.zip", "", "is an archive; unpack it"),
        ("a.png", "", "is a single file; give the folder"),
    ],
)
def test_a_mistake_in_a_file_ends_in_a_sentence(settings, tmp_path, name, text, words):
    save(tmp_path / "a.png", sprite(0))
    if name != "a.png":
        (tmp_path / name).write_text(text)
    with pytest.raises((UsageError, InputError), match=words):
        open_data(replace(settings, data=(tmp_path / name,)))


def test_a_folder_of_masks_points_to_its_parent(settings, tmp_path):
    pairs(tmp_path / "set", 2)
    with pytest.raises(UsageError, match="holds the masks of"):
        open_data(replace(settings, data=(tmp_path / "set" / "gt",)))


def test_grounds_are_checked_before_anything_is_composed(settings, tmp_path):
    sprites(tmp_path / "set")
    (tmp_path / "none").mkdir()
    with pytest.raises(InputError, match=r"no picture found in .*none; give another --grounds"):
        open_data(replace(settings, grounds=(tmp_path / "none",)))
    with pytest.raises(InputError, match=r"there is no .*lost to take grounds from"):
        open_data(replace(settings, grounds=(tmp_path / "lost",)))
    with pytest.raises(UsageError, match="are the sprites and --grounds swapped"):
        open_data(replace(settings, grounds=(tmp_path / "set",)))


def test_validating_on_the_training_set_itself_is_refused(settings, tmp_path):
    sprites(tmp_path / "set")
    with pytest.raises(UsageError, match=r"every training picture is also in .*set; give other"):
        open_data(replace(settings, validation=tmp_path / "set"))


# ---- packs -----------------------------------------------------------------------------------


def test_a_pack_without_tiles_joins_a_folder_and_never_runs_dry(settings, tmp_path):
    sprites(tmp_path / "set")
    pack = tmp_path / "pack"
    save(pack / "sprite.png", sprite(5))
    with zipfile.ZipFile(pack / "all.zip", "w") as shard:
        shard.write(pack / "sprite.png", "sprite.png")
    (pack / "index.csv").write_text(
        "kind,source,shard,member,mask,split,tier\nsprite,drawn,all.zip,sprite.png,,train,A\n"
        "sprite,drawn,all.zip,gone.png,,train,A\n"
    )
    both = replace(settings, data=(tmp_path / "set", pack))
    data = open_data(both)
    assert data.count == 12 and "a data pack of 2 pictures" in "\n".join(data.report.lines())
    batch = compose_batch(0, 32, SIZE, both)
    names = " ".join(batch.names)
    assert "drawn/sprite.png" in names and "set/" in names
    assert len(batch.bad) == 1 and "gone.png cannot be read" in batch.bad[0]
    # The pack has nothing to validate on, so that it cannot be trained on alone.
    alone = replace(settings, data=(pack,), out=tmp_path / "alone")
    with pytest.raises(UsageError, match="nothing to validate on"):
        open_data(alone)
    given = open_data(replace(alone, validation=pairs(tmp_path / "val", 3)))
    assert given.count == 2 and [p.source for p in given.validation] == ["val"] * 3
    assert len(compose_batch(0, 2, SIZE, alone).rgb) == 2


def test_what_a_pack_marks_as_unknown_reaches_the_batch(tmp_path, settings):
    rgb, mask = np.full((60, 60, 3), 90, np.uint8), np.zeros((60, 60), np.uint8)
    mask[20:40, 20:40] = 255
    unknown = np.full((60, 60), 255, np.uint8)
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as shard:
        for name, array in (("a.png", rgb), ("m.png", mask), ("u.png", unknown)):
            stream = io.BytesIO()
            Image.fromarray(array).save(stream, "png")
            shard.writestr(name, stream.getvalue())
    header = "kind,source,shard,member,mask,split,tier,unknown\n"
    row = "photo_mask,x,all.zip,a.png,m.png,{},A,{}\n"
    for split, member, expected in (("train", "u.png", 0.0), ("train", "", 1.0)):
        text = header + row.format(split, member) + row.format("val", "")
        (tmp_path / "index.csv").write_text(text)
        own = replace(
            settings,
            data=(tmp_path,),
            out=tmp_path / f"run{member}",
            photo=1.0,
            empty=0.0,
            pixel=0.0,
        )
        supplies_of_this_process.cache_clear()
        batch = compose_batch(0, 3, (64, 64), own)
        assert batch.known is not None and np.allclose(batch.known, expected)


def test_reminders_take_their_share_and_leave_the_other_samples_as_they_were(settings, tmp_path):
    sprites(tmp_path / "set", 12)
    plain = replace(settings, data=(tmp_path / "set",), out=tmp_path / "run")
    open_data(plain)
    supplies_of_this_process.cache_clear()
    own = "the package's own pictures"
    batch = compose_batch(0, 40, (64, 64), replace(plain, remind=0.4))
    share = sum(name == own for name in batch.names) / 40
    assert 0.2 < share < 0.6
    assert own not in compose_batch(0, 40, (64, 64), plain).names


def test_the_packages_own_pictures_are_free_small_and_all_readable():
    assert sum(file.stat().st_size for file in REMINDERS.iterdir()) < 2_000_000
    pack = Pack(REMINDERS, tiers=("A",))
    kept = {part: pack.count(part) for part in Part if pack.count(part)}
    assert Part.PHOTO not in kept and min(kept.values()) >= 8
    credited = (REMINDERS.parent / "weights" / "CREDITS.md").read_text(encoding="utf-8")
    assert all(item.source in credited for item in pack.items)
    with zipfile.ZipFile(REMINDERS / "pictures.zip") as shard:
        for item in pack.items:
            with Image.open(io.BytesIO(shard.read(item.member))) as picture:
                picture.load()
