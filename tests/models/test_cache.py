"""The records of downloaded models: what later runs are held to, and copies of other programs."""

import os
from pathlib import Path

import pytest
from fakehub import FakeHub, commit, sha256
from fakestore import GENERAL, LITE_2K, SMALL, Words, resolve

from birefcli.errors import WeightsError
from birefcli.models import cache, download, store

pytestmark = pytest.mark.usefixtures("hub")

# Records.


def test_an_unknown_hash_is_recorded_and_later_pulls_are_held_to_it(hub: FakeHub) -> None:
    words = Words()
    model = resolve("512", words)
    head = commit("ZhengPeng7/BiRefNet_512x512")
    assert words[1] == (
        f"512: recorded commit {head} with sha256 {sha256(SMALL)}; later runs hold the file to it"
    )
    hub.publish("ZhengPeng7/BiRefNet_512x512", {"model.safetensors": b"other weights"})
    model.path.unlink()
    assert resolve("512", words).path.read_bytes() == SMALL
    assert len(words) == 3

    model.path.unlink()
    hub.repos["ZhengPeng7/BiRefNet_512x512"][head] = {"model.safetensors": b"forced push"}
    with pytest.raises(WeightsError, match=f"not {sha256(SMALL)}"):
        resolve("512")


def test_a_stranger_is_recorded_by_its_commit(hub: FakeHub) -> None:
    head = hub.publish("some/model", {"deep/weights.pth": b"first"})
    model = resolve("hf:some/model")
    assert model.path.read_bytes() == b"first"
    assert (model.name, model.licence, model.variant) == ("hf:some/model", "mit", None)
    hub.publish("some/model", {"deep/weights.pth": b"second"})
    assert resolve("hf:some/model", consent=False) == model
    assert resolve(f"hf:some/model@{head}", consent=False).path == model.path
    assert resolve("hf:some/model@main").path.read_bytes() == b"second"


def test_a_published_repository_is_the_published_model(hub: FakeHub) -> None:
    hub.publish("ZhengPeng7/BiRefNet", {"model.safetensors": b"newer"})
    assert resolve("hf:zhengpeng7/birefnet") == resolve("general", consent=False)
    newer = resolve("hf:ZhengPeng7/BiRefNet@main")
    assert newer.path.read_bytes() == b"newer"
    assert (newer.name, newer.tile_order) == ("hf:ZhengPeng7/BiRefNet@main", "old")
    assert resolve("general", consent=False).path.read_bytes() == GENERAL


def test_a_changed_file_is_hashed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    model = resolve("general")
    hashed: list[Path] = []
    real = download.sha256_of
    monkeypatch.setattr(download, "sha256_of", lambda path: hashed.append(path) or real(path))
    resolve("general")
    assert hashed == []
    os.utime(model.path)
    resolve("general")
    resolve("general")
    assert hashed == [model.path]


def test_a_damaged_file_is_named_and_pulled_again(hub: FakeHub) -> None:
    model = resolve("general")
    model.path.write_bytes(b"damaged")
    words = Words()
    with pytest.raises(WeightsError, match="models pull general"):
        resolve("general", words, consent=False)
    assert f"its sha256 is {sha256(b'damaged')}, not {sha256(GENERAL)}" in words[0]
    assert resolve("general").path.read_bytes() == GENERAL


def test_a_file_put_in_place_by_hand_is_taken(hub: FakeHub) -> None:
    place = cache.models_dir() / "ZhengPeng7/BiRefNet" / commit("ZhengPeng7/BiRefNet")
    place.mkdir(parents=True)
    (place / "model.safetensors").write_bytes(GENERAL)
    assert resolve("general", offline=True).path.parent == place
    assert hub.requests == []


@pytest.mark.parametrize("name", ["general", "lite-2k"])
def test_a_copy_of_another_program_is_taken_if_its_hash_is_right(
    hub: FakeHub, tmp_path: Path, name: str
) -> None:
    repo, content = {
        "general": ("ZhengPeng7/BiRefNet", GENERAL),
        "lite-2k": ("ZhengPeng7/BiRefNet_lite-2K", LITE_2K),
    }[name]
    folder = tmp_path / "hf/hub" / f"models--{repo.replace('/', '--')}" / "snapshots" / commit(repo)
    folder.mkdir(parents=True)
    copy = folder / "model.safetensors"
    copy.write_bytes(b"something else")
    with pytest.raises(WeightsError):
        resolve(name, consent=False)
    copy.write_bytes(content)
    assert resolve(name, consent=False).path == copy
    assert hub.requests == []
    copy.unlink()
    with pytest.raises(WeightsError):
        resolve(name, consent=False)


def test_a_copy_can_be_taken_without_writing_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo = "ZhengPeng7/BiRefNet"
    copy = tmp_path / "shared/models--ZhengPeng7--BiRefNet/snapshots" / commit(repo)
    copy.mkdir(parents=True)
    (copy / "model.safetensors").write_bytes(GENERAL)
    (tmp_path / "file").touch()
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "shared"))
    monkeypatch.setenv("BIREFCLI_HOME", str(tmp_path / "file"))
    assert resolve("general", offline=True).path == copy / "model.safetensors"


def test_other_files_in_our_folder_are_left_alone() -> None:
    folder = cache.models_dir() / "ZhengPeng7/BiRefNet"
    folder.mkdir(parents=True)
    (folder / "notes.json").write_text("[1, 2]")
    (folder / "broken.json").write_text("{")
    assert resolve("general").path.is_file()
    assert [model.name for model in store.stored()] == ["compact", "general"]
