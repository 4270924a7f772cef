import errno
import json
import os
import pty
import re
import shlex
import shutil
import signal
import subprocess
import sys
from io import BufferedWriter
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from fakes import draw, draw_files
from PIL import Image
from typer.testing import CliRunner, Result

import birefcli
from birefcli.batch.journal import Journal
from birefcli.batch.report import Outcome, Status
from birefcli.cli import app
from birefcli.cli.console import Console, on_one_line
from birefcli.errors import ExitCode

ROOT = Path(birefcli.__file__).parents[1]
PROGRAM = (sys.executable, "-m", "birefcli", "cut")
pytestmark = pytest.mark.usefixtures("here")


def cut(*arguments: str, stdin: bytes | None = None) -> Result:
    """Run the command in this process."""
    before = signal.getsignal(signal.SIGINT)
    result = CliRunner().invoke(app, ["cut", *arguments], input=stdin)
    assert signal.getsignal(signal.SIGINT) == before
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert "Traceback" not in result.output
    return result


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.split("\n") if line]


def only_sentence(result: Result) -> str:
    """What was said, which must be one sentence, and nothing on stdout."""
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    return line


# The command as a program


def test_the_real_command_on_a_real_folder(here: Path) -> None:
    """Two files of one stem, one in a sub-folder, and a corrupt one, which others lose or hide."""
    draw_files(here, "my photos/a.jpg", "my photos/a.png", "my photos/sub/a.png")
    (here / "my photos" / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    command = (*PROGRAM, "my photos", "--report", "report.jsonl", "--emit", "cutout,mask")
    done = subprocess.run(command, capture_output=True, text=True)
    expected = [
        *("my photos_cut/a.jpg.png", "my photos_cut/a.jpg_mask.png"),
        *("my photos_cut/a.png.png", "my photos_cut/a.png_mask.png"),
        *("my photos_cut/sub/a.png", "my photos_cut/sub/a_mask.png"),
    ]
    assert done.returncode == ExitCode.FAILED
    assert done.stdout.splitlines() == expected
    first, failed, summary = done.stderr.splitlines()
    assert re.fullmatch(r".*tiny\.safetensors \(MIT\) on (cpu|cuda|mps) \w+", first)
    assert failed.startswith("failed: my photos/bad.png is truncated")
    assert re.fullmatch(r"3 done, 1 failed in \d+\.\d s", summary)
    report = lines((here / "report.jsonl").read_text())
    assert [line["status"] for line in report] == ["done", "done", "failed", "done"]
    assert all(Path(path).is_file() for path in expected)


def test_pipe_mode_gives_the_bytes_of_file_mode(here: Path) -> None:
    draw_files(here, "a.jpg")
    with Path("a.jpg").open("rb") as source, Path("piped.png").open("wb") as target:
        done = subprocess.run(
            (*PROGRAM, "-", "--alpha", "soft"), stdin=source, stdout=target, stderr=subprocess.PIPE
        )
    assert done.returncode == 0, done.stderr
    assert cut("a.jpg", "--alpha", "soft").exit_code == 0
    assert Path("piped.png").read_bytes() == Path("a_cut.png").read_bytes()


@pytest.mark.parametrize("arguments", [("a.jpg", "-o", "-"), ("-", "-o", "x.png"), ("-",)])
def test_a_terminal_is_no_place_for_a_picture(here: Path, arguments: tuple[str, ...]) -> None:
    draw_files(here, "a.jpg")
    ours, theirs = pty.openpty()
    done = subprocess.run(
        (*PROGRAM, *arguments),
        stdin=theirs if arguments[-1] == "x.png" else subprocess.DEVNULL,
        stdout=theirs,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(theirs)
    os.close(ours)
    assert done.returncode == ExitCode.USAGE
    (line,) = done.stderr.splitlines()
    assert "terminal" in line and line.startswith("birefcli: ")


def start() -> "tuple[subprocess.Popen[bytes], BufferedWriter]":
    """Start the command on 120 pictures, of which some are written when this returns.

    The eleventh comes through a pipe: until it does, the command goes no further.
    """
    draw_files(Path(), *(f"{'p' if i < 10 else 'q'}/{i:03}.png" for i in range(119)))
    os.mkfifo("pipe.png")
    command = (*PROGRAM, "p", "pipe.png", "q", "-o", "out", "--report", "report.jsonl")
    # Without buffers, in which lines would be lost to communicate.
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0)
    assert running.stdout is not None and running.stdout.read(1)
    # This waits in its turn, for the command to open the other end.
    return running, Path("pipe.png").open("wb")


def go_on(pipe: BufferedWriter) -> None:
    """Send the picture that is waited for."""
    with pipe:
        pipe.write(Path("p/000.png").read_bytes())


def interrupt(running: "subprocess.Popen[bytes]", number: int) -> None:
    """Send a signal, and read on until it was heard."""
    running.send_signal(number)
    assert running.stderr is not None
    assert any(b"stopping: finishing the pictures in flight" in line for line in running.stderr)


def outputs() -> list[str]:
    """Every result there is."""
    return sorted(path.as_posix() for path in Path("out").rglob("*.png"))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_run_in_good_order(here: Path, number: int, code: int) -> None:
    running, pipe = start()
    interrupt(running, number)
    go_on(pipe)
    stdout, stderr = (stream.decode() for stream in running.communicate())
    assert running.returncode == code
    written = f"o{stdout}".split()
    assert 0 < len(written) <= 11
    assert f"{len(written)} done, {120 - len(written)} not reached" in stderr
    report = lines(Path("report.jsonl").read_text())
    assert [path for line in report for path in line["outputs"]] == written
    assert sorted(written) == outputs()
    again = cut("p", "q", "-o", "out", "--json")
    assert again.exit_code == 0
    assert [line["status"] for line in lines(again.stdout)] == [
        "skipped" if i < min(10, len(written)) else "done" for i in range(119)
    ]


def test_a_second_ctrl_c_ends_the_run_at_once(here: Path) -> None:
    running, pipe = start()
    interrupt(running, signal.SIGINT)
    running.send_signal(signal.SIGINT)
    running.communicate()
    pipe.close()
    assert running.returncode == -signal.SIGINT
    assert cut("p", "q", "-o", "out").exit_code == 0
    assert not list(Path("out").rglob(".birefcli-*"))


def test_a_reader_that_goes_away_ends_the_run_in_good_order(here: Path) -> None:
    """birefcli cut p | head -1"""
    running, pipe = start()
    assert running.stdout is not None and running.stderr is not None
    running.stdout.close()
    go_on(pipe)
    words = running.stderr.read().decode()
    assert running.wait() == ExitCode.FAILED
    running.stderr.close()
    assert "not reached" in words and "Traceback" not in words and "Broken" not in words
    assert "nobody reads" in words
    reported = [line["outputs"][0] for line in lines(Path("report.jsonl").read_text())]
    assert sorted(reported) == outputs() and len(reported) < 30
    assert not list(Path("out").rglob(".birefcli-*"))


# Streams


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
        *("model", "device"),
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


# Exit codes


def test_only_corrupt_pictures_is_one_and_no_pictures_is_three(here: Path) -> None:
    (here / "p").mkdir()
    assert cut("p").exit_code == ExitCode.NO_INPUT
    (here / "p" / "bad.png").touch()
    assert cut("p").exit_code == ExitCode.FAILED


def test_all_missing_is_three_and_some_missing_is_one(here: Path) -> None:
    draw_files(here, "a.png")
    none = cut("x.png", "y.png")
    assert none.exit_code == ExitCode.NO_INPUT
    assert only_sentence(none) == "birefcli: there is no x.png (nor 1 more); check the path"
    some = cut("x.png", "a.png", "--json")
    assert some.exit_code == ExitCode.FAILED
    assert [line["status"] for line in lines(some.stdout)] == ["failed", "done"]
    assert "failed: there is no x.png; check the path" in some.stderr.splitlines()


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("a.png", "--emit", "mask,cutout", "-o", "-"),
        ("a.png", "-o", "-", "--json"),
        ("a.png", "--emit", "masks"),
        ("a.png", "--levels", "0.5"),
        ("a.png", "--levels", "0.9,0.1"),
        ("a.png", "--levels", "nan,1"),
        ("a.png", "--mask-bits", "12"),
        ("a.png", "--mask-bits", "16"),
        ("a.png", "--margin", "3"),
        ("a.png", "-0"),
        ("a.png", "--background", "nocolour"),
        ("a.png", "--name", "../{stem}", "-o", "out"),
        ("a.png", "--device", "tpu"),
        ("a.png", "-o", "a.png"),
        ("a.png", "--threshold", "2"),
        ("a.png", "--no-such-option"),
        ("",),
    ],
)
def test_a_command_line_that_makes_no_sense_is_two(here: Path, arguments: tuple[str, ...]) -> None:
    draw_files(here, "a.png")
    before = Path("a.png").read_bytes()
    result = cut(*arguments)
    assert result.exit_code == ExitCode.USAGE
    assert result.stdout == "" and result.stderr.strip()
    assert Path("a.png").read_bytes() == before and not Path("a_cut.png").exists()


def test_a_model_that_is_none_is_four(here: Path, tiny: Path) -> None:
    draw_files(here, "a.png")
    weights = safetensors.torch.load_file(tiny)
    with safetensors.safe_open(tiny, "pt") as file:
        described = file.metadata()
    spoilt = dict(weights)
    spoilt["decoder.conv_out1.0.weight"] = weights["decoder.conv_out1.0.weight"] * torch.nan
    safetensors.torch.save_file(spoilt, "spoilt.safetensors", described)
    other = {"layers.0.weight": torch.zeros(3, 3)}
    safetensors.torch.save_file(other, "other.safetensors")
    safetensors.torch.save_file(
        {name: tensor for name, tensor in weights.items() if "squeeze" not in name},
        "part.safetensors",
        described,
    )
    Path("text.pth").write_text("no weights")
    sentences = {
        "generall": "no model called 'generall'",
        "lost.safetensors": "there is no checkpoint lost.safetensors",
        "spoilt.safetensors": "NaN",
        "other.safetensors": "no BiRefNet",
        "part.safetensors": "do not fit",
        "text.pth": "neither",
    }
    for name, words in sentences.items():
        result = cut("a.png", "--model", name, "--offline")
        assert result.exit_code == ExitCode.MODEL
        assert words in only_sentence(result) and name in only_sentence(result)
    assert not Path("a_cut.png").exists()


def test_a_device_that_is_not_there_is_five(here: Path) -> None:
    draw_files(here, "a.png")
    absent = "mps" if torch.cuda.is_available() else "cuda"
    result = cut("a.png", "--device", absent)
    assert result.exit_code == ExitCode.DEVICE
    assert f"--device {absent}" in only_sentence(result)


def test_an_absent_device_is_an_error_even_where_nothing_is_left_to_do(here: Path) -> None:
    draw_files(here, "photos/a.jpg")
    absent = "mps" if torch.cuda.is_available() else "cuda"
    assert cut("photos").exit_code == ExitCode.OK
    assert cut("photos", "--device", absent).exit_code == ExitCode.DEVICE
    assert cut("photos", "--device", "auto").exit_code == ExitCode.OK


def test_the_processor_can_be_asked_for(here: Path) -> None:
    draw_files(here, "a.png")
    (line,) = lines(cut("a.png", "--device", "cpu", "--precision", "bf16", "--json").stdout)
    assert line["status"] == "done" and line["device"] == "cpu"


def test_an_internal_error_is_seventy_in_one_sentence(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw_files(here, "a.png")

    def broken(*_: object) -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr("birefcli.workflows.cut.prepare", broken)
    result = cut("a.png")
    assert result.exit_code == ExitCode.INTERNAL
    first, second = result.stderr.splitlines()
    assert "ZeroDivisionError: oh" in first and "BIREFCLI_DEBUG=1" in second
    monkeypatch.setenv("BIREFCLI_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        cut("a.png")


def test_a_folder_another_run_is_writing_to_is_refused(here: Path) -> None:
    draw_files(here, "p/a.png")
    with Journal(here / "p_cut"):
        result = cut("p")
    assert result.exit_code == ExitCode.FAILED
    assert "another run is writing to p_cut" in only_sentence(result)


def test_an_output_that_cannot_be_made_is_one_sentence(here: Path) -> None:
    draw_files(here, "p/a.png")
    (here / "file").touch()
    for out in ("file", "file/deeper"):
        result = cut("p", "-o", out)
        assert result.exit_code == ExitCode.FAILED
        assert f"cannot write to {out}" in only_sentence(result)
    result = cut("p", "--report", "none/report.jsonl")
    assert result.exit_code == ExitCode.FAILED
    assert "cannot write --report none/report.jsonl" in only_sentence(result)


def test_a_report_on_a_full_disk_is_one_sentence(here: Path) -> None:
    draw_files(here, "p/a.png", "p/b.png")
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    result = cut("p", "--report", "/dev/full")
    assert result.exit_code == ExitCode.FAILED
    assert result.stderr.splitlines()[-1] == (
        "birefcli: cannot write --report /dev/full: No space left on device"
    )


# The options reach the walk


def test_the_options_reach_the_pictures(here: Path) -> None:
    draw(0, (64, 64)).save("a.png")

    def modes(*arguments: str) -> tuple[str, tuple[int, int]]:
        shutil.rmtree("out", ignore_errors=True)
        result = cut("a.png", "-o", "out", *arguments)
        assert result.exit_code == 0, result.stderr
        (path,) = result.stdout.splitlines()
        with Image.open(path) as image:
            image.load()
            return image.mode, image.size

    assert modes() == ("RGBA", (64, 64))
    assert modes("--background", "white") == ("RGB", (64, 64))
    assert modes("--format", "jpg") == ("RGB", (64, 64))
    assert modes("--emit", "mask") == ("L", (64, 64))
    assert modes("--emit", "mask", "--mask-bits", "16") == ("I;16", (64, 64))
    assert modes("--emit", "preview") == ("RGB", (128, 64))
    small, larger, largest = (
        modes("--crop", *more)[1][0] for more in ((), ("--margin", "2"), ("--grow", "5"))
    )
    assert small < larger < largest < 64
    assert modes("--crop", "--shrink", "3")[1][0] < small
    assert modes("--crop", "--invert")[1] == (64, 64)


def test_resume_is_what_happens_anyway_and_redo_does_all_again(here: Path) -> None:
    draw_files(here, "p/a.png")
    ends = [
        lines(cut("p", "--json", *more).stdout)[0]["status"]
        for more in ((), ("--resume",), ("--redo",))
    ]
    assert ends == ["done", "skipped", "done"]


# The bar


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


def test_a_full_stdout_is_an_error_in_words(here: Path) -> None:
    draw_files(here, "a.png", "b.png")
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    for arguments in (("a.png", "-o", "-"), ("a.png", "b.png")):
        with Path("/dev/full").open("wb") as full:
            done = subprocess.run((*PROGRAM, *arguments), stdout=full, stderr=subprocess.PIPE)
        assert done.returncode == ExitCode.FAILED
        words = done.stderr.decode()
        assert os.strerror(errno.ENOSPC) in words or "no space left" in words
        assert "Traceback" not in words and "Exception ignored" not in words
