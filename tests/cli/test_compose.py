"""birefcli compose, as typed: edited layers become a picture, and what is wrong is named."""

import json
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from commands import invoke
from fakes import draw_files
from PIL import Image
from running import QUICK, bytes_in, peel, pixels

from birefcli.errors import ExitCode


@pytest.fixture(autouse=True)
def place(here: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, with the tiny network as the default of a peel."""
    monkeypatch.setenv("BIREFCLI_PEEL_MODEL", str(tiny))
    return here


def test_compose_takes_edited_layers() -> None:
    draw_files(Path(), "a.png")
    peel("a.png", *QUICK)
    layer = Path("a.peel/layers/01_object.png")
    Image.new("RGBA", (40, 30), (255, 0, 0, 255)).save(layer)
    assert invoke("compose", "a.peel", "-o", "red.png").exit_code == 0
    assert (pixels(Path("red.png")) == (255, 0, 0, 255)).all()
    assert invoke("compose", "a.peel", "-o", "red.jpg").exit_code == 0
    poured = invoke("compose", "a.peel", "-o", "-").stdout_bytes
    assert np.array_equal(pixels(BytesIO(poured)), pixels(Path("red.png")))


def test_compose_names_what_is_wrong() -> None:
    draw_files(Path(), "a.png")
    peel("a.png", *QUICK)
    cases = {
        ("compose", "nowhere"): "there is no nowhere",
        ("compose", "."): "holds no manifest.json, so it is no stack",
        ("compose", "a.png"): "a.png is a file; name the folder",
        ("compose", "a.peel", "-o", ""): "-o is an empty text",
        ("compose", "a.peel", "-o", "a.gif"): "must end in .png, .webp or .jpg",
        ("compose", "a.peel", "-o", "a.png"): "exists already",
        ("compose", "a.peel", "-o", "a.peel/layers/01_object.png"): "is a part of the stack",
    }
    before = bytes_in("a.peel"), Path("a.png").read_bytes()
    for arguments, words in cases.items():
        result = invoke(*arguments)
        assert result.exit_code in (1, 2, 3) and words in result.stderr
    assert (bytes_in("a.peel"), Path("a.png").read_bytes()) == before
    Image.new("RGBA", (7, 7)).save("a.peel/layers/01_object.png")
    assert "has 7x7 pixels; it must keep its" in invoke("compose", "a.peel").stderr
    Path("a.peel/layers/01_object.png").unlink()
    assert "01_object.png is missing; bring it back" in invoke("compose", "a.peel").stderr
    manifest = Path("a.peel/manifest.json")
    values = json.loads(manifest.read_text())
    for place, wrong in ((0, -3), (0, 1000), (3, 0)):
        box = [*values["layers"][1]["box"]]
        box[place] = wrong
        layers = [values["layers"][0], {**values["layers"][1], "box": box}]
        manifest.write_text(json.dumps({**values, "layers": layers}))
        result = invoke("compose", "a.peel")
        assert result.exit_code == ExitCode.FAILED
        assert "is not on the canvas of 40x30" in result.stderr
