import json
import os
from pathlib import Path

from fakes import loaded, nothing

from birefcli.batch.report import Outcome, RunReport, Status, to_line
from birefcli.errors import ExitCode


def outcomes(*statuses: Status) -> list[Outcome]:
    return [Outcome(f"{i}.jpg", status) for i, status in enumerate(statuses)]


def test_a_line_of_the_report_holds_everything() -> None:
    outcome = Outcome(
        "ä.jpg", Status.DONE, outputs=(Path("out/ä.png"),), size=(2, 3), box=(0, 1, 2, 2), seconds=1
    )
    line = outcome.to_json(loaded(nothing).model, "cpu")
    assert "ä.jpg" in line and "\n" not in line
    assert json.loads(line) == {
        "source": "ä.jpg",
        "status": "done",
        "reason": "",
        "message": "",
        "outputs": ["out/ä.png"],
        "size": [2, 3],
        "box": [0, 1, 2, 2],
        "seconds": 1.0,
        "model": {"name": "fake", "sha256": "f" * 64, "licence": "MIT", "tile_order": "new"},
        "device": "cpu",
    }


def test_a_line_of_the_report_may_know_no_model() -> None:
    values = json.loads(Outcome("a.jpg", Status.FAILED).to_json(None, None))
    assert values["model"] is None and values["size"] is None


def test_names_that_are_no_unicode_still_make_a_line() -> None:
    name = os.fsdecode(b"\xff.jpg")
    line = to_line({"source": name})
    assert json.loads(line.encode())["source"] == name


def test_the_exit_code_tells_the_truth() -> None:
    fine = (Status.DONE, Status.EMPTY, Status.SKIPPED)
    assert RunReport(outcomes(*fine), 3).exit_code == ExitCode.OK
    assert RunReport(outcomes(*fine, Status.FAILED), 4).exit_code == ExitCode.FAILED
    assert RunReport(outcomes(*fine), 4).exit_code == ExitCode.FAILED


def test_the_sum_counts_every_way_a_picture_can_end() -> None:
    ended = [*Status, Status.DONE, Status.FAILED]
    assert str(RunReport(outcomes(*ended), 6)) == "2 done, 1 empty, 1 skipped, 2 failed"
    assert str(RunReport(outcomes(Status.DONE), 3)) == "1 done, 2 not reached"
    assert str(RunReport()) == "nothing to do"
