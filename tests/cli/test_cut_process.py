"""birefcli cut as a program: pipes, terminals, signals, and readers that go away."""

import errno
import os
import pty
import re
import signal
import subprocess
from io import BufferedWriter
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
