"""Files of settings: what they may say, and the sentence that names what they may not."""

from pathlib import Path
from typing import Any

import pytest

from birefcli.errors import ExitCode, UsageError
from birefcli.settings.cut import CutSettings
from birefcli.settings.cutout import Product
from birefcli.settings.file import NAME, find_file, tables
from birefcli.settings.model import Precision
from birefcli.settings.peel import PeelCommand

GOOD = """
[cut]
crop = true
levels = [0.1, 0.9]
emit = ["mask", "cutout"]
background = "none"
max_pixels = 5
threshold = 1

[peel]
min-share = 0.25
format = "png,svg"

[model]
precision = "bf16"
"""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def told(text: str, record: type) -> dict[str, Any]:
    Path(NAME).write_text(text, encoding="utf-8")
    found = find_file(None)
    assert found is not None
    return found.values_for(record)


def test_a_file_gives_values_by_the_names_of_fields() -> None:
    assert told(GOOD, CutSettings) == {
        **{"crop": True, "levels": (0.1, 0.9), "emit": (Product.MASK, Product.CUTOUT)},
        **{"background": None, "max_pixels": 5, "threshold": 1.0, "precision": Precision.BF16},
    }
    assert told(GOOD, PeelCommand) == {
        **{"min_share": 0.25, "formats": ("png", "svg")},
        "precision": Precision.BF16,
    }


def test_without_a_file_there_are_no_values_and_a_named_one_must_be_there() -> None:
    assert find_file(None) is None
    with pytest.raises(UsageError, match=r"cannot read the settings in other\.toml: No such file"):
        find_file(Path("other.toml"))
    Path("empty.toml").touch()
    found = find_file(Path("empty.toml"))
    assert found is not None and found.values_for(CutSettings) == {}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[cut]\ncrp = true", r"\[cut\] has no setting 'crp'; did you mean crop\?"),
        ("[cut]\nzzz = true", r"\[cut\] has no setting 'zzz'$"),
        ("[cut]\nkind = 'flat'", r"kind stands in \[peel\], not in \[cut\]"),
        ("[peel]\ndevice = 'cpu'", r"device stands in \[model\], not in \[peel\]"),
        ("[cut]\nredo = true", "redo is for one run; give --redo"),
        ("[peel]\ntrust-model-file = true", "trust-model-file is for one run"),
        ("[model]\naccept-licence = true", "accept-licence is for one run"),
        ("[cut]\ncrop = 1", r"\[cut\] crop takes true or false, not 1"),
        ("[cut]\nmargin = 'wide'", r"margin takes a whole number, not 'wide'"),
        ("[cut]\nmargin = -1", "margin takes at least 0, not -1"),
        ("[cut]\nthreshold = nan", "threshold takes 0 to 1, not nan"),
        ("[peel]\nmax-seconds = nan", "max-seconds takes"),
        ("[cut]\nalpha = 'hrd'", "alpha takes one of auto, soft, hard, not 'hrd'"),
        ("[cut]\nemit = 'gif'", r"\[cut\] emit: 'gif' is not one of cutout, mask, preview"),
        ("[cut]\nlevels = 1", r"levels: '1' is not LOW,HIGH"),
        (
            "[train]\nsteps = 1",
            r"'train', which is none of the tables \[cut\], \[peel\]",
        ),
        ("cut = 1", r"cut is a table; write \[cut\] above its settings"),
        ("[cut", "is not a TOML file"),
    ],
)
def test_what_a_file_may_not_say_is_named(text: str, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence) as caught:
        told(text, CutSettings)
    assert str(caught.value).startswith(NAME) and caught.value.exit_code == ExitCode.USAGE
    assert "\n" not in str(caught.value).partition("TOML")[0]


def test_a_model_is_looked_for_beside_the_file_that_names_it() -> None:
    Path("far/run").mkdir(parents=True)
    Path("far/mine.toml").write_text("[model]\nmodel = 'run'\n")
    found = find_file(Path("far/mine.toml"))
    assert found is not None and found.values_for(PeelCommand) == {"model": str(Path("far/run"))}
    assert told("[model]\nmodel = 'lite'\n", CutSettings) == {"model": "lite"}


def test_no_file_decides_on_inputs_places_or_consent() -> None:
    keys = {key for table in tables().values() for key in table}
    of_run = {"inputs", "files-from", "null", "out", "report", "redo", "dry-run", "json", "quiet"}
    assert not keys & {*of_run, "config", "edit", "layer", "mask", "order"}
    assert not keys & {"accept-licence", "trust-model-file"}
    assert {"crop", "min-share", "inpaint", "model", "device", "recursive"} <= keys
