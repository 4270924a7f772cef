import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fakehub import FakeHub, serving, sha256
from typer.testing import CliRunner, Result

import birefcli
from birefcli.cli.models import app
from birefcli.errors import ExitCode, UsageError, WeightsError
from birefcli.models import store, variants

GENERAL, SMALL = b"general" * 999, b"512" * 99


@pytest.fixture(scope="module")
def hub() -> Iterator[FakeHub]:
    with serving() as hub:
        hub.publish("ZhengPeng7/BiRefNet", {"model.safetensors": GENERAL})
        hub.publish("ZhengPeng7/BiRefNet_512x512", {"model.safetensors": SMALL})
        yield hub


@pytest.fixture(autouse=True)
def home(hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, a bundled model, and a table that is right about the fake hub."""
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_HUB_CACHE", "BIREFCLI_MODEL"):
        monkeypatch.delenv(name, raising=False)
    for scheme in ("http", "all"):
        monkeypatch.delenv(f"{scheme}_proxy", raising=False)
        monkeypatch.delenv(f"{scheme}_PROXY".upper(), raising=False)
    home = tmp_path / "home"
    monkeypatch.setenv("BIREFCLI_HOME", str(home))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(store, "WEIGHTS", tmp_path)
    (tmp_path / "compact.safetensors").write_bytes(b"compact")
    (tmp_path / "compact-peel.safetensors").write_bytes(b"peel")
    head = next(iter(hub.repos["ZhengPeng7/BiRefNet"]))
    table = tuple(
        replace(variant, revision=head, sha256=sha256(GENERAL))
        if variant.name == "general"
        else variant
        for variant in variants.VARIANTS
    )
    for module in (variants, store, sys.modules["birefcli.cli.models"]):
        monkeypatch.setattr(module, "VARIANTS", table)
    return home


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(app, arguments)
    assert result.exception is None, result.exception
    return result


def fail(*arguments: str) -> Exception:
    result = CliRunner().invoke(app, arguments)
    assert isinstance(result.exception, Exception)
    return result.exception


def test_list_shows_every_model_the_bundled_one_first() -> None:
    lines = run("list").stdout.splitlines()
    assert len(lines) == len(variants.VARIANTS) + len(variants.COMPANIONS)
    assert lines[0].split("\t")[:3] == ["compact", "bundled *", "0.0 kB"]
    assert lines[1].split("\t")[:3] == ["compact-peel", "bundled *", "0.0 kB"]
    assert lines[2].split("\t") == [
        *("general", "-", "444 MB", "MIT"),
        "The standard model: any subject, people included.",
    ]


def test_list_as_json_has_a_stable_form() -> None:
    run("pull", "general")
    rows = {row["name"]: row for row in json.loads(run("list", "--json").stdout)}
    assert {frozenset(row) for row in rows.values()} == {
        frozenset(
            (
                *("name", "purpose", "task", "backbone", "size", "keeps_aspect", "tile_order"),
                *("licence", "non_commercial", "repo", "file", "revision", "sha256", "bytes"),
                *("bundled", "cached", "path", "is_default"),
            )
        )
    }
    assert rows["compact"]["bundled"] is True
    assert [name for name, row in rows.items() if row["is_default"]] == ["compact", "compact-peel"]
    assert (rows["general"]["cached"], rows["general"]["bytes"]) == (True, len(GENERAL))
    assert Path(rows["general"]["path"]).read_bytes() == GENERAL
    assert (rows["lite"]["cached"], rows["lite"]["path"]) == (False, None)
    assert rows["rmbg-2.0"]["non_commercial"] is True


def test_list_is_a_table_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "120")
    app(["list"], standalone_mode=False)
    shown = capsys.readouterr().out
    assert "purpose" in shown
    assert "runs when no model is named" in shown
    assert all(variant.name in shown for variant in variants.VARIANTS)


def test_info_tells_what_is_known() -> None:
    words = run("info", "BiRefNet_HR").stdout
    assert "repo            ZhengPeng7/BiRefNet_HR" in words
    assert "size            2048, 2048" in words
    assert json.loads(run("info", "hr", "--json").stdout)["tile_order"] == "new"


def test_info_knows_a_file() -> None:
    Path("mine.pth").write_bytes(GENERAL)
    facts = json.loads(run("info", "mine.pth", "--json").stdout)
    assert facts["published_as"] == "general"
    assert facts["sha256"] == sha256(GENERAL)
    assert isinstance(fail("info", "generl"), WeightsError)


def test_pull_prints_the_path_and_says_the_rest() -> None:
    result = run("pull", "general", "512")
    paths = [Path(line) for line in result.stdout.splitlines()]
    assert [path.read_bytes() for path in paths] == [GENERAL, SMALL]
    assert "general: size 7.0 kB, licence MIT" in result.stderr
    assert "512: recorded commit" in result.stderr
    again = run("pull", "general")
    assert (again.stdout, again.stderr) == (f"{paths[0]}\n", "")


def test_pull_goes_on_after_a_failure() -> None:
    result = CliRunner().invoke(app, ["pull", "generl", "general", "rmbg-2.0"])
    assert isinstance(result.exception, WeightsError)
    assert "--accept-licence" in str(result.exception)
    assert "did you mean general?" in result.stderr
    assert Path(result.stdout.strip()).read_bytes() == GENERAL


def test_path_prints_where_a_model_lies() -> None:
    error = fail("path", "general")
    assert isinstance(error, WeightsError) and error.exit_code == ExitCode.MODEL
    assert "run `birefcli models pull general`" in str(error)
    pulled = run("pull", "general").stdout
    assert run("path", "BiRefNet").stdout == pulled
    assert run("path", "compact").stdout == f"{store.WEIGHTS / 'compact.safetensors'}\n"
    assert "did you mean general?" in str(fail("path", "generl"))


def test_use_remembers_and_forgets() -> None:
    result = run("use", "BiRefNet")
    assert result.stdout == "general\n"
    assert "run `birefcli models pull general`" in result.stderr
    run("pull", "general")
    assert (run("use").stdout, run("use").stderr) == ("general\n", "")
    assert run("list").stdout.splitlines()[2].startswith("general\there *")
    assert run("use", "--clear").stdout == "compact\n"


def test_use_says_when_a_variable_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BIREFCLI_MODEL", "compact")
    result = run("use", "general")
    assert result.stdout == "compact\n"
    assert "BIREFCLI_MODEL is set" in result.stderr


def test_use_keeps_a_path_from_any_folder(tmp_path: Path) -> None:
    Path("mine.pth").write_bytes(b"mine")
    assert run("use", "mine.pth").stdout == f"{tmp_path / 'mine.pth'}\n"


def test_use_refuses_what_is_no_model() -> None:
    assert isinstance(fail("use", "generl"), WeightsError)
    assert isinstance(fail("use", "general", "--clear"), UsageError)
    assert store.default_choice().name == "compact"


def test_verify_hashes_what_is_here() -> None:
    run("pull", "general", "512")
    lines = [line.split("\t")[:3] for line in run("verify").stdout.splitlines()]
    assert lines == [
        ["compact", "ok", sha256(b"compact")],
        ["compact-peel", "ok", sha256(b"peel")],
        ["general", "ok", sha256(GENERAL)],
        ["512", "ok", sha256(SMALL)],
    ]
    assert run("verify", "BiRefNet").stdout.startswith("general\tok")
    error = fail("verify", "lite")
    assert isinstance(error, WeightsError)
    assert "models pull lite" in str(error)


def test_verify_finds_damage_that_time_and_size_hide() -> None:
    path = Path(run("pull", "general").stdout.strip())
    status = path.stat()
    path.write_bytes(b"G" + GENERAL[1:])
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    result = CliRunner().invoke(app, ["verify"])
    assert isinstance(result.exception, WeightsError)
    assert result.exception.exit_code == ExitCode.MODEL
    assert "damaged: general; delete" in str(result.exception)
    assert "general\tdamaged\t" in result.stdout


def test_verify_holds_the_bundled_model_to_its_card(tmp_path: Path) -> None:
    card = tmp_path / "compact.md"
    card.write_text(f"sha256: {sha256(b'compact')}\n")
    run("verify", "compact")
    card.write_text(f"sha256: {sha256(b'another')}\n")
    assert str(fail("verify", "compact")) == "damaged: compact; reinstall birefcli"


@pytest.mark.parametrize(
    "arguments",
    [
        *(["list"], ["list", "--json"], ["info", "general"], ["path", "compact"]),
        *(["pull", "hf:some/model"], ["verify"]),
    ],
    ids=" ".join,
)
def test_no_command_loads_anything_heavy(hub: FakeHub, arguments: list[str]) -> None:
    hub.publish("some/model", {"model.safetensors": b"model"})
    program = (
        "import sys; from birefcli.cli.models import app; app(sys.argv[1:], standalone_mode=False);"
        "print(sorted({'torch', 'numpy', 'PIL', 'cv2', 'timm'} & set(sys.modules)))"
    )
    root = Path(birefcli.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "[]"
