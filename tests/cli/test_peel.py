"""birefcli peel and compose, as typed: where stacks go, what is kept, and how it ends."""

import json
import os
import signal
import subprocess
import sys
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes import draw, draw_files
from PIL import Image
from typer.testing import CliRunner, Result

from birefcli.batch.journal import Journal
from birefcli.cli import app
from birefcli.errors import DiskFullError, ExitCode
from birefcli.stack.read import read_stack

QUICK = ("--format", "png", "--quiet")


@pytest.fixture(autouse=True)
def place(here: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, with the tiny network as the default of a peel."""
    monkeypatch.setenv("BIREFCLI_PEEL_MODEL", str(tiny))
    return here


def peel(*arguments: str, stdin: bytes | None = None) -> Result:
    """Run the command in this process."""
    return invoke("peel", *arguments, stdin=stdin)


def invoke(*arguments: str, stdin: bytes | None = None) -> Result:
    result = CliRunner().invoke(app, arguments, input=stdin)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert "Traceback" not in result.output
    return result


def pixels(path: Path | BytesIO) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGBA"))


def composed(folder: str) -> np.ndarray:
    return read_stack(Path(folder)).picture


def bytes_in(folder: str) -> dict[str, bytes]:
    files = (path for path in Path(folder).rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in files
        if ".birefcli" not in path.parts
    }


# One picture


def test_a_picture_becomes_a_stack_beside_it_and_back() -> None:
    draw_files(Path(), "a.png")
    result = peel("a.png")
    assert (result.exit_code, result.stdout) == (0, "a.peel\n")
    names = set(bytes_in("a.peel"))
    assert names == {
        *("manifest.json", "a.ora", "a.psd", "preview.webp", "hallucinated.png"),
        *("layers/00_background.png", "layers/01_object.png"),
    }
    assert "a.png: pass 1, 1 thing" in result.stderr
    assert "a.png: 1 layer\n" in result.stderr
    assert np.array_equal(composed("a.peel"), pixels(Path("a.png")))
    assert invoke("compose", "a.peel").stdout == "a.peel/composed.png\n"
    assert np.array_equal(pixels(Path("a.peel/composed.png")), pixels(Path("a.png")))


def test_the_same_picture_and_seed_give_the_same_bytes() -> None:
    draw_files(Path(), "a.png")
    everything = "png,ora,psd,preview,ase,sheet,svg,full,bottoms"
    for out in ("one", "two"):
        assert peel("a.png", "-o", out, "--format", everything, "--explain").exit_code == 0
    assert bytes_in("one") == bytes_in("two")
    assert len(bytes_in("one")) > 15


def test_standard_input_needs_a_folder() -> None:
    stream = BytesIO()
    draw().save(stream, "png")
    assert peel("-", "-o", "out", *QUICK, stdin=stream.getvalue()).exit_code == 0
    assert np.array_equal(composed("out"), pixels(stream))
    assert json.loads(Path("out/manifest.json").read_text())["source"]["file"] == "-"
    for arguments in (("-",), ("a.png", "-o", "-"), ("a.png", "-o", "a.ora"), ("a.png", "-o", "")):
        draw_files(Path(), "a.png")
        result = peel(*arguments, stdin=stream.getvalue())
        assert result.exit_code == ExitCode.USAGE
        assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("size", "mode"),
    [
        *(((1, 1), "RGB"), ((8, 8), "RGB"), ((3000, 5), "RGB"), ((40, 30), "L")),
        *(((40, 30), "P"), ((40, 30), "RGBA"), ((40, 30), "I;16"), ((40, 30), "LA")),
    ],
)
def test_odd_pictures_recompose(size: tuple[int, int], mode: str) -> None:
    picture = draw(size=size)
    if mode == "I;16":
        picture = Image.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) * 257)
    else:
        picture = picture.convert(mode)
    if mode in ("RGBA", "LA"):
        alpha = Image.linear_gradient("L").resize(size)
        alpha.paste(255, (0, 0, 25, 30))
        picture.putalpha(alpha)
    picture.save("odd.png")
    result = peel("odd.png", "--report", "report.jsonl")
    assert result.exit_code == 0, result.stderr
    (line,) = map(json.loads, Path("report.jsonl").read_text().splitlines())
    assert line["status"] in ("done", "empty") and line["layers"] >= 0
    source = json.loads(Path("odd.peel/manifest.json").read_text())["source"]
    assert (source["mode"], source["size"]) == (mode, list(size))
    expected = np.asarray(picture.convert("RGBA")).copy()
    if mode == "I;16":
        expected[..., :3] = (np.asarray(picture) / 257).round()[..., None]
        expected[..., 3] = 255
    expected[expected[..., 3] == 0] = 0
    assert np.array_equal(composed("odd.peel"), expected)


def test_nothing_found_is_a_background_a_reason_and_no_failure() -> None:
    Image.new("RGB", (40, 30), (9, 9, 9)).save("dark.png")
    result = peel("dark.png", "--json")
    line = json.loads(result.stdout)
    assert (result.exit_code, line["status"], line["layers"]) == (0, "empty", 0)
    assert "empty: nothing to lift off in dark.png: " in result.stderr
    assert sorted(bytes_in("dark.peel/layers")) == ["00_background.png"]


def test_a_stack_that_is_not_exact_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    from birefcli.workflows import peel as walk

    real = walk.peel

    def wrong(*arguments: Any, **options: Any) -> Any:
        stack = real(*arguments, **options)
        stack.background[0, 0, 0] ^= 1
        return stack

    monkeypatch.setattr(walk, "peel", wrong)
    draw_files(Path(), "a.png")
    result = peel("a.png", *QUICK)
    assert result.exit_code == ExitCode.FAILED
    assert "1 pixels differ by up to 1, so nothing was written" in result.stderr
    assert bytes_in("a.peel") == {}
    assert peel("a.png", *QUICK, "--no-verify").exit_code == 0
    verdict = json.loads(Path("a.peel/manifest.json").read_text())["verify"]
    assert (verdict["exact"], verdict["differing_px"]) == (False, 1)


# Several


def test_a_folder_keeps_its_tree_and_no_two_stacks_meet() -> None:
    draw_files(Path(), "in/a.jpg", "in/a.png", "in/sub/a.png", "in/b.png")
    Path("in/bad.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    Path("in/notes.txt").write_text("x")
    result = peel("in", "--format", "png", "--report", "report.jsonl")
    assert result.exit_code == ExitCode.FAILED
    assert sorted(result.stdout.splitlines()) == [
        *("in_peel/a.jpg.peel", "in_peel/a.png.peel", "in_peel/b.peel", "in_peel/sub/a.peel")
    ]
    assert "failed: in/bad.png is truncated" in result.stderr
    assert "left out: 1 of other kinds" in result.stderr
    lines = [json.loads(line) for line in Path("report.jsonl").read_text().splitlines()]
    # The untrained network may well see nothing in one of them.
    assert sum(line["status"] in ("done", "empty") for line in lines) == 4
    for name in ("a.jpg", "a.png"):
        with Image.open(f"in/{name}") as image:
            assert np.array_equal(
                composed(f"in_peel/{name}.peel"), np.asarray(image.convert("RGBA"))
            )
    # Nothing is done twice, and no layer is taken for a picture.
    again = peel("in", "in_peel", "--format", "png", "-o", "in_peel")
    assert again.exit_code == ExitCode.USAGE
    again = peel("in", "--format", "png")
    assert "4 skipped, 1 failed" in again.stderr


def test_pictures_named_one_by_one_get_stacks_beside_them() -> None:
    draw_files(Path(), "a.jpg", "a.png", "b.png")
    result = peel("a.jpg", "a.png", "b.png", *QUICK)
    assert result.stdout.splitlines() == ["a.jpg.peel", "a.png.peel", "b.peel"]
    # One that comes later takes no name that another has.
    draw_files(Path(), "b.jpg")
    assert peel("b.jpg", *QUICK).stdout == "b.jpg.peel\n"
    assert peel("b.png", "--json", *QUICK).exit_code == 0


def test_a_stack_that_cannot_be_written_holds_up_no_other() -> None:
    draw_files(Path(), "a.png", "b.png", "c.png")
    Path("a.peel").write_text("mine")
    with Journal(Path("c.peel")):
        result = peel("a.png", "b.png", "c.png", *QUICK)
    assert (result.exit_code, result.stdout) == (ExitCode.FAILED, "b.peel\n")
    assert "failed: a.png: cannot write to a.peel" in result.stderr
    assert "another run is writing to c.peel" in result.stderr
    assert Path("a.peel").read_text() == "mine"


def test_names_that_differ_in_case_alone_are_numbered() -> None:
    draw_files(Path(), "x/a.png", "y/A.png")
    Path("y/A.png").rename("x/A.PNG")
    if len(list(Path("x").iterdir())) == 2:
        planned = peel("x", "--dry-run").stdout.split()[2::3]
        assert planned == ["x_peel/A.PNG.peel", "x_peel/a.png~2.peel"]


def test_the_layers_in_a_folder_of_pictures_are_no_pictures() -> None:
    draw_files(Path(), "in/a.png")
    assert peel("in/a.png", *QUICK).stdout == "in/a.peel\n"
    result = peel("in", "--dry-run")
    assert result.stdout == "in/a.png -> in_peel/a.peel\n"
    assert not Path("in_peel").exists()


def test_the_files_of_a_stack_are_no_pictures_unless_named() -> None:
    draw_files(Path(), "in/a.png")
    peel("in", *QUICK, "--format", "png,preview,sheet,full", "--explain")
    for folder in ("in_peel", "in_peel/a.peel"):
        result = peel(folder, "--dry-run")
        assert result.exit_code == ExitCode.NO_INPUT
        assert f"only stacks are in {folder}" in result.stderr
    # A stack in the midst of pictures takes none of them along.
    draw_files(Path(), "in_peel/a.peel/b.png", "in_peel/c.png")
    result = peel("in_peel", "--dry-run")
    sources = [line.split(" -> ")[0] for line in result.stdout.splitlines()]
    assert sources == ["in_peel/a.peel/b.png", "in_peel/c.png"]
    assert "of stacks" in result.stderr
    for named in ("in_peel/a.peel/layers", "in_peel/a.peel/layers/00_background.png"):
        assert "00_background" in peel(named, "--dry-run").stdout


def test_passes_of_many_pictures_are_not_told_unless_they_take_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    draw_files(Path(), "in/a.png", "in/b.png")
    assert ": pass" not in peel("in", "--format", "png").stderr
    monkeypatch.setattr("birefcli.workflows.peel._PATIENCE", 0.0)
    assert "in/b.png: pass 1" in peel("in", "--format", "png", "--redo", "all").stderr


def test_names_that_are_not_there_fail_by_name() -> None:
    draw_files(Path(), "a.png")
    result = peel("a.png", "missing.png", *QUICK)
    assert result.exit_code == ExitCode.FAILED
    assert "there is no missing.png" in result.stderr
    assert peel("missing.png").exit_code == ExitCode.NO_INPUT


# Again


def test_what_is_done_is_skipped_and_what_changed_is_replaced() -> None:
    (path,) = draw_files(Path(), "a.png")
    peel("a.png", *QUICK)
    before = bytes_in("a.peel")
    result = peel("a.png", "--format", "png", "--json")
    assert json.loads(result.stdout)["status"] == "skipped"
    Image.new("RGB", (40, 30), (9, 9, 9)).save(path)
    assert peel("a.png", *QUICK).exit_code == 0
    # The layer that is no more is gone.
    assert sorted(bytes_in("a.peel/layers")) == ["00_background.png"]
    assert bytes_in("a.peel") != before


def test_an_edited_layer_is_kept_until_told_otherwise() -> None:
    draw_files(Path(), "a.png")
    peel("a.png", *QUICK)
    layer = Path("a.peel/layers/01_object.png")
    layer.write_bytes(layer.read_bytes() + b"edited")
    result = peel("a.png", *QUICK)
    assert result.exit_code == ExitCode.FAILED
    assert "was edited since" in result.stderr and "--redo all" in result.stderr
    assert layer.read_bytes().endswith(b"edited")
    assert peel("a.png", *QUICK, "--redo", "all").exit_code == 0
    assert not layer.read_bytes().endswith(b"edited")


def test_a_folder_that_is_not_ours_is_not_written_over() -> None:
    draw_files(Path(), "a.png", "b.png")
    Path("mine").mkdir()
    Path("mine/manifest.json").write_text("{}")
    assert "is not ours" in peel("a.png", "-o", "mine", *QUICK).stderr
    assert Path("mine/manifest.json").read_text() == "{}"
    peel("a.png", "-o", "out", *QUICK)
    result = peel("b.png", "-o", "out", *QUICK)
    assert result.exit_code == ExitCode.FAILED
    assert "out holds the stack of ../a.png" in result.stderr


def test_a_picture_that_cannot_be_read_leaves_no_folder() -> None:
    Path("bad.png").write_bytes(b"no picture")
    Path("kept").mkdir()
    Path("kept/mine.txt").write_text("x")
    assert peel("bad.png").exit_code == ExitCode.FAILED
    assert peel("bad.png", "-o", "kept").exit_code == ExitCode.FAILED
    assert sorted(map(str, Path().rglob("*"))) == ["bad.png", "kept", "kept/mine.txt"]


def test_a_report_is_never_written_over_a_stack() -> None:
    draw_files(Path(), "a.png")
    Path("x").mkdir()
    new = peel("a.png", *QUICK, "-o", "x", "--report", "x/manifest.json")
    assert new.exit_code == ExitCode.USAGE
    peel("a.png", *QUICK)
    before = bytes_in("a.peel")
    by_hand = ("--resume", "a.peel", "--redo", "1")
    for command in (("a.png",), by_hand):
        for name in ("manifest.json", "layers/00_background.png"):
            result = peel(*command, *QUICK, "--report", f"a.peel/{name}")
            assert result.exit_code == ExitCode.USAGE and "is a part of" in result.stderr
    assert bytes_in("a.peel") == before


def test_a_stack_for_which_the_disk_is_too_small_is_not_begun(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from birefcli.workflows import peel as walk

    real = walk.write_atomic

    def small(target: Path, data: bytes, *, root: Path) -> None:
        if target.name == "01_object.png":
            raise DiskFullError(f"no space left for {target}")
        real(target, data, root=root)

    monkeypatch.setattr(walk, "write_atomic", small)
    draw_files(Path(), "in/a.png")
    assert peel("in", *QUICK).exit_code == ExitCode.FAILED
    assert not Path("in_peel/a.peel").exists()
    monkeypatch.setattr(walk, "write_atomic", real)
    assert peel("in", *QUICK).exit_code == 0
    assert np.array_equal(composed("in_peel/a.peel"), pixels(Path("in/a.png")))


def test_two_runs_at_once_do_not_share_a_folder() -> None:
    draw_files(Path(), "a.png")
    with Journal(Path("a.peel")):
        result = peel("a.png")
    assert "another run is writing to a.peel" in result.stderr


@pytest.mark.slow
def test_ctrl_c_ends_in_good_order() -> None:
    draw_files(Path(), *(f"in/{i}.png" for i in range(60)))
    command = (sys.executable, "-m", "birefcli", "peel", "in", "--format", "png")
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        first = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        rest, words = process.stdout.read(), process.stderr.read()
    assert process.returncode == ExitCode.INTERRUPTED
    done = (first + rest).decode().split()
    assert 0 < len(done) < 60 and b"not reached" in words
    assert all(np.array_equal(composed(p), pixels(Path("in", f"{Path(p).stem}.png"))) for p in done)
    leftovers = [name for _, _, names in os.walk("in_peel") for name in names if "tmp" in name]
    assert leftovers == []


# By hand


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
    result = peel("--resume", "two.peel", "--redo", "1", "--mask", "mask.png", "--format", "png")
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
    assert peel("--resume", "two.peel", "--redo", "2", *QUICK).exit_code == 0
    manifest = json.loads(Path("two.peel/manifest.json").read_text())
    assert manifest["engine"]["inpaint"]["default"] == "membrane"
    options = manifest["engine"]["options"]
    assert (options["max_layers"], options["kind"], options["explain"]) == (2, "photo", True)
    # Of the old evidence nothing is left that the new stack does not have.
    assert peel("--resume", "two.peel", "--redo", "2", "--max-layers", "1", *QUICK).exit_code == 0
    names = sorted(path.name for path in Path("two.peel/explain").glob("*.png"))
    assert names and not any(name.startswith("layer-02") for name in names)


def test_layers_are_put_in_another_order() -> None:
    picture = two_disks()
    peel("two.png", "--kind", "photo", *QUICK)
    first = read_stack(Path("two.peel"))
    before = [layer.box for layer in first.stack.layers]
    asked = ("--order", "2,1", "--format", "png", "--model", "compact-peel")
    result = peel("--resume", "two.peel", *asked)
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
        result = peel("--resume", "two.peel", "--redo", "2", "--max-layers", "1", *QUICK)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
    assert (result.exit_code, written[-1]) == (ExitCode.INTERRUPTED, "manifest.json")
    assert np.array_equal(composed("two.peel"), pixels(Path("two.png")))


def test_a_change_by_hand_needs_the_map_of_what_is_invented() -> None:
    two_disks()
    peel("two.png", "--kind", "photo", *QUICK)
    Path("two.peel/hallucinated.png").unlink()
    assert "hallucinated.png is gone" in peel("--resume", "two.peel", "--redo", "1").stderr
    assert invoke("compose", "two.peel").exit_code == 0


NONSENSE: list[tuple[tuple[str, ...], str]] = [
    (("--redo", "1"), "name it: --resume DIR"),
    (("--resume", "two.peel"), "needs either --redo N or --order"),
    (("--resume", "two.peel", "--order", "2,1", "--mask", "m.png"), "--mask needs --redo"),
    (("--resume", "two.peel", "--redo", "0"), "from 1"),
    (("--resume", "two.peel", "--redo", "9"), "no layer 9"),
    (("--resume", "two.peel", "--order", "1,1"), "each of the 2 layers once"),
    (("--resume", "two.peel", "--redo", "1", "two.png"), "takes no inputs"),
    (("--resume", "nowhere", "--redo", "1"), "there is no nowhere"),
    (("--resume", ".", "--redo", "1"), "holds no manifest.json"),
    (("--resume", "two.peel", "--redo", "1", "--mask", "two.peel"), "is a folder"),
    (("--resume", "two.peel", "--redo", "1", "--mask", "small.png"), "draw the mask at"),
    (("--resume", "two.peel", "--redo", "1", "--mask", "black.png"), "shows nothing"),
    (("--resume", "two.peel", "--order", "2;1"), "is not like 2,1,3"),
    (("--redo", "first", "two.png"), "neither the number of a layer nor all"),
    (("two.png", "--inpaint", "magic"), "no inpainter is called 'magic'"),
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


# Compose


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


# The default model


def test_peel_has_a_default_model_of_its_own(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BIREFCLI_PEEL_MODEL")
    monkeypatch.delenv("BIREFCLI_MODEL")
    assert invoke("models", "use", "--for", "peel").stdout == "compact-peel\n"
    assert invoke("models", "use", str(tiny), "--for", "peel").stdout == f"{tiny}\n"
    assert invoke("models", "use", "compact").stdout == "compact\n"
    assert invoke("models", "use", "--for", "peel").stdout == f"{tiny}\n"
    draw_files(Path(), "a.png")
    assert "tiny.safetensors" in peel("a.png", "--format", "png").stderr
    assert invoke("models", "use", "--clear", "--for", "peel").stdout == "compact-peel\n"


def test_help_needs_nothing_heavy() -> None:
    program = (
        "import sys; from birefcli.cli import app; app(['peel', '--help'], standalone_mode=False);"
        "print(sorted({'torch', 'numpy', 'PIL', 'cv2'} & set(sys.modules)))"
    )
    done = subprocess.run((sys.executable, "-c", program), capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr
