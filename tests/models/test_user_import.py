"""Checkpoints of the user's own: kept under a name, held to their hash, and loaded first."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from fakes import tiny_config
from typer.testing import CliRunner, Result

from birefcli.cli.models import app
from birefcli.errors import BirefcliError, ExitCode, UsageError, WeightsError
from birefcli.models import store, variants
from birefcli.models.cache import models_dir, sha256_of
from birefcli.models.store import ModelFile
from birefcli.models.user_import import import_model
from birefcli.models.variants import find_variant
from birefcli.net.birefnet import BiRefNet
from birefcli.net.checkpoint import load_network, save_network

TINY = tiny_config()


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    save_network(path, BiRefNet(TINY), {"licence": "CC0-1.0"}, half=True)
    return path


@pytest.fixture
def file(weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkpoint called hair in an empty folder, an empty home, and no network."""
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_HUB_CACHE", "BIREFCLI_MODEL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("BIREFCLI_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    path = tmp_path / "hair.safetensors"
    path.write_bytes(weights.read_bytes())
    return path


def publish(monkeypatch: pytest.MonkeyPatch, name: str, sha256: str) -> None:
    """Let a file with this hash be a published model."""
    table = tuple(
        replace(variant, sha256=sha256) if variant.name == name else variant
        for variant in variants.VARIANTS
    )
    for module in (variants, store, sys.modules["birefcli.cli.models"]):
        monkeypatch.setattr(module, "VARIANTS", table)


def other(path: Path) -> Path:
    """Write another network."""
    save_network(path, BiRefNet(replace(TINY, dropout=0.2)), {}, half=True)
    return path


def resolve(name: str) -> ModelFile:
    return store.resolve(
        name, consent=True, offline=False, accept_licence=False, say=lambda _: None
    )


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(app, arguments)
    assert result.exception is None, result.exception
    return result


def refusal(file: Path, name: str | None = None) -> BirefcliError:
    """Give the error an import ends in, which keeps nothing."""
    before = everything_at_home()
    with pytest.raises(BirefcliError) as caught:
        import_model(file, name)
    assert everything_at_home() == before
    return caught.value


def everything_at_home() -> list[str]:
    return sorted(str(path.relative_to(models_dir())) for path in models_dir().rglob("*"))


def test_an_imported_file_is_a_model(file: Path) -> None:
    result = run("import", str(file))
    place = models_dir() / "imported" / "hair" / "model.safetensors"
    assert result.stdout == f"{place}\n"
    assert f"hair: sha256 {sha256_of(file)}; use it with --model hair" in result.stderr
    file.unlink()

    model = resolve("hair")
    assert (model.path, model.licence, model.variant) == (place, "CC0-1.0", None)
    assert (model.size, model.keeps_aspect, model.tile_order) == (None, None, None)
    assert load_network(model.path, name="hair").config == TINY
    assert run("path", "hair").stdout == result.stdout
    assert run("verify", "hair").stdout.startswith(f"hair\tok\t{model.sha256}\t")
    assert json.loads(run("info", "hair", "--json").stdout)["published_as"] is None

    run("use", "hair")
    assert run("list").stdout.splitlines()[-1].startswith("hair\timported *\t")
    row = json.loads(run("list", "--json").stdout)[-1]
    assert (row["name"], row["backbone"], row["cached"]) == ("hair", "mobilenet_v2", True)
    assert (row["size"], row["keeps_aspect"], row["bundled"]) == (None, None, False)
    assert set(row) == set(json.loads(run("list", "--json").stdout)[0])


def test_a_training_run_is_imported_by_its_folder(file: Path) -> None:
    Path("runs/v1.2").mkdir(parents=True)
    file.rename("runs/v1.2/best.safetensors")
    assert import_model(Path("runs/v1.2")).name == "v1.2"
    assert import_model(Path("runs/v1.2"), "fur").path == resolve("fur").path


def test_what_fits_no_network_is_not_kept(file: Path) -> None:
    network = BiRefNet(TINY)
    torch.save(network.state_dict(), "bare.pth")
    # Compact shapes are only known from a description.
    assert "do not fit" in str(refusal(Path("bare.pth")))


@pytest.mark.parametrize("content", [b"", b"nonsense", None])
def test_what_does_not_load_is_not_kept(file: Path, content: bytes | None) -> None:
    file.write_bytes(file.read_bytes()[:5000] if content is None else content)
    assert isinstance(refusal(file), WeightsError)


def test_what_is_no_checkpoint_is_not_kept(file: Path) -> None:
    assert "is no checkpoint; give a file that ends in .safetensors" in str(refusal(Path("gone")))
    assert "is no checkpoint" in str(refusal(file.parent))


@pytest.mark.parametrize("name", ["", "a/b", "../up", "hf:owner/name", "hair.pth", "a b", ".dot"])
def test_a_name_must_be_one(file: Path, name: str) -> None:
    assert isinstance(refusal(file, name), UsageError)


@pytest.mark.parametrize("name", ["general", "BiRefNet_HR", "512", "compact", "COMPACT"])
def test_a_known_name_is_never_taken(file: Path, name: str) -> None:
    error = refusal(file, name)
    assert error.exit_code == ExitCode.MODEL
    assert "is the name of another model" in str(error) and "--name" in str(error)


def test_a_published_file_gets_its_name(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(monkeypatch, "general", sha256_of(file))
    assert import_model(file).name == "general"
    model = resolve("BiRefNet")
    assert (model.variant, model.licence) == (find_variant("general"), "MIT")
    assert any(line.startswith("general\there\t") for line in run("list").stdout.splitlines())

    # Under another name it is run by the same rules.
    import_model(file, "mine")
    assert resolve("mine").tile_order == "old"
    assert "the same file as general" in run("list").stdout.splitlines()[-1]


def test_the_bundled_file_is_here_already(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (file.parent / "compact.safetensors").write_bytes(file.read_bytes())
    monkeypatch.setattr(store, "WEIGHTS", file.parent)
    assert import_model(file, "compact").path == file.parent / "compact.safetensors"
    assert everything_at_home() == []


def test_a_licence_must_be_accepted(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(monkeypatch, "rmbg-2.0", sha256_of(file))
    for name in ("rmbg-2.0", "mine"):
        assert "add --accept-licence" in str(refusal(file, name))
    run("import", str(file), "--accept-licence")
    assert resolve("rmbg-2.0").licence == "CC-BY-NC-4.0"


def test_a_name_stays_with_its_file(file: Path) -> None:
    first = import_model(file)
    assert import_model(file) == first
    second = other(file.with_name("other.safetensors"))
    assert "the name of another imported model" in str(refusal(second, "hair"))
    first.path.unlink()
    assert import_model(second, "hair").sha256 == sha256_of(second)
    assert resolve("hair").sha256 == sha256_of(second)


def test_a_changed_or_missing_file_is_imported_again(file: Path) -> None:
    place = import_model(file).path
    for spoil in (lambda: place.write_bytes(b"changed"), place.unlink):
        spoil()
        with pytest.raises(WeightsError, match="imported as hair is gone or changed; run `bir"):
            resolve("hair")
        result = CliRunner().invoke(app, ["verify", "hair"])
        assert "`birefcli models import FILE --name hair`" in str(result.exception)
        import_model(file)
        assert resolve("hair").path == place
