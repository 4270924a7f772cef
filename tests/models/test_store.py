import errno
import json
import os
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fakehub import FakeHub, commit, serving, sha256

from birefcli.errors import ExitCode, UsageError, WeightsError
from birefcli.models import cache, pull, store, variants
from birefcli.models.store import ModelFile
from birefcli.models.variants import Variant, find_variant

GENERAL, LITE_2K, SMALL, RMBG = b"general" * 999, b"lite-2k" * 99, b"512" * 99, b"rmbg" * 99


@pytest.fixture(scope="module")
def server() -> Iterator[FakeHub]:
    with serving() as hub:
        yield hub


@pytest.fixture(autouse=True)
def hub(server: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeHub:
    """A fresh hub, an empty home, and a table whose hashes are those of the hub's files."""
    server.__init__(url=server.url)  # type: ignore[misc]
    for name in (
        *("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_TOKEN", "HF_HUB_CACHE"),
        *("BIREFCLI_MODEL", "BIREFCLI_PEEL_MODEL"),
        *("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"),
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("BIREFCLI_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "compact.safetensors").write_bytes(b"compact")
    monkeypatch.setattr(store, "WEIGHTS", tmp_path / "weights")
    table = tuple(publish(server, variant) for variant in variants.VARIANTS)
    for module in (variants, store):
        monkeypatch.setattr(module, "VARIANTS", table)
    return server


def publish(hub: FakeHub, variant: Variant) -> Variant:
    contents = {"general": GENERAL, "lite-2k": LITE_2K, "512": SMALL, "rmbg-2.0": RMBG}
    if variant.repo is None or variant.name not in contents:
        return variant
    content = contents[variant.name]
    head = hub.publish(variant.repo, {variant.file: content})
    return replace(
        variant,
        revision=head if variant.revision else None,
        sha256=sha256(content) if variant.sha256 else None,
    )


class Words(list[str]):
    """What a call said."""


def resolve(name: str, words: Words | None = None, **terms: bool) -> ModelFile:
    terms = {"consent": True, "offline": False, "accept_licence": False, **terms}
    say = words.append if words is not None else lambda _: None
    return store.resolve(name, say=say, **terms)


def files_at_home() -> list[str]:
    home = cache.models_dir()
    return sorted(str(file.relative_to(home)) for file in home.rglob("*") if file.is_file())


# The order of names.


def test_a_path_is_taken_before_a_published_name(tmp_path: Path) -> None:
    run = Path("general")
    run.mkdir()
    (run / "best.safetensors").write_bytes(b"trained here")
    model = resolve("general")
    assert model.path == run / "best.safetensors"
    assert model.sha256 == sha256(b"trained here")
    assert (model.variant, model.size, model.keeps_aspect, model.tile_order) == (None,) * 4


def test_a_folder_that_is_no_run_does_not_hide_a_published_name() -> None:
    Path("general").mkdir()
    assert resolve("general").name == "general"


@pytest.mark.parametrize("suffix", [".safetensors", ".pth", ".pt", ".PTH"])
def test_a_checkpoint_is_taken_by_its_path(suffix: str) -> None:
    file = Path(f"mine{suffix}")
    file.write_bytes(b"mine")
    assert resolve(str(file), consent=False, offline=True).path == file


def test_a_published_file_is_recognised_under_any_path() -> None:
    Path("renamed.safetensors").write_bytes(GENERAL)
    model = resolve("renamed.safetensors")
    assert model.variant == find_variant("general")
    assert (model.licence, model.size, model.tile_order) == ("MIT", (1024, 1024), "old")


def test_a_trained_checkpoint_states_its_licence() -> None:
    header = json.dumps({"__metadata__": {"licence": "CC0-1.0"}}).encode()
    Path("mine.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    Path("bare.safetensors").write_bytes(b"\xff" * 64)
    assert resolve("mine.safetensors").licence == "CC0-1.0"
    assert resolve("bare.safetensors").licence == "unknown"


def test_the_bundled_model_needs_neither_consent_nor_network(hub: FakeHub) -> None:
    model = resolve("compact", consent=False, offline=True)
    assert model.path == store.WEIGHTS / "compact.safetensors"
    assert (model.sha256, model.keeps_aspect) == (sha256(b"compact"), True)
    assert hub.requests == []


def test_a_missing_bundled_file_is_said() -> None:
    (store.WEIGHTS / "compact.safetensors").unlink()
    with pytest.raises(WeightsError, match="missing from this installation; reinstall"):
        resolve("compact")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("generl", "did you mean general\\? `birefcli models list`"),
        ("birefnet-hrr", "did you mean hr\\?"),
        ("zzzzzz", "no model called 'zzzzzz'; `birefcli models list` shows"),
        ("ZhengPeng7/BiRefNet", "no file or folder .* write `hf:ZhengPeng7/BiRefNet`"),
        ("runs/best.safetensors", "no checkpoint runs/best.safetensors"),
        ("hf:nothing", "write `hf:owner/name`"),
        ("hf:../..", "write `hf:owner/name`"),
        ("hf:owner/../../x", "write `hf:owner/name`"),
        (".", "holds no best.safetensors"),
        (__file__, "should end in .safetensors"),
    ],
)
def test_an_unknown_name_is_answered_with_the_next_step(name: str, message: str) -> None:
    with pytest.raises(WeightsError, match=message) as caught:
        resolve(name)
    assert caught.value.exit_code == ExitCode.MODEL


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
        limits: list[float] = []
        connect = socket.create_connection

        def watched(address: tuple[str, int], timeout: float) -> socket.socket:
            limits.append(timeout)
            return connect(address, timeout)

        monkeypatch.setattr(socket, "create_connection", watched)
        with pytest.raises(WeightsError, match=r"cannot be reached .*models pull general"):
            resolve("general")
    assert len(limits) == 1 and limits[0] < 5


def test_a_network_that_never_answers_is_said_within_five_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    is_over, limits, join = threading.Event(), [], threading.Thread.join

    def unanswered(*_: object, **__: object) -> socket.socket:
        is_over.wait()
        raise TimeoutError

    def watched(thread: threading.Thread, timeout: float | None = None) -> None:
        limits.append(timeout)
        join(thread, 0)

    monkeypatch.setattr(socket, "create_connection", unanswered)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "join", watched)
        # It ends while nobody has answered yet.
        with pytest.raises(WeightsError, match=r"cannot be reached \(no answer\)"):
            resolve("general")
    is_over.set()
    (limit,) = limits
    assert limit is not None and limit < 5


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
    usage = pull.shutil.disk_usage("/")._replace(free=10)
    monkeypatch.setattr(pull.shutil, "disk_usage", lambda _: usage)
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
    real = pull.sha256_of
    monkeypatch.setattr(pull, "sha256_of", lambda path: hashed.append(path) or real(path))
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


# The default.


def test_the_default_is_the_variable_then_the_choice_then_the_bundled_model(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert store.default_choice().name == "compact"
    store.set_default("lite")
    assert store.default_choice().name == "lite"
    monkeypatch.setenv("BIREFCLI_MODEL", "hr")
    assert store.default_choice().name == "hr"
    monkeypatch.delenv("BIREFCLI_MODEL")
    store.set_default(None)
    assert store.default_choice().name == "compact"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"models": 3}'])
def test_a_damaged_choice_is_said_and_can_be_cleared(text: str) -> None:
    store.set_default("lite")
    cache.config_file().write_text(text)
    with pytest.raises(UsageError, match="is damaged; `birefcli models use --clear`"):
        store.default_choice()
    store.set_default(None)
    assert store.default_choice().name == "compact"


@pytest.mark.parametrize(
    ("platform", "variables", "models", "config"),
    [
        ("linux", {}, ".cache/birefcli/models", ".config/birefcli/config.json"),
        (
            "linux",
            {"XDG_CACHE_HOME": "c", "XDG_CONFIG_HOME": "d"},
            "c/birefcli/models",
            "d/birefcli/config.json",
        ),
        (
            "darwin",
            {},
            "Library/Caches/birefcli/models",
            "Library/Application Support/birefcli/config.json",
        ),
        (
            "win32",
            {"LOCALAPPDATA": "local", "APPDATA": "roaming"},
            "local/birefcli/models",
            "roaming/birefcli/config.json",
        ),
    ],
)
def test_folders_are_where_the_platform_wants_them(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    platform: str,
    variables: dict[str, str],
    models: str,
    config: str,
) -> None:
    for name in ("BIREFCLI_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name, folder in variables.items():
        monkeypatch.setenv(name, str(tmp_path / folder))
    monkeypatch.setattr(cache.sys, "platform", platform)
    assert cache.models_dir() == tmp_path / models
    assert cache.config_file() == tmp_path / config
