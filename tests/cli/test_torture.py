"""A big, bad folder and a program that is killed again and again: nothing is lost."""

import hashlib
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fakes import draw
from PIL import Image
from typer.testing import CliRunner, Result

import birefcli
from birefcli.cli import app
from birefcli.errors import ExitCode

ROOT = Path(birefcli.__file__).parents[1]
pytestmark = pytest.mark.usefixtures("here")


def cut(*arguments: str) -> Result:
    """Run the command in this process."""
    result = CliRunner().invoke(app, ["cut", *arguments])
    assert "Traceback" not in result.output and isinstance(
        result.exception, SystemExit | type(None)
    )
    return result


def run(*arguments: str, **options: Any) -> "subprocess.CompletedProcess[str]":
    """Run the command as its user does."""
    command = (sys.executable, "-m", "birefcli", "cut", *arguments)
    return subprocess.run(command, capture_output=True, text=True, **options)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").split("\n") if line]


def tree(folder: Path) -> dict[str, str]:
    """Every file below a folder, but for the journal's, by its hash."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.parent.name != ".birefcli"
    }


# The big, bad folder


@dataclass(frozen=True)
class Crowd:
    """How many pictures of each kind; every fifteenth is of the kinds that go wrong."""

    pictures: int
    kills: int

    @property
    def part(self) -> int:
        """How many are corrupt, and how many share a stem with another."""
        return self.pictures // 15

    def make(self, folder: Path) -> None:
        """Draw them into nested folders."""
        chance = random.Random(0)
        folders = ["", "x/", "x/y/", "x/y/z/", "ü and spaces/"]

        def place(name: str) -> Path:
            path = folder / (chance.choice(folders) + name)
            path.parent.mkdir(parents=True, exist_ok=True)
            return path

        for i in range(self.part):
            stem = place(f"twin{i}")
            draw(i).save(f"{stem}.png")
            draw(i + 1).save(f"{stem}.jpg")
        for i in range(self.part):
            path = place(f"corrupt{i}.png")
            draw(i).save(path)
            data = path.read_bytes()
            broken = [b"", data[: len(data) // 2], b"no picture", data[:100] + data[120:]]
            path.write_bytes(broken[i % len(broken)])
        for i in range(self.part // 2):
            Image.new("RGB", (40 + i, 30)).save(place(f"empty{i}.png"))
        draw(77).save(place("same1.png"))
        shutil.copy(next(folder.rglob("same1.png")), place("same2.png"))
        for i in range(self.pictures - len(tree(folder))):
            draw(i, (20 + i % 30, 30)).save(place(f"plain{i}.{'jpg' if i % 3 else 'webp'}"))


SMALL, FULL = Crowd(60, 3), Crowd(300, 10)
crowds = pytest.mark.parametrize(
    "crowd",
    [pytest.param(SMALL, id="small"), pytest.param(FULL, id="full", marks=pytest.mark.slow)],
)


@crowds
def test_every_picture_of_a_bad_folder_ends_once(here: Path, crowd: Crowd) -> None:
    crowd.make(here / "p")
    before = tree(here / "p")
    assert len(before) == crowd.pictures
    first = cut("p", "--report", "first.jsonl")
    assert first.exit_code == ExitCode.FAILED

    report = lines(here / "first.jsonl")
    assert sorted(line["source"] for line in report) == [f"p/{name}" for name in before]
    assert Counter(line["status"] for line in report) == {
        "failed": crowd.part,
        "empty": crowd.part // 2,
        "done": crowd.pictures - crowd.part - crowd.part // 2,
    }
    for line in report:
        kind = next(k for k in ("corrupt", "empty", "") if k in Path(line["source"]).name)
        assert line["status"] == {"corrupt": "failed", "empty": "empty", "": "done"}[kind]
        assert len(line["outputs"]) == (0 if kind == "corrupt" else 1)
        # Every corrupt file is named to the user, in one line.
        assert (f"failed: {line['source']} " in first.stderr) == (kind == "corrupt")
    outputs = [output for line in report for output in line["outputs"]]
    assert sorted(outputs) == [f"p_cut/{name}" for name in tree(here / "p_cut")]
    assert first.stdout.splitlines() == outputs
    assert tree(here / "p") == before

    # The second run needs no network: this one would not even load.
    written = tree(here / "p_cut")
    stamps = {name: (here / "p_cut" / name).stat().st_mtime_ns for name in written}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("birefcli.models.segmenter.load_segmenter", lambda *_: 1 / 0)
        second = cut("p", "--report", "second.jsonl")
    assert second.exit_code == ExitCode.FAILED and second.stdout == ""
    assert Counter(line["status"] for line in lines(here / "second.jsonl")) == {
        "failed": crowd.part,
        "skipped": crowd.pictures - crowd.part,
    }
    assert tree(here / "p_cut") == written
    assert {name: (here / "p_cut" / name).stat().st_mtime_ns for name in written} == stamps
    same = [line for line in report if "same" in line["source"]]
    assert (
        len({written[Path(line["outputs"][0]).relative_to("p_cut").as_posix()] for line in same})
        == 1
    )


@crowds
def test_a_run_killed_at_any_moment_is_gone_on_with(here: Path, crowd: Crowd) -> None:
    crowd.make(here / "p")
    before = tree(here / "p")
    unbroken = cut("p", "-o", "unbroken", "--emit", "cutout,mask")
    whole = tree(here / "unbroken")
    chance = random.Random(1)
    for _ in range(crowd.kills):
        # All kills together are fewer moments than all results take.
        killed(chance.randrange(8 * crowd.pictures // crowd.kills))
        # Nothing half written ever bears a result's name, and every whole result is right.
        found = {k: v for k, v in tree(here / "out").items() if not k.endswith(".tmp")}
        assert found.items() <= whole.items()
    last = cut("p", "-o", "out", "--emit", "cutout,mask", "--report", "last.jsonl")
    assert last.exit_code == unbroken.exit_code == ExitCode.FAILED
    assert len(lines(here / "last.jsonl")) == crowd.pictures
    # No temporary file is left either.
    assert tree(here / "out") == whole
    assert tree(here / "p") == before
    for entry in lines(here / "out" / ".birefcli" / "journal.jsonl"):
        assert entry["targets"].items() <= whole.items()
    again = cut("p", "-o", "out", "--emit", "cutout,mask")
    assert again.stdout == "" and f"{crowd.pictures - crowd.part} skipped" in again.stderr


# The command, which kills itself just before it opens, makes or moves so many files, or after it
# has sent one to the disk.
KILLED = """
import itertools, os, signal, sys

moments, last, fsync = itertools.count(), int(sys.argv.pop(1)), os.fsync

def pass_moment(event, arguments=("out",)):
    is_of_writing = event in ("open", "os.mkdir", "os.rename", "fsync")
    if is_of_writing and str(arguments[0]).startswith("out") and next(moments) == last:
        os.kill(os.getpid(), signal.SIGKILL)

def synced(descriptor):
    fsync(descriptor)
    pass_moment("fsync")

os.fsync = synced
sys.addaudithook(pass_moment)
from birefcli.__main__ import main
main()
"""


def killed(moment: int) -> None:
    """Kill a run at one of the moments in which it writes."""
    command = (sys.executable, "-c", KILLED, str(moment), "cut", "p", "-o", "out")
    done = subprocess.run((*command, "--emit", "cutout,mask"), capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr


# The world outside


@contextmanager
def as_nobody(here: Path) -> Iterator[None]:
    """Give up root's right to pass every permission."""
    if os.geteuid() != 0:
        yield
        return
    here.chmod(0o777)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.skipif(os.name == "nt", reason="has other permissions")
def test_what_may_not_be_read_or_written_is_said_in_a_sentence(
    here: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "locked", "deep/b", "closed/c", "x/y/d"):
        (here / "p" / name).parent.mkdir(parents=True, exist_ok=True)
        draw().save(here / "p" / f"{name}.png")
    (here / "out" / "deep").mkdir(parents=True)
    shutil.copy(tiny, here / "tiny.safetensors")
    monkeypatch.setenv("BIREFCLI_HOME", "home")
    monkeypatch.setenv("BIREFCLI_MODEL", "tiny.safetensors")
    assert cut("p/a.png", "-o", "warm.png").exit_code == 0
    modes = {"p/locked.png": 0, "p/closed": 0, "p": 0o555, "out": 0o777, "out/deep": 0o555}
    for name, mode in modes.items():
        (here / name).chmod(mode)
    with as_nobody(here):
        done = cut("p", "-o", "out", "--json")
        refused = [cut("p", "-o", "p/new"), cut("p/a.png", "-o", "p/new.png")]
        hidden = cut("p/closed/c.png", "-o", "new.png")
    for name in modes:
        (here / name).chmod(0o755)
    ends = [(line["source"], line["reason"]) for line in map(json.loads, done.stdout.splitlines())]
    assert ends == [
        *(("p/closed", "permission"), ("p/a.png", ""), ("p/deep/b.png", "output")),
        *(("p/locked.png", "permission"), ("p/x/y/d.png", "")),
    ]
    assert done.exit_code == ExitCode.FAILED
    words = done.stderr.splitlines()
    assert "failed: cannot list p/closed: no permission" in words
    for start in ("p/locked.png may not be read", "p/deep/b.png: out/deep may not be written to"):
        assert any(line.startswith(f"failed: {start}") for line in words)
    assert [result.exit_code for result in (*refused, hidden)] == [ExitCode.FAILED] * 3
    assert refused[0].stderr.startswith("birefcli: cannot write to p/new (Permission denied)")
    assert "failed: p/a.png: p may not be written to (Permission denied)" in refused[1].stderr
    assert "failed: p/closed/c.png may not be read: permission denied" in hidden.stderr


@pytest.mark.skipif(os.name == "nt", reason="has no such limit")
def test_a_disk_that_takes_no_more_leaves_no_half_result(here: Path) -> None:
    """Files may be 1 kB here, which journals and small results still are for a while."""
    for i in range(20):
        draw(i, (10, 10) if i < 3 else (90, 90)).save(here / f"{i:02}.png")
    names = sorted(path.name for path in here.glob("*.png"))

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))

    done = run(*names, "-o", "out", preexec_fn=limit)
    assert done.returncode == ExitCode.FAILED and "Traceback" not in done.stderr
    assert all(line.startswith("failed: ") for line in done.stderr.splitlines()[1:-1])
    written = tree(here / "out")
    assert written and sorted(written) == sorted(
        Path(line).relative_to("out").as_posix() for line in done.stdout.splitlines()
    )
    entire = cut(*names, "-o", "out")
    assert entire.exit_code == 0
    assert written.items() <= tree(here / "out").items() and len(tree(here / "out")) == 20


def test_two_runs_at_once_never_mix(here: Path) -> None:
    for i in range(20):
        (here / "p").mkdir(exist_ok=True)
        draw(i).save(here / "p" / f"{i:02}.png")
    # Whoever reads the last picture waits until somebody writes it.
    os.mkfifo("last.png")
    command = (sys.executable, "-m", "birefcli", "cut", "p", "last.png", "-o", "out")
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as first:
        assert first.stdout is not None and first.stdout.readline()
        second = cut("p", "-o", "out")
        Path("last.png").write_bytes((here / "p" / "00.png").read_bytes())
        first.communicate()
    assert second.exit_code == ExitCode.FAILED and "another run is writing" in second.stderr
    assert first.returncode == 0
    assert len(tree(here / "out")) == 21
