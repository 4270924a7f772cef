"""A mistake in a set ends in one sentence that says what is missing."""

from dataclasses import replace
from pathlib import Path

import pytest
from own_sets import pairs, photo, save, sprite, sprites

from birefcli.errors import InputError, UsageError
from birefcli.train.data.training_data import open_data


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
