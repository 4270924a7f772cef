"""birefcli peel, as typed: where stacks go, what is kept, and how it ends."""

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
from commands import invoke
from fakes import draw, draw_files
from PIL import Image
from running import QUICK, bytes_in, composed, peel, pixels

from birefcli.batch.journal import Journal
from birefcli.errors import DiskFullError, ExitCode


@pytest.fixture(autouse=True)
def place(here: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, with the tiny network as the default of a peel."""
    monkeypatch.setenv("BIREFCLI_PEEL_MODEL", str(tiny))
    return here


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
    assert "in/b.png: pass 1" in peel("in", "--format", "png", "--redo").stderr


def test_names_that_are_not_there_fail_by_name() -> None:
    draw_files(Path(), "a.png")
    result = peel("a.png", "missing.png", *QUICK)
    assert result.exit_code == ExitCode.FAILED
    assert "there is no missing.png" in result.stderr
    assert peel("missing.png").exit_code == ExitCode.NO_INPUT


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
    assert "was edited since" in result.stderr and "--redo" in result.stderr
    assert layer.read_bytes().endswith(b"edited")
    assert peel("a.png", *QUICK, "--redo").exit_code == 0
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
    by_hand = ("--edit", "a.peel", "--layer", "1")
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
