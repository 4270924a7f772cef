"""birefcli peel --edit: a layer peeled again, another order, and what a stack remembers."""

import json
import signal
from pathlib import Path

import numpy as np
import pytest
from commands import invoke
from PIL import Image
from running import QUICK, bytes_in, composed, peel, pixels

from birefcli.errors import ExitCode
from birefcli.stack.read import read_stack


@pytest.fixture(autouse=True)
def place(here: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, with the tiny network as the default of a peel."""
    monkeypatch.setenv("BIREFCLI_PEEL_MODEL", str(tiny))
    return here


def two_disks() -> np.ndarray:
    """Two bright disks apart from one another; the picture (H, W, 3)."""
    y, x = np.ogrid[:64, :96]
    picture = np.random.default_rng(0).integers(0, 40, (64, 96, 3), np.uint8)
    picture[np.hypot(y - 30, x - 25) < 14] = (250, 240, 200)
    picture[np.hypot(y - 36, x - 68) < 12] = (200, 250, 255)
    Image.fromarray(picture).save("two.png")
    return picture


def test_a_layer_is_peeled_again_with_a_mask() -> None:
    picture = two_disks()
    peel("two.png", "--kind", "photo", *QUICK, "--format", "png,sheet")
    count = len(read_stack(Path("two.peel")).stack.layers)
    assert count == 2
    mask = np.zeros((64, 96), np.uint8)
    mask[10:24, 60:90] = 255
    Image.fromarray(mask).save("mask.png")
    result = peel("--edit", "two.peel", "--layer", "1", "--mask", "mask.png", "--format", "png")
    assert (result.exit_code, result.stdout) == (0, "two.peel\n"), result.stderr
    opened = read_stack(Path("two.peel"))
    assert np.array_equal(opened.picture[..., :3], picture)
    boxes = [layer.box for layer in opened.stack.layers]
    assert any(60 <= left < 90 and 10 <= top < 24 for left, top, _, _ in boxes)
    # What was written before is written again, and nothing of the old stack is left.
    names = bytes_in("two.peel")
    assert "sheet.png" in names
    listed = {entry.file for entry in opened.manifest.entries}
    assert {name for name in names if name.startswith("layers/")} == listed


def test_a_change_by_hand_keeps_what_was_asked_at_first() -> None:
    two_disks()
    first = ("--inpaint", "membrane", "--max-layers", "2", "--explain", "--kind", "photo")
    assert peel("two.png", *first, *QUICK).exit_code == 0
    assert peel("--edit", "two.peel", "--layer", "2", *QUICK).exit_code == 0
    manifest = json.loads(Path("two.peel/manifest.json").read_text())
    assert manifest["engine"]["inpaint"]["default"] == "membrane"
    options = manifest["engine"]["options"]
    assert (options["max_layers"], options["kind"], options["explain"]) == (2, "photo", True)
    # Of the old evidence nothing is left that the new stack does not have.
    assert peel("--edit", "two.peel", "--layer", "2", "--max-layers", "1", *QUICK).exit_code == 0
    names = sorted(path.name for path in Path("two.peel/explain").glob("*.png"))
    assert names and not any(name.startswith("layer-02") for name in names)


def test_layers_are_put_in_another_order() -> None:
    picture = two_disks()
    peel("two.png", "--kind", "photo", *QUICK)
    first = read_stack(Path("two.peel"))
    before = [layer.box for layer in first.stack.layers]
    asked = ("--order", "2,1", "--format", "png", "--model", "compact-peel")
    result = peel("--edit", "two.peel", *asked)
    assert result.exit_code == 0, result.stderr
    opened = read_stack(Path("two.peel"))
    # Nobody looked again, so those that found the layers are still the ones.
    assert first.engine.options["beside"]["id"] == "compact-peel"
    assert opened.engine.options["beside"] == first.engine.options["beside"]
    assert opened.engine.segmenter_sha256 == first.engine.segmenter_sha256
    assert np.array_equal(opened.picture[..., :3], picture)
    after = [layer.box for layer in opened.stack.layers]
    assert [box[0] // 20 for box in after] == [box[0] // 20 for box in before[::-1]]
    # A change made by hand is not undone by the next run.
    assert "was edited since" in peel("two.png", "--kind", "photo", *QUICK).stderr


def test_a_change_by_hand_is_whole_when_it_is_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    from birefcli.workflows import edit_stack

    real = edit_stack.write_atomic
    written: list[str] = []

    def interrupted(target: Path, data: bytes, *, root: Path) -> None:
        if not written:
            signal.raise_signal(signal.SIGINT)
        written.append(target.name)
        real(target, data, root=root)

    two_disks()
    peel("two.png", "--kind", "photo", *QUICK)
    monkeypatch.setattr(edit_stack, "write_atomic", interrupted)
    # Where the tests run in the background nobody listens to Ctrl-C, and so would the command.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        result = peel("--edit", "two.peel", "--layer", "2", "--max-layers", "1", *QUICK)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
    assert (result.exit_code, written[-1]) == (ExitCode.INTERRUPTED, "manifest.json")
    assert np.array_equal(composed("two.peel"), pixels(Path("two.png")))


def test_a_change_by_hand_needs_the_map_of_what_is_invented() -> None:
    two_disks()
    peel("two.png", "--kind", "photo", *QUICK)
    Path("two.peel/hallucinated.png").unlink()
    assert "hallucinated.png is gone" in peel("--edit", "two.peel", "--layer", "1").stderr
    assert invoke("compose", "two.peel").exit_code == 0


NONSENSE: list[tuple[tuple[str, ...], str]] = [
    (("--layer", "1"), "name it: --edit DIR"),
    (("--edit", "two.peel"), "needs either --layer N or --order"),
    (("--edit", "two.peel", "--order", "2,1", "--mask", "m.png"), "--mask needs --layer"),
    (("--edit", "two.peel", "--layer", "0"), "greater than or equal to 1"),
    (("--edit", "two.peel", "--layer", "9"), "no layer 9"),
    (("--edit", "two.peel", "--order", "1,1"), "each of the 2 layers once"),
    (("--edit", "two.peel", "--layer", "1", "two.png"), "takes no inputs"),
    (("--edit", "nowhere", "--layer", "1"), "there is no nowhere"),
    (("--edit", ".", "--layer", "1"), "holds no manifest.json"),
    (("--edit", "two.peel", "--layer", "1", "--mask", "two.peel"), "is a folder"),
    (("--edit", "two.peel", "--layer", "1", "--mask", "small.png"), "draw the mask at"),
    (("--edit", "two.peel", "--layer", "1", "--mask", "black.png"), "shows nothing"),
    (("--edit", "two.peel", "--order", "2;1"), "is not like 2,1,3"),
    (("--edit", "two.peel", "--layer", "first"), "valid integer"),
    (("two.png", "--inpaint", "magic"), "'magic' is not one of auto"),
    (("two.png", "--format", "gif"), "'gif' is not one of"),
    (("two.png", "--max-seconds", "-1"), "--max-seconds"),
]


def test_what_makes_no_sense_ends_in_words() -> None:
    two_disks()
    peel("two.png", "--kind", "photo", *QUICK)
    before = bytes_in("two.peel")
    Image.new("L", (5, 5), 255).save("small.png")
    Image.new("L", (96, 64)).save("black.png")
    for arguments, words in NONSENSE:
        result = peel(*arguments)
        assert result.exit_code in (1, 2, 3), arguments
        assert words in " ".join(result.stderr.replace("│", " ").split())
        assert bytes_in("two.peel") == before


def test_a_default_that_is_asked_for_is_told_from_one_that_is_not() -> None:
    two_disks()
    first = ("--inpaint", "membrane", "--max-layers", "2", "--kind", "photo")
    assert peel("two.png", *first, *QUICK).exit_code == 0
    again = ("--edit", "two.peel", "--layer", "2", *QUICK)
    for more, expected in (
        ((), ("membrane", 2, "photo")),
        (("--inpaint", "auto"), ("auto", 2, "photo")),
        (("--max-layers", "8", "--kind", "auto"), ("auto", 8, "auto")),
    ):
        assert peel(*again, *more).exit_code == 0
        engine = json.loads(Path("two.peel/manifest.json").read_text())["engine"]
        options = engine["options"]
        assert (engine["inpaint"]["default"], options["max_layers"], options["kind"]) == expected
        assert options["min_area"] == 0.001
