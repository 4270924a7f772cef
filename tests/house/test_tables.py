"""A new stack format, inpainter or metric is one file and one line of a table, nothing else."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from fakes import draw_files
from PIL import Image

import birefcli
from birefcli.errors import ExitCode

FORMAT = '''
"""The layers in one numpy file."""
import io
import os
import numpy as np

def write_dummy(export):
    stream = io.BytesIO()
    np.save(stream, np.stack([layer.whole for layer in export.layers]))
    return {f"{export.name}.dummy": stream.getvalue()}

def read_dummy(files):
    (data,) = files.values()
    layers = np.load(io.BytesIO(data))
    layers[0, 3, 4, 1] ^= "SPOIL" in os.environ
    return list(layers)
'''
FORMAT_LINE = (
    '    StackFormat(name="dummy", description="one array", files=("{picture}.dummy",),'
    ' write="birefcli.stack.formats.dummy:write_dummy",'
    ' read="birefcli.stack.formats.dummy:read_dummy"),\n'
)
INPAINTER = '''
"""A fill of one colour."""
from dataclasses import dataclass
import numpy as np
from birefcli.inpaint.protocol import HoleFiller

@dataclass(frozen=True)
class Dummy(HoleFiller):
    name: str = "dummy"

    def fill_hole(self, task):
        return np.full_like(task.rgb, 77)
'''
INPAINTER_LINE = (
    '    InpainterEntry(name="dummy", description="one grey",'
    ' load="birefcli.inpaint.dummy:Dummy"),\n'
)
METRIC = '''
"""How far the mean of a prediction is from that of its truth."""

def mean_shift(pair):
    return abs(pair.prediction.mean() - pair.truth.mean()) / 255
'''
METRIC_LINE = (
    '    MetricRecord(name="shift", description="difference of the means",'
    ' measure="dummy:mean_shift", groups=("matting",), is_error=True, digits=1),\n'
)


@pytest.fixture
def house(here: Path) -> Path:
    """A copy of the package with a new format, inpainter and metric."""
    root = here / "copy"
    package = Path(birefcli.__file__).parent
    shutil.copytree(package, root / "birefcli", ignore=shutil.ignore_patterns("__pycache__"))
    for room, code, line, after in (
        ("stack/formats", FORMAT, FORMAT_LINE, "FORMATS = (\n"),
        ("inpaint", INPAINTER, INPAINTER_LINE, "INPAINTERS = (\n"),
        ("metrics", METRIC, METRIC_LINE, "\nMETRICS = (\n"),
    ):
        folder = root / "birefcli" / room
        (folder / "dummy.py").write_text(code)
        table = folder / "table.py"
        before, _, rest = table.read_text(encoding="utf-8").partition(after)
        entries, end, rest = rest.partition("\n)\n")
        table.write_text(before + after + entries + "\n" + line + end[1:] + rest, encoding="utf-8")
    return root


def run(house: Path, *arguments: str, **extra: str) -> "subprocess.CompletedProcess[str]":
    """Run the copied program, with the tiny network as its model."""
    model = os.environ["BIREFCLI_MODEL"]
    environment = {"PYTHONPATH": str(house), "BIREFCLI_PEEL_MODEL": model, **extra}
    return subprocess.run(
        [sys.executable, "-m", "birefcli", *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )


def test_one_file_and_one_line_make_a_format_and_an_inpainter(house: Path) -> None:
    shown = run(house, "peel", "--help").stdout
    assert "dummy (one array)" in shown and "dummy (one grey)" in shown
    draw_files(Path(), "a.png")
    asked = ("peel", "a.png", "--format", "dummy", "--inpaint", "dummy", "-o", "a.peel")
    done = run(house, *asked)
    assert done.returncode == ExitCode.OK, done.stderr
    assert Path("a.peel/a.dummy").is_file() and not Path("a.peel/a.ora").exists()
    manifest = json.loads(Path("a.peel/manifest.json").read_text())
    assert manifest["engine"]["inpaint"] == {"default": "dummy", "lama_sha256": None}
    assert manifest["engine"]["options"]["format"] == ["dummy"]
    assert [layer["fill"]["backend"] for layer in manifest["layers"][1:]] == ["dummy"]
    # What reads the format wrong is found out, and nothing is written.
    spoilt = run(house, *asked[:-1], "b.peel", SPOIL="1")
    assert spoilt.returncode == ExitCode.FAILED
    assert "from a.dummy, 1 pixels differ by up to 1" in spoilt.stderr
    assert not Path("b.peel/manifest.json").exists()


def test_one_function_and_one_line_make_a_metric(house: Path) -> None:
    shown = " ".join(run(house, "eval", "--help").stdout.replace("│", " ").split())
    assert "shift (difference of the means)" in shown
    for folder, level in (("predictions", 51), ("truths", 255)):
        Path(folder).mkdir()
        Image.new("L", (8, 8), level).save(f"{folder}/a.png")
    asked = ("eval", "predictions", "truths", "--metrics")
    scores = run(house, *asked, "Shift,MAE", "--fail-below", "shift=0.5")
    assert scores.returncode == ExitCode.FAILED
    assert scores.stdout.splitlines()[1:] == ["metric\tpredictions", "shift\t0.8", "MAE\t0.800"]
    assert "predictions: shift is 0.8, above 0.5" in scores.stderr
    assert "\nshift\t0.8" in run(house, *asked, "matting").stdout
    plan = run(house, "train", "nowhere", "--metric", "SHIFT", "-o", "run", "--plan")
    assert "nowhere" in plan.stderr and "is not one of" not in plan.stderr
    wrong = run(house, "train", "nowhere", "--metric", "dice", "-o", "run", "--plan")
    assert wrong.returncode == ExitCode.USAGE and "Conn, shift" in wrong.stderr
