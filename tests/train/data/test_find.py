"""Every shape a set of one's own may have is known by itself, and a mistake ends in a sentence."""

import csv
import json
import time
from dataclasses import replace

import numpy as np
import pytest
from own_sets import SIZE, accepted, pairs, photo, save, sprite, sprites

from birefcli.train.batches import compose_batch
from birefcli.train.data.examples import PictureRole, Split, read_examples
from birefcli.train.data.training_data import open_data, suggest_recipe


def test_twelve_sprites_are_enough_to_train_on(settings, tmp_path):
    sprites(tmp_path / "set")
    data = open_data(settings)
    examples = read_examples(settings.out / "examples.jsonl")
    assert {e.kind for e in examples} == {PictureRole.PIXEL_SPRITE}
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
    assert len(examples) == 12 and {e.kind for e in examples} == {PictureRole.PHOTO}
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
    assert found["oak"].kind == PictureRole.PIXEL_SPRITE and found["oak"].label is None


def test_several_sets_join(settings, tmp_path):
    sprites(tmp_path / "set", 11)
    pairs(tmp_path / "more", 11)
    both = replace(settings, data=(tmp_path / "set", tmp_path / "more"))
    assert {e.source for e in accepted(both)} == {"set", "more"}
    names = " ".join(compose_batch(0, 24, SIZE, both).names)
    assert "set/" in names and "more/" in names


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
