"""What a name means: paths, bundled and published models, and the default."""

import json
from pathlib import Path

import pytest
from fakehub import FakeHub, sha256
from fakestore import GENERAL, resolve

from birefcli.errors import ExitCode, UsageError, WeightsError
from birefcli.models import cache, store
from birefcli.models.variants import find_variant

pytestmark = pytest.mark.usefixtures("hub")

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
