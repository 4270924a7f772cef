"""birefcli cut as a program: pipes, terminals, signals, and readers that go away."""

import errno
import os
import pty
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest
from fakes import draw_files
from running import PROGRAM, cut, lines

from birefcli.errors import ExitCode

pytestmark = pytest.mark.usefixtures("here")


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


def start(*arguments: str) -> "subprocess.Popen[bytes]":
    """Start the command with its streams in files, and wait until it has written a picture."""
    with Path("stdout").open("wb") as stdout, Path("stderr").open("wb") as stderr:
        running = subprocess.Popen((*PROGRAM, *arguments), stdout=stdout, stderr=stderr)
    while not Path("stdout").stat().st_size and running.poll() is None:
        time.sleep(0.005)
    return running


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_run_in_good_order(here: Path, number: int, code: int) -> None:
    draw_files(here, *(f"p/{i:03}.png" for i in range(120)))
    running = start("p", "--report", "report.jsonl")
    running.send_signal(number)
    assert running.wait(60) == code
    words, written = Path("stderr").read_text(), Path("stdout").read_text().split()
    assert "stopping: finishing the pictures in flight" in words
    assert 0 < len(written) < 120
    assert f"{len(written)} done, {120 - len(written)} not reached" in words
    report = lines(Path("report.jsonl").read_text())
    assert [path for line in report for path in line["outputs"]] == written
    assert written == sorted(str(path) for path in Path("p_cut").glob("*.png"))
    again = cut("p", "--json")
    assert again.exit_code == 0
    assert [line["status"] for line in lines(again.stdout)] == [
        "skipped" if i < len(written) else "done" for i in range(120)
    ]


def test_a_second_ctrl_c_ends_the_run_at_once(here: Path) -> None:
    draw_files(here, *(f"p/{i:03}.png" for i in range(120)))
    running = start("p")
    running.send_signal(signal.SIGINT)
    while b"stopping" not in Path("stderr").read_bytes() and running.poll() is None:
        time.sleep(0.001)
    running.send_signal(signal.SIGINT)
    assert running.wait(60) in (-signal.SIGINT, 130)
    assert cut("p").exit_code == 0
    assert not list(Path("p_cut").glob(".birefcli-*"))


def test_a_reader_that_goes_away_ends_the_run_in_good_order(here: Path) -> None:
    """birefcli cut p | head -1"""
    draw_files(here, *(f"p/{i:03}.png" for i in range(120)))
    ours, theirs = os.pipe()
    with Path("stderr").open("wb") as stderr:
        command = (*PROGRAM, "p", "--report", "report.jsonl")
        running = subprocess.Popen(command, stdout=theirs, stderr=stderr)
    os.close(theirs)
    assert os.read(ours, 1)
    os.close(ours)
    assert running.wait(60) == ExitCode.FAILED
    words = Path("stderr").read_text()
    assert "not reached" in words and "Traceback" not in words and "Broken" not in words
    assert "nobody reads" in words
    written = sorted(str(path) for path in Path("p_cut").glob("*.png"))
    reported = [line["outputs"][0] for line in lines(Path("report.jsonl").read_text())]
    assert reported == written and len(written) < 120
    assert not list(Path("p_cut").glob(".birefcli-*"))


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
