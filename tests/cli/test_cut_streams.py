"""What birefcli cut prints: paths and JSON on stdout, words on stderr, the bar, the plan."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from fakes import draw, draw_files
from PIL import Image
from running import PROGRAM, cut, lines

from birefcli.batch.report import Outcome, Status
from birefcli.cli.console import Console, on_one_line

pytestmark = pytest.mark.usefixtures("here")


def test_a_program_started_without_streams_works(here: Path) -> None:
    draw_files(here, "a.png", "b.png")
    command = shlex.join((*PROGRAM, "a.png", "b.png"))
    assert subprocess.run(f"exec {command} <&- >&- 2>&-", shell=True).returncode == 0
    assert Path("a_cut.png").is_file() and Path("b_cut.png").is_file()


def test_stdout_holds_only_what_was_written(here: Path) -> None:
    draw_files(here, "p/a.png", "p/b.png")
    (here / "p" / "bad.png").touch()
    first = cut("p")
    assert first.stdout.splitlines() == ["p_cut/a.png", "p_cut/b.png"]
    assert first.stderr.splitlines()[1:-1] == [
        "failed: p/bad.png is empty (0 bytes); copy it again"
    ]
    again = cut("p")
    assert again.stdout == "" and "2 skipped, 1 failed" in again.stderr


def test_json_on_stdout_is_the_report(here: Path, tiny: Path) -> None:
    draw_files(here, "p/a.png")
    Image.new("RGB", (40, 30)).save("p/black.png")
    (here / "p" / "bad.png").touch()
    result = cut("p", "--json", "--report", "r.jsonl", "--crop")
    assert result.stdout == Path("r.jsonl").read_text()
    done, failed, empty = lines(result.stdout)
    assert list(done) == [
        *("source", "status", "reason", "message", "outputs", "size", "box", "seconds"),
        *("model", "device", "decided_by", "ground", "ground_confidence", "offset"),
    ]
    assert [done["status"], failed["status"], empty["status"]] == ["done", "failed", "empty"]
    assert done["size"] == [30, 40] and done["seconds"] > 0 and failed["reason"] == "empty-file"
    left, top, right, bottom = done["box"]
    with Image.open(done["outputs"][0]) as image:
        assert image.size == (right - left, bottom - top)
    for line in (done, failed, empty):
        assert line["model"]["name"] == str(tiny) and len(line["model"]["sha256"]) == 64
        assert line["model"]["licence"] == "MIT" and line["model"]["tile_order"] == "new"
        assert line["device"]


def test_the_model_of_a_run_without_inference_is_still_named(here: Path, tiny: Path) -> None:
    draw_files(here, "p/a.png")
    cut("p")
    (line,) = lines(cut("p", "--json").stdout)
    assert line["status"] == "skipped" and line["model"]["name"] == str(tiny)


def test_quiet_says_only_what_went_wrong(here: Path) -> None:
    draw_files(here, "p/a.png")
    Image.new("RGB", (40, 30)).save("p/black.png")
    (here / "p" / "notes.txt").touch()
    loud, quiet = cut("p"), cut("p", "--quiet", "-o", "again")
    assert "empty: nothing found in p/black.png" in loud.stderr.splitlines()
    assert "left out: 1 of other kinds" in loud.stderr.splitlines()
    assert quiet.stderr == "" and quiet.stdout.splitlines() == ["again/a.png", "again/black.png"]
    (here / "p" / "bad.png").touch()
    assert cut("p", "--quiet", "-o", "again").stderr.startswith("failed: p/bad.png")


def test_names_of_every_kind_go_through(here: Path) -> None:
    odd = [" a b.png", "-x.png", "é\u2028.png", "new\nline.png", os.fsdecode(b"\xff.png")]
    for name in odd:
        draw().save(here / name, "png")
    result = cut("--json", "-o", "out", "--", *odd)
    assert result.exit_code == 0, result.stderr
    assert [line["source"] for line in lines(result.stdout)] == odd
    assert sorted(path.name for path in Path("out").glob("*.png")) == sorted(odd)
    assert {line["status"] for line in lines(cut("--json", "-o", "out", "--", *odd).stdout)} == {
        "skipped"
    }
    plain = cut("-o", "again", "--", *odd)
    assert plain.stdout_bytes == b"".join(b"again/" + os.fsencode(name) + b"\n" for name in odd)


def test_a_warning_is_one_line_whatever_the_name(here: Path) -> None:
    (here / "new\nline\x1b[31m.png").touch()
    assert on_one_line("a\nb\x1b[31m é") == "a\\nb\\x1b[31m é"
    result = cut("new\nline\x1b[31m.png")
    assert result.stderr.splitlines()[0].startswith("failed: new\\nline\\x1b[31m.png is empty")


def test_files_from_a_pipe(here: Path) -> None:
    draw_files(here, "a\nb.png", "c.png")
    result = cut("--files-from", "-", "-0", "-o", "out", stdin=b"a\nb.png\0c.png\0")
    assert result.exit_code == 0 and len(list(Path("out").glob("*.png"))) == 2


def test_a_dry_run_shows_the_plan_and_writes_nothing(here: Path) -> None:
    draw_files(here, "p/a.jpg", "p/a.png", "p/sub/b.png")
    before = sorted(here.rglob("*"))
    result = cut("p", "--dry-run", "--emit", "cutout,mask", "--model", "not-even-asked-for")
    assert result.stdout.splitlines() == [
        "p/a.jpg -> p_cut/a.jpg.png, p_cut/a.jpg_mask.png",
        "p/a.png -> p_cut/a.png.png, p_cut/a.png_mask.png",
        "p/sub/b.png -> p_cut/sub/b.png, p_cut/sub/b_mask.png",
    ]
    assert result.stderr.splitlines() == ["3 pictures planned"]
    assert result.exit_code == 0 and sorted(here.rglob("*")) == before
    as_json = cut("p/a.jpg", "lost.png", "--dry-run", "--json")
    assert lines(as_json.stdout) == [{"source": "p/a.jpg", "targets": ["p/a_cut.png"]}]
    assert as_json.stderr.startswith("failed: there is no lost.png") and as_json.exit_code == 1


class Terminal:
    """A stderr that is a terminal and remembers what was drawn on it."""

    encoding = "utf-8"

    def __init__(self) -> None:
        self.text = ""

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.text += text
        return len(text)

    def flush(self) -> None:
        pass


def test_the_bar_shows_how_many_how_fast_and_how_long_still(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with Console(40) as console:
        for i in range(30):
            console.show(Outcome(f"{i}.png", Status.DONE, outputs=(Path(f"out/{i}:smile:.png"),)))
        console.show(Outcome("bad.png", Status.FAILED, message="bad.png [bold]is[/bold] empty"))
    assert "31/40" in terminal.text
    assert re.search(r"\d+\.\d pictures/s +\d:\d\d:\d\d", terminal.text)
    assert "failed: bad.png [bold]is[/bold] empty" in terminal.text
    assert capfd.readouterr().out.splitlines() == [f"out/{i}:smile:.png" for i in range(30)]


def test_there_is_no_bar_for_one_picture_or_a_quiet_run(monkeypatch: pytest.MonkeyPatch) -> None:
    for total, quiet in ((1, False), (9, True)):
        terminal = Terminal()
        monkeypatch.setattr(sys, "stderr", terminal)
        with Console(total, quiet=quiet) as console:
            console.show(Outcome("a.png", Status.DONE))
        assert terminal.text == ""
