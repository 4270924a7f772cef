"""What a run over many pictures promises, whatever is done with a picture: both commands' tasks."""

import errno
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from fakes import MODEL, Bright, Failing, draw_files, loaded

from birefcli.batch.executor import StopFlag
from birefcli.batch.journal import Journal
from birefcli.batch.report import Outcome, Status
from birefcli.errors import OutputError, PictureError, WeightsError
from birefcli.inpaint.membrane import Membrane
from birefcli.models.peel_models import PeelModels
from birefcli.models.segmenter import Segmenter
from birefcli.settings.cut import CutSettings
from birefcli.settings.peel import PeelCommand
from birefcli.workflows import cut as cut_walk
from birefcli.workflows import peel as peel_walk


@dataclass
class Command:
    """A command with fakes for its models; `out` is given where nothing else is said."""

    name: str
    walk: ModuleType
    loads: int = 0
    stop: StopFlag = field(default_factory=StopFlag)

    def start(
        self, *inputs: str, segment: Segmenter | Exception | None = None, **settings: Any
    ) -> Iterator[Outcome]:
        """Begin a run; an error instead of a segmenter is what loading raises."""
        self.stop = StopFlag()

        def load() -> Any:
            self.loads += 1
            if isinstance(segment, Exception):
                raise segment
            ready = loaded(segment or Bright())
            return ready if self.name == "cut" else PeelModels(ready, ready.segment)

        settings = {"out": "out", **settings}
        if self.name == "cut":
            prepared = cut_walk.prepare_cut(CutSettings(inputs=inputs, **settings))
            return cut_walk.cut_all(prepared, MODEL, load, self.stop)
        command = PeelCommand(inputs=inputs, formats=("png",), **settings)
        prepared_peel = peel_walk.prepare_peel(command)
        return peel_walk.peel_all(prepared_peel, MODEL, Membrane(), load, self.stop, lambda _: None)

    def go(self, *inputs: str, **settings: Any) -> list[Outcome]:
        """Run to the end."""
        return list(self.start(*inputs, **settings))

    def result(self, stem: str, out: str = "out") -> Path:
        """The last file that is written of a picture."""
        root = Path(out)
        return root / f"{stem}.png" if self.name == "cut" else root / f"{stem}.peel/manifest.json"

    def beside(self, folder: str) -> str:
        """The output folder of a folder, where none is named."""
        return f"{folder}_{self.name}"


@pytest.fixture(params=["cut", "peel"])
def command(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Command:
    """Each command in turn, in an empty folder; the peel's second model is a fake too."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BIREFCLI_DEBUG", raising=False)
    monkeypatch.setattr(peel_walk, "partner_of", lambda _: replace(MODEL, sha256="b" * 64))
    return Command(request.param, cut_walk if request.param == "cut" else peel_walk)


def ends(outcomes: list[Outcome]) -> list[str]:
    return [f"{o.source} {o.status} {o.reason}".strip() for o in outcomes]


def tree(folder: str) -> dict[str, str]:
    """Every file below a folder, but for the journal, by its hash."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(Path(folder).rglob("*"))
        if path.is_file() and ".birefcli" not in path.parts
    }


# What is done before


def test_what_is_done_is_skipped_without_a_model(command: Command) -> None:
    draw_files(Path("p"), "a.png", "b.png")
    first = command.go("p")
    assert ends(first) == ["p/a.png done", "p/b.png done"]
    again = command.go("p")
    assert ends(again) == ["p/a.png skipped up-to-date", "p/b.png skipped up-to-date"]
    assert [o.outputs for o in again] == [o.outputs for o in first]
    assert command.loads == 1


def test_redo_does_everything_again(command: Command) -> None:
    draw_files(Path("p"), "a.png")
    command.go("p")
    before = tree("out")
    command.result("a").write_bytes(b"by hand")
    assert ends(command.go("p", redo=True)) == ["p/a.png done"]
    assert tree("out") == before


def test_what_is_not_ours_is_never_touched(command: Command) -> None:
    draw_files(Path("p"), "a.png", "b.png")
    command.go("p/a.png", "p/b.png")
    command.result("a").write_bytes(b"by hand")
    draw(command, "c")
    before = tree("out")
    outcomes = command.go("p")
    assert ends(outcomes) == [
        *("p/a.png failed target-exists", "p/b.png skipped up-to-date"),
        "p/c.png failed target-exists",
    ]
    assert "is not ours, or was edited since" in outcomes[0].message
    assert tree("out") == before


def draw(command: Command, stem: str) -> None:
    """A picture, and a file of somebody else where its result would go."""
    draw_files(Path("p"), f"{stem}.png")
    command.result(stem).parent.mkdir(parents=True, exist_ok=True)
    command.result(stem).write_bytes(b"a stranger's")


ARITHMETIC = {"cut": 3, "peel": 2}
KEYS = {"cut": "06f54874513562d7", "peel": "5367965b2f6f37c5"}


def test_journals_of_earlier_versions_still_tell_what_is_done(command: Command) -> None:
    """The line as it was written before; whoever changes a digest must raise ARITHMETIC."""
    (picture,) = draw_files(Path("p"), "a.png")
    command.go("p")
    journal = Path("out/.birefcli/journal.jsonl")
    values = {
        "source": "../p/a.png",
        "status": "done",
        "key": {
            "source_sha256": hashlib.sha256(picture.read_bytes()).hexdigest(),
            "settings": KEYS[command.name],
            "model_sha256": MODEL.sha256,
            "arithmetic": ARITHMETIC[command.name],
        },
        "targets": json.loads(journal.read_text())["targets"],
    }
    line = json.dumps(values) + "\n"
    assert journal.read_text() == line
    assert list(values["targets"])[-1] == command.result("a").relative_to("out").as_posix()
    assert ends(command.go("p")) == ["p/a.png skipped up-to-date"]


# How pictures and runs end


def test_what_is_not_there_fails_first_and_the_rest_goes_on(command: Command) -> None:
    draw_files(Path("p"), "a.png")
    outcomes = command.go("p", "lost.png")
    assert ends(outcomes) == ["lost.png failed missing", "p/a.png done"]
    assert outcomes[0].message == "there is no lost.png; check the path"


@pytest.mark.parametrize(
    ("error", "end", "message"),
    [
        (RuntimeError("it fell"), "internal", "p/a.png: RuntimeError: it fell"),
        (MemoryError(), "out-of-memory", "p/a.png: not enough memory for this picture"),
        (PictureError("too dim", reason="dim"), "dim", "p/a.png: too dim"),
        (OSError(5, "I/O error", "x"), "system", "p/a.png: I/O error (x)"),
    ],
)
def test_what_goes_wrong_with_a_picture_is_its_outcome(
    command: Command, error: Exception, end: str, message: str
) -> None:
    draw_files(Path("p"), "a.png")
    (outcome,) = command.go("p", segment=Failing(error))
    assert ends([outcome]) == [f"p/a.png failed {end}"]
    assert outcome.message == message and outcome.seconds > 0


def test_debugging_lets_an_internal_error_through(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw_files(Path("p"), "a.png")
    monkeypatch.setenv("BIREFCLI_DEBUG", "1")
    with pytest.raises(RuntimeError, match="fell over"):
        command.go("p", segment=Failing())


def test_models_that_do_not_load_end_the_run_after_what_was_told(command: Command) -> None:
    draw_files(Path("p"), "b.png")
    Path("p/a.png").touch()
    running = command.start("p", segment=WeightsError("no such model"))
    assert ends([next(running)]) == ["p/a.png failed empty-file"]
    with pytest.raises(WeightsError):
        next(running)


def test_fail_fast_stops_at_the_first_failure(command: Command) -> None:
    draw_files(Path("p"), *(f"{i:02}.png" for i in range(30)))
    Path("p/03.png").write_text("broken")
    outcomes = command.go("p", fail_fast=True)
    assert ends(outcomes)[3] == "p/03.png failed unreadable" and len(outcomes) < 20
    assert ends(command.go("lost.png", "p", fail_fast=True)) == ["lost.png failed missing"]


def test_a_full_disk_stops_the_run_which_can_be_gone_on_with(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw_files(Path("p"), *(f"{i:02}.png" for i in range(30)))
    write = command.walk.write_atomic

    def filling(target: Path, data: bytes, *, root: Path) -> None:
        if "03" in target.as_posix():
            patch.setattr(os, "fsync", full)
        write(target, data, root=root)

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(command.walk, "write_atomic", filling)
        outcomes = command.go("p")
    failed = [o for o in outcomes if o.status == Status.FAILED]
    assert {o.reason for o in failed} == {"disk-full"} and "no space left" in failed[0].message
    assert command.stop.asked and len(outcomes) < 20
    assert not list(Path("out").rglob(".birefcli-*"))
    assert {o.status for o in command.go("p")} == {Status.DONE, Status.SKIPPED}


def test_a_run_killed_between_noting_and_moving_is_gone_on_with(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw_files(Path("p"), "a.png")
    command.go("p", out="whole")

    def killed(*_: Any, **__: Any) -> None:
        (line,) = Path("out/.birefcli/journal.jsonl").read_text().splitlines()
        assert json.loads(line)["source"] == "../p/a.png"
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(command.walk, "write_atomic", killed)
        command.go("p")
    assert tree("out") == {}
    assert ends(command.go("p")) == ["p/a.png done"]
    assert tree("out") == tree("whole")


# Output folders


def test_a_second_run_on_the_only_folder_says_so_and_stops(command: Command) -> None:
    draw_files(Path("p"), "a.png")
    with Journal(Path("out")), pytest.raises(OutputError, match="another run is writing to out"):
        command.go("p")
    assert command.loads == 0 and tree("out") == {}


def test_of_several_folders_a_locked_one_is_named(command: Command) -> None:
    draw_files(Path(), "p/a.png", "q/b.png")
    with Journal(Path(command.beside("p"))):
        if command.name == "cut":
            # Folders hold many pictures, and every one of a run is needed.
            with pytest.raises(OutputError, match="another run is writing to p_cut"):
                command.go("p", "q", out=None)
            return
        outcomes = command.go("p", "q", out=None)
    assert ends(outcomes) == ["p/a.png failed output", "q/b.png done"]
    assert "another run is writing to p_peel" in outcomes[0].message


def test_a_stack_that_never_came_to_be_leaves_no_folder(command: Command) -> None:
    draw_files(Path("p"), "b.png")
    Path("p/a.png").touch()
    command.go("p/a.png")
    assert Path("out").exists() == (command.name == "cut")


def test_nothing_begins_after_a_stop(command: Command) -> None:
    draw_files(Path("p"), "a.png")
    running = command.start("p")
    command.stop.ask()
    assert list(running) == [] and command.loads == 0
