"""Downloading a model: consent, licences, and everything that goes wrong."""

import errno
import os
import socket
import time
from pathlib import Path

import pytest
from fakehub import FakeHub, commit, sha256
from fakestore import GENERAL, LITE_2K, Words, files_at_home, resolve

from birefcli.errors import WeightsError
from birefcli.models import cache, download

pytestmark = pytest.mark.usefixtures("hub")

# Consent.


def test_a_pull_says_one_line_and_a_second_run_needs_no_network(
    hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = Words()
    model = resolve("general", words)
    assert len(words) == 1
    assert "size 7.0 kB, licence MIT, from ZhengPeng7/BiRefNet at commit" in words[0]
    assert model.path.read_bytes() == GENERAL
    assert (model.name, model.sha256, model.tile_order) == ("general", sha256(GENERAL), "old")
    head = commit("ZhengPeng7/BiRefNet")
    place = f"ZhengPeng7/BiRefNet/{head}/model.safetensors"
    assert files_at_home() == [place, f"{place}.json"]

    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    hub.requests.clear()
    assert resolve("BiRefNet", words, consent=False, offline=True) == model
    assert hub.requests == []
    assert len(words) == 1


@pytest.mark.parametrize(
    ("terms", "variable", "reason"),
    [
        ({"consent": False}, None, "nothing is downloaded unasked"),
        ({"offline": True}, None, "--offline forbids"),
        ({}, "HF_HUB_OFFLINE", "HF_HUB_OFFLINE forbids"),
        ({}, "TRANSFORMERS_OFFLINE", "TRANSFORMERS_OFFLINE forbids"),
    ],
)
def test_without_leave_nothing_is_downloaded(
    hub: FakeHub,
    monkeypatch: pytest.MonkeyPatch,
    terms: dict[str, bool],
    variable: str | None,
    reason: str,
) -> None:
    if variable:
        monkeypatch.setenv(variable, "1")
    with pytest.raises(WeightsError, match=f"{reason}.*`birefcli models pull general`"):
        resolve("general", **terms)
    assert hub.requests == []


def test_no_network_is_said_within_five_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{closed.getsockname()[1]}")
        start = time.monotonic()
        with pytest.raises(WeightsError, match=r"cannot be reached .*models pull general"):
            resolve("general")
    assert time.monotonic() - start < 5


def test_a_network_that_never_answers_is_said_within_five_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def unanswered(*_: object, **__: object) -> socket.socket:
        time.sleep(6)
        raise TimeoutError

    monkeypatch.setattr(socket, "create_connection", unanswered)
    start = time.monotonic()
    with pytest.raises(WeightsError, match=r"cannot be reached \(no answer\)"):
        resolve("general")
    assert time.monotonic() - start < 5


def test_the_proxy_is_what_must_be_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://hub.invalid")
    monkeypatch.setenv("http_proxy", "127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with pytest.raises(WeightsError, match=r"the proxy 127\.0\.0\.1 cannot be reached"):
        resolve("general")


def test_non_commercial_weights_need_their_licence_accepted_once(hub: FakeHub) -> None:
    with pytest.raises(WeightsError, match=r"CC-BY-NC-4\.0.*pull rmbg-2\.0 --accept-licence"):
        resolve("rmbg-2.0")
    assert hub.requests == []
    resolve("rmbg-2.0", accept_licence=True)
    assert resolve("hf:briaai/RMBG-2.0").licence == "CC-BY-NC-4.0"


def test_a_non_commercial_stranger_needs_it_too(hub: FakeHub) -> None:
    hub.publish("some/model", {"model.safetensors": b"nc"}, licence="cc-by-nc-sa-4.0")
    with pytest.raises(WeightsError, match=r"cc-by-nc-sa-4\.0, for non-commercial use"):
        resolve("hf:some/model")
    assert hub.downloads == 0
    assert resolve("hf:some/model", accept_licence=True).licence == "cc-by-nc-sa-4.0"


# Downloads that go wrong.


def test_a_wrong_hash_is_refused_and_leaves_nothing(hub: FakeHub) -> None:
    forged = b"G" + GENERAL[1:]
    hub.forged["model.safetensors"] = forged
    with pytest.raises(WeightsError) as caught:
        resolve("general")
    assert sha256(forged) in str(caught.value)
    assert sha256(GENERAL) in str(caught.value)
    assert files_at_home() == []


def test_another_file_is_refused_before_it_is_downloaded(hub: FakeHub) -> None:
    hub.repos["ZhengPeng7/BiRefNet_lite-2K"].clear()
    hub.publish("ZhengPeng7/BiRefNet_lite-2K", {"model.safetensors": b"new weights"})
    with pytest.raises(WeightsError, match=f"{sha256(b'new weights')}, not {sha256(LITE_2K)}"):
        resolve("lite-2k")
    assert hub.downloads == 0


def test_a_broken_transfer_leaves_nothing_and_the_next_one_succeeds(hub: FakeHub) -> None:
    hub.breaks = True
    with pytest.raises(WeightsError, match=r"broke off .*models pull general` again"):
        resolve("general")
    assert files_at_home() == []
    hub.breaks = False
    assert resolve("general").path.read_bytes() == GENERAL


def test_ctrl_c_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, local_dir: Path, **__: object) -> str:
        (Path(local_dir) / "model.safetensors").write_bytes(GENERAL[:100])
        raise KeyboardInterrupt

    monkeypatch.setattr("huggingface_hub.hf_hub_download", interrupted)
    with pytest.raises(KeyboardInterrupt):
        resolve("general")
    assert files_at_home() == []


def test_what_a_killed_pull_left_is_removed_after_a_day() -> None:
    left = cache.models_dir() / "ZhengPeng7/BiRefNet" / "old" / ".pull-x"
    fresh = left.with_name(".pull-y")
    for folder in (left, fresh):
        folder.mkdir(parents=True)
        (folder / "half").write_bytes(b"half")
    os.utime(left, (0, 0))
    resolve("general")
    assert not left.exists()
    assert fresh.exists()


def test_a_gated_repository_asks_for_a_token(hub: FakeHub) -> None:
    hub.gated.add("ZhengPeng7/BiRefNet")
    with pytest.raises(
        WeightsError, match=f"accept them on {hub.url}/ZhengPeng7/BiRefNet, set HF_TOKEN"
    ):
        resolve("general")
    assert files_at_home() == []


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("hf:nobody/nothing", "the hub does not show nobody/nothing: check the name"),
        ("hf:some/model@nowhere", "some/model has no revision nowhere; see http"),
        ("hf:some/empty", r"some/empty holds no checkpoint \(\.safetensors"),
        ("hf:some/many", r"several checkpoints \(a\.safetensors, b\.safetensors\)"),
    ],
)
def test_what_the_hub_does_not_have_is_said(hub: FakeHub, name: str, message: str) -> None:
    hub.publish("some/model", {"model.safetensors": b"model"})
    hub.publish("some/empty", {"README.md": b"words"})
    hub.publish("some/many", {"b.safetensors": b"b", "a.safetensors": b"a"})
    with pytest.raises(WeightsError, match=message):
        resolve(name)


def test_a_file_that_left_its_repository_is_said(hub: FakeHub) -> None:
    hub.repos["ZhengPeng7/BiRefNet"][commit("ZhengPeng7/BiRefNet")] = {"README.md": b"moved"}
    with pytest.raises(WeightsError, match=r"does not hold model\.safetensors; see"):
        resolve("general")


@pytest.mark.parametrize(
    ("head", "file"),
    [
        ("../../escape", "model.safetensors"),
        ("0" * 40, "../model.safetensors"),
        ("0" * 40, "/model.safetensors"),
        ("0" * 40, "..\\model.safetensors"),
        ("0" * 40, "c:model.safetensors"),
    ],
)
def test_an_answer_that_leads_out_of_our_folder_is_refused(
    hub: FakeHub, head: str, file: str
) -> None:
    hub.repos["some/model"] = {head: {file: b"x"}}
    hub.licences["some/model"] = "mit"
    with pytest.raises(WeightsError, match="not as the hub does"):
        resolve("hf:some/model")


def test_a_full_disk_is_said_before_the_download(
    hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = download.shutil.disk_usage("/")._replace(free=10)
    monkeypatch.setattr(download.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(WeightsError, match=r"disk is full \(7\.0 kB are needed\)"):
        resolve("general")
    assert hub.downloads == 0


def test_a_disk_that_fills_up_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", full)
    with pytest.raises(WeightsError, match="disk is full"):
        resolve("general")


def test_a_home_that_cannot_be_written_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("BIREFCLI_HOME", str(tmp_path / "file"))
    with pytest.raises(WeightsError, match=r"cannot store the model in .*BIREFCLI_HOME"):
        resolve("general")
