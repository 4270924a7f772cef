"""What the doctor finds, what it advises, and which exit code it leaves with."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import birefcli
from birefcli.cli import app
from birefcli.errors import ExitCode
from birefcli.models import cache, store
from birefcli.models.variants import VARIANTS
from birefcli.net.birefnet import BiRefNet
from birefcli.net.checkpoint import save_network
from birefcli.net.config import compact_config
from birefcli.workflows import doctor
from birefcli.workflows.doctor import DoctorFinding, Section, draw_ball, examine, worst


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, in which nobody has chosen a model."""
    monkeypatch.delenv("BIREFCLI_MODEL", raising=False)
    monkeypatch.delenv("BIREFCLI_DEBUG", raising=False)
    monkeypatch.setenv("BIREFCLI_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved")
    for variant in VARIANTS:
        if variant.is_bundled:
            save_red_network(folder / variant.file)
    return folder


@pytest.fixture
def weights(saved: Path, tmp_path: Path) -> Path:
    """A folder like the package's, whose small model finds what is red."""
    return shutil.copytree(saved, tmp_path / "weights")


def save_red_network(path: Path, sign: int = 1) -> None:
    """Write a real network whose only path is from the picture's own pixels: red minus blue."""
    network = BiRefNet(compact_config(64))
    tiles, last = network.decoder.ipt_blk1, network.decoder.conv_out1[0]
    with torch.no_grad():
        for parameter in (*tiles.parameters(), *last.parameters()):
            parameter.zero_()
        tiles.conv1.weight[0, :, 1, 1] = torch.tensor([1.0, 0.0, -1.0])
        tiles.conv_out.weight[0, 0, 1, 1] = 1
        last.weight[0, -tiles.conv_out.out_channels] = 20 * sign
    save_network(path, network, {}, half=True)
    sha256 = cache.sha256_of(path)
    path.with_suffix(".md").write_text(f"sha256: {sha256}\n")


def find(findings: Sequence[DoctorFinding], section: Section, name: str) -> DoctorFinding:
    (found,) = (f for f in findings if (f.section, f.name) == (section, name))
    return found


def light(weights: Path) -> list[DoctorFinding]:
    """The findings up to the test cut, which takes its time."""
    findings = []
    for finding in examine(weights):
        findings.append(finding)
        if finding.name == "cache":
            break
    return findings


# A sound installation.


def test_all_is_well_where_a_trained_model_is(weights: Path) -> None:
    findings = list(examine(weights))
    assert [f for f in findings if not f.is_well] == []
    assert worst(findings) == ExitCode.OK
    cut = find(findings, Section.CUT, "compact")
    assert float(str(cut.facts["iou"])) > 0.95
    assert "verified" in find(findings, Section.MODELS, "compact").words
    assert "threads, fp32" in find(findings, Section.DEVICES, "cpu").words
    assert find(findings, Section.VERSIONS, "torch").words == torch.__version__
    assert find(findings, Section.VERSIONS, "birefcli").words == birefcli.__version__


def test_the_ball_is_where_its_matte_says() -> None:
    picture, matte = draw_ball()
    assert (picture.shape, matte.shape) == ((192, 256, 3), (192, 256))
    red = picture[..., 0].astype(int) - picture[..., 2]
    assert np.array_equal(red > 0, matte == 1)
    assert 0.2 < matte.mean() < 0.5


def test_neither_timm_nor_torchvision_is_imported(weights: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from birefcli.workflows.doctor import examine;"
        "print(all(f.is_well for f in examine(Path(sys.argv[1]))),"
        " {'timm', 'torchvision', 'huggingface_hub'} & set(sys.modules))"
    )
    root = Path(birefcli.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", program, str(weights)],
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "True set()\n"


# Models.


def test_missing_weights_are_said_with_the_next_step(tmp_path: Path) -> None:
    findings = list(examine(tmp_path))
    for section, name in product((Section.MODELS, Section.CUT), ("compact", "compact-peel")):
        finding = find(findings, section, name)
        assert finding.words == f"the bundled model {name} is missing from this installation"
        assert finding.advice == "reinstall birefcli"
    assert sum(not f.is_well for f in findings) == 4
    assert worst(findings) == ExitCode.MODEL


def test_damaged_weights_are_found_by_their_hash(weights: Path) -> None:
    (weights / "compact.md").write_text(f"| sha256 | `{'0' * 64}` |\n")
    findings = light(weights)
    finding = find(findings, Section.MODELS, "compact")
    assert "damaged" in finding.words
    assert finding.advice == "reinstall birefcli"
    assert worst(findings) == ExitCode.MODEL


def test_without_a_card_nothing_is_called_verified(weights: Path) -> None:
    (weights / "compact.md").unlink()
    finding = find(light(weights), Section.MODELS, "compact")
    assert finding.is_well
    assert "no card" in finding.words
    assert "verified" not in finding.words


def test_a_model_that_finds_the_wall_is_unfit(weights: Path) -> None:
    save_red_network(weights / "compact.safetensors", sign=-1)
    finding = find(list(examine(weights)), Section.CUT, "compact")
    assert (finding.words, finding.exit_code) == ("it missed the ball, IoU 0.00", ExitCode.MODEL)


def test_a_file_that_is_no_network_is_said(weights: Path) -> None:
    (weights / "compact.safetensors").write_bytes(b"half a file")
    findings = list(examine(weights))
    assert find(findings, Section.CUT, "compact").exit_code == ExitCode.MODEL
    assert worst(findings) == ExitCode.MODEL


def test_the_default_says_who_chose_it(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find(light(weights), Section.MODELS, "default").words == "compact (nobody chose another)"
    store.set_default("compact")
    chosen = find(light(weights), Section.MODELS, "default")
    assert chosen.facts == {"model": "compact", "chosen_by": "birefcli models use"}
    monkeypatch.setenv("BIREFCLI_MODEL", str(weights / "compact.safetensors"))
    finding = find(light(weights), Section.MODELS, "default")
    assert finding.is_well
    assert "chosen by BIREFCLI_MODEL" in finding.words


def test_a_default_that_is_not_here_needs_a_pull(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(weights))
    store.set_default("general")
    finding = find(light(weights), Section.MODELS, "default")
    assert finding.exit_code == ExitCode.MODEL
    assert "`birefcli models pull general`" in finding.advice


def test_a_damaged_choice_is_a_usage_problem(weights: Path, home: Path) -> None:
    home.mkdir()
    (home / "config.json").write_text("[]")
    findings = light(weights)
    assert "models use --clear" in find(findings, Section.MODELS, "default").advice
    assert worst(findings) == ExitCode.USAGE


def test_the_cache_names_what_it_holds(weights: Path) -> None:
    assert "nothing pulled yet" in find(light(weights), Section.MODELS, "cache").words
    record = cache.Record(
        *("some/model", "model.safetensors", None, "0" * 40, None, "1" * 64, "mit")
    )
    record.place.parent.mkdir(parents=True)
    record.place.write_bytes(bytes(2_000_000))
    cache.keep(record)
    line = find(light(weights), Section.MODELS, "cache")
    assert line.words == f"{cache.models_dir()}: hf:some/model 2 MB"
    assert line.facts["models"] == {"hf:some/model": 2_000_000}


# Packages, and what nobody thought of.


def test_a_missing_package_is_graver_than_a_missing_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "PACKAGES", ("numpy", "no-such-package"))
    findings = list(examine(tmp_path))
    finding = find(findings, Section.VERSIONS, "no-such-package")
    assert finding.advice == "run `pip install no-such-package`"
    assert worst(findings) == ExitCode.DEVICE


def test_a_package_that_cannot_be_imported_is_a_finding(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "birefcli.net.device_list", None)
    findings = light(weights)
    assert find(findings, Section.DEVICES, "devices").exit_code == ExitCode.DEVICE
    assert find(findings, Section.MODELS, "compact").is_well


def test_an_unexpected_failure_is_a_finding_and_a_traceback_on_request(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "draw_ball", lambda: 1 / 0)
    finding = find(list(examine(weights)), Section.CUT, "compact")
    assert finding.words == "ZeroDivisionError: division by zero"
    assert finding.exit_code == ExitCode.INTERNAL
    monkeypatch.setenv("BIREFCLI_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        list(examine(weights))


# The command.


@pytest.fixture
def command(weights: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`birefcli doctor`, looking at the small model."""
    monkeypatch.setattr(doctor, "examine", partial(examine, weights))
    return weights


def test_the_report_is_aligned_and_exits_with_0(command: Path) -> None:
    result = CliRunner().invoke(app, ["doctor"])
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert [line for line in lines if not line.startswith(" ")] == [*Section]
    rows = [line for line in lines if line.startswith(" ")]
    assert all(row.startswith("  ✓ ") and row[21] == " " != row[22] for row in rows)


def test_a_problem_has_its_next_step_below_it(command: Path) -> None:
    (command / "compact.safetensors").unlink()
    result = CliRunner().invoke(app, ["doctor"])
    assert result.exit_code == ExitCode.MODEL
    lines = result.stdout.splitlines()
    row = next(i for i, line in enumerate(lines) if line.startswith("  ✗ compact"))
    assert lines[row + 1].strip() == "→ reinstall birefcli"
    assert lines[row + 1].index("reinstall") == lines[row].index("the bundled")


def test_json_says_the_same(command: Path) -> None:
    result = CliRunner().invoke(app, ["doctor", "--json"])
    report = json.loads(result.stdout)
    assert (report["is_well"], report["exit_code"], result.exit_code) == (True, 0, 0)
    keys = {"section", "name", "words", "facts", "advice", "exit_code", "is_well"}
    assert {frozenset(row) for row in report["findings"]} == {frozenset(keys)}
    assert [row["section"] for row in report["findings"]][-1] == "test cut"
    (command / "compact.safetensors").unlink()
    result = CliRunner().invoke(app, ["doctor", "--json"])
    report = json.loads(result.stdout)
    assert (report["is_well"], report["exit_code"], result.exit_code) == (False, 4, 4)


def test_a_terminal_without_the_signs_gets_letters(command: Path) -> None:
    (command / "compact.safetensors").unlink()
    result = CliRunner(charset="ascii").invoke(app, ["doctor"])
    assert result.exit_code == ExitCode.MODEL
    assert "  + python " in result.stdout
    assert "  x compact " in result.stdout
