"""Files of settings and birefcli config: what wins over what, and what is shown."""

import json
import tomllib
from pathlib import Path

import pytest
from commands import invoke
from fakes import draw
from PIL import Image
from running import cut, only_sentence, peel

from birefcli.cli.config import COMMANDS
from birefcli.errors import ExitCode
from birefcli.settings.file import tables

pytestmark = pytest.mark.usefixtures("here")


def write(text: str, name: str = "birefcli.toml") -> None:
    Path(name).write_text(text, encoding="utf-8")


def size(path: str) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size


def test_the_command_line_wins_over_the_file_and_the_file_over_defaults() -> None:
    draw(0, (64, 64)).save("a.png")
    write("[cut]\ncrop = true\nmargin = 1\n")
    result = cut("a.png", "-o", "cropped.png")
    assert result.exit_code == 0 and "settings from birefcli.toml\n" in result.stderr
    assert cut("a.png", "-o", "wider.png", "--margin", "5").exit_code == 0
    assert size("cropped.png") < size("wider.png") < (64, 64)
    assert cut("a.png", "-o", "whole.png", "--no-crop", "--margin", "0").exit_code == 0
    assert size("whole.png") == (64, 64)
    write("", "none.toml")
    plain = cut("a.png", "-o", "plain.png", "--config", "none.toml", "--quiet")
    assert plain.stderr == "" and size("plain.png") == (64, 64)
    assert Path("plain.png").read_bytes() == Path("whole.png").read_bytes()


def test_a_peel_takes_its_own_table_and_that_of_the_model(tiny: Path) -> None:
    draw().save("a.png")
    write(f"[peel]\nmin-share = 0.9\nformat = 'svg'\n[model]\nmodel = '{tiny}'\n", "mine.toml")
    result = peel("a.png", "--config", "mine.toml")
    assert result.exit_code == 0 and "tiny.safetensors" in result.stderr
    assert Path("a.peel/a.svg").is_file() and not Path("a.peel/a.psd").exists()
    options = json.loads(Path("a.peel/manifest.json").read_text())["engine"]["options"]
    assert options["min_area"] == 0.9


def test_a_stack_remembers_its_own_settings_whatever_a_file_says(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BIREFCLI_PEEL_MODEL", str(tiny))
    draw().save("a.png")
    assert peel("a.png", "--inpaint", "membrane", "--format", "png").exit_code == 0
    write("[peel]\ninpaint = 'palette'\n")
    assert peel("--edit", "a.peel", "--layer", "1", "--format", "png").exit_code == 0
    engine = json.loads(Path("a.peel/manifest.json").read_text())["engine"]
    assert engine["inpaint"]["default"] == "membrane"


def test_a_file_that_makes_no_sense_is_one_sentence() -> None:
    draw().save("a.png")
    write("[cut]\ncrp = true\n")
    for result in (cut("a.png"), invoke("config"), cut("a.png", "--config", "birefcli.toml")):
        assert result.exit_code == 2
        assert only_sentence(result) == (
            "birefcli: birefcli.toml: [cut] has no setting 'crp'; did you mean crop?"
        )
    assert peel("a.png", "--config", "lost.toml").exit_code == 2
    assert not Path("a_cut.png").exists()


def test_config_says_what_holds_and_what_said_so(tiny: Path) -> None:
    write("[cut]\ncrop = true\nlevels = [0.1, 0.9]\n")
    found = json.loads(invoke("config", "--json", "cut", "--margin", "8", "a.png").stdout)
    rows = found["cut"]
    assert rows["crop"] == {"value": True, "by": "birefcli.toml"}
    assert rows["levels"] == {"value": "0.1,0.9", "by": "birefcli.toml"}
    assert rows["margin"] == {"value": 8, "by": "command line"}
    assert rows["threshold"] == {"value": 0.5, "by": "default"}
    assert "peel" not in found
    assert found["default_models"] == {"cut": [str(tiny), "BIREFCLI_MODEL"]}
    assert set(json.loads(invoke("config", "--json").stdout)["default_models"]) == set(COMMANDS)


def test_what_config_prints_is_a_file_of_settings() -> None:
    write("[cut]\ncrop = true\n[model]\nprecision = 'bf16'\n")
    shown = invoke("config")
    assert shown.exit_code == 0 and shown.stderr == ""
    assert "crop = true                              # birefcli.toml" in shown.stdout
    assert "birefcli cut takes" in shown.stdout
    keys = {name: set(table) for name, table in tables().items()}
    printed = {name: set(table) for name, table in tomllib.loads(shown.stdout).items()}
    assert all(printed[name] <= keys[name] for name in keys)
    write(shown.stdout)
    assert invoke("config", "--json").exit_code == 0


def test_config_is_for_the_commands_that_take_a_file() -> None:
    result = invoke("config", "synth")
    assert result.exit_code == 2 and "cut and peel do" in only_sentence(result)
    assert invoke("config", "cut", "--no-such-option").exit_code == 2


def test_a_model_that_a_file_names_is_never_downloaded() -> None:
    """What lies beside the pictures is no consent; the sentence says how to give it."""
    draw(0, (64, 64)).save("a.png")
    write("[model]\nmodel = 'general'\n")
    result = cut("a.png")
    assert result.exit_code == ExitCode.MODEL
    assert "birefcli models pull general" in result.stderr


def test_a_name_that_no_table_knows_is_named_with_its_file() -> None:
    draw(0, (64, 64)).save("a.png")
    for text, words in (
        ("[peel]\nformat = 'png,pdf'\n", "birefcli.toml: format: 'pdf' is not one of png, ora"),
        ("[peel]\ninpaint = 'gray'\n", "birefcli.toml: inpaint: 'gray' is not one of auto"),
        ("crop = true\n", "birefcli.toml: crop stands in no table; write [cut] above it"),
    ):
        write(text)
        for arguments in (("peel", "a.png", "--dry-run"), ("config",)):
            result = invoke(*arguments)
            assert result.exit_code == ExitCode.USAGE
            assert words in " ".join(result.stderr.split()).replace("│ ", "")
    write("")
    assert peel("a.png", "--inpaint", "gray", "--dry-run").exit_code == ExitCode.USAGE
    assert peel("a.png", "--inpaint", "lama:here.pt", "--dry-run").exit_code == ExitCode.OK
