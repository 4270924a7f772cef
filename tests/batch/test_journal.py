import errno
import hashlib
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from birefcli.batch.journal import Journal, JournalEntry, ResultKey, digest
from birefcli.errors import DiskFullError, ExitCode, OutputError
from birefcli.image.files import _temporary_prefix

KEY = ResultKey("source", "settings", "model", 1)


def write(root: Path, **files: bytes) -> dict[str, str]:
    """Put files into an output folder and give their hashes, as an entry holds them."""
    root.mkdir(parents=True, exist_ok=True)
    hashes = {}
    for name, data in files.items():
        (root / name).write_bytes(data)
        hashes[name] = hashlib.sha256(data).hexdigest()
    return hashes


def noted(root: Path, *entries: JournalEntry) -> Journal:
    with Journal(root) as journal:
        for entry in entries:
            journal.note(entry)
    return Journal(root)


# What is done


def test_a_finished_picture_is_done_in_the_next_run(tmp_path: Path) -> None:
    entry = JournalEntry("../a.jpg", "done", KEY, write(tmp_path, a=b"cutout", m=b"mask"))
    journal = noted(tmp_path, entry)
    assert journal.is_done("../a.jpg", KEY, ["a", "m"]) == entry
    assert journal.is_done("../b.jpg", KEY, ["a", "m"]) is None


@pytest.mark.parametrize("field", ["source_sha256", "settings", "model_sha256", "arithmetic"])
def test_whatever_changes_the_bytes_undoes_it(tmp_path: Path, field: str) -> None:
    journal = noted(tmp_path, JournalEntry("../a.jpg", "done", KEY, write(tmp_path, a=b"cutout")))
    changed = replace(KEY, **{field: "other"})  # type: ignore[arg-type]
    assert journal.is_done("../a.jpg", changed, ["a"]) is None


def test_a_result_edited_deleted_or_wanted_elsewhere_is_not_done(tmp_path: Path) -> None:
    """Another tool trusts an empty file of an interrupted run for ever."""
    journal = noted(
        tmp_path, JournalEntry("../a.jpg", "done", KEY, write(tmp_path, a=b"1", m=b"2"))
    )
    assert journal.is_done("../a.jpg", KEY, ["a"]) is None
    write(tmp_path, a=b"")
    assert journal.is_done("../a.jpg", KEY, ["a", "m"]) is None
    (tmp_path / "a").unlink()
    assert journal.is_done("../a.jpg", KEY, ["a", "m"]) is None
    (tmp_path / "a").mkdir()
    assert journal.is_done("../a.jpg", KEY, ["a", "m"]) is None


def test_a_picture_that_left_nothing_behind_is_done(tmp_path: Path) -> None:
    journal = noted(tmp_path, JournalEntry("../a.jpg", "empty", KEY, {}))
    assert journal.is_done("../a.jpg", KEY, ["a.png"]) is not None


def test_results_of_two_settings_are_done_side_by_side(tmp_path: Path) -> None:
    masks = replace(KEY, settings="masks")
    journal = noted(
        tmp_path,
        JournalEntry("../a.jpg", "done", KEY, write(tmp_path, a=b"cutout")),
        JournalEntry("../a.jpg", "done", masks, write(tmp_path, m=b"mask")),
    )
    assert journal.is_done("../a.jpg", KEY, ["a"])
    assert journal.is_done("../a.jpg", masks, ["m"])
    assert journal.known.targets == {"../a.jpg": ("a", "m")}


# What may be replaced


def test_only_what_we_wrote_and_nobody_edited_may_be_replaced(tmp_path: Path) -> None:
    journal = noted(
        tmp_path,
        JournalEntry("../a.jpg", "done", KEY, write(tmp_path, a=b"old")),
        JournalEntry("../a.jpg", "done", KEY, write(tmp_path, a=b"new")),
    )
    assert journal.may_replace("a") and journal.may_replace("free")
    write(tmp_path, a=b"old", unknown=b"new")
    # A run killed between noting and moving leaves the older result in place.
    assert journal.may_replace("a")
    assert not journal.may_replace("unknown")
    write(tmp_path, a=b"edited")
    assert not journal.may_replace("a")


def test_links_and_folders_are_not_ours(tmp_path: Path) -> None:
    journal = noted(tmp_path, JournalEntry("../a.jpg", "done", KEY, {"a": "h", "b": "h"}))
    (tmp_path / "a").symlink_to("nowhere")
    (tmp_path / "b").mkdir()
    assert not journal.may_replace("a") and not journal.may_replace("b")


# The file


def test_names_of_every_kind_come_back(tmp_path: Path) -> None:
    odd = [
        *("é\u2028\u0085\r\n.jpg", "-", '"\\.jpg', "\U0001f600", os.fsdecode(b"\xff.jpg")),
        "../../x/y.jpg",
    ]
    for name in odd:
        noted(tmp_path, JournalEntry(name, "done", KEY, {name: "h"}))
    assert list(Journal(tmp_path).known.targets) == odd
    lines = (tmp_path / ".birefcli" / "journal.jsonl").read_text("utf-8").split("\n")
    assert [json.loads(line)["source"] for line in lines[:-1]] == odd


@pytest.mark.parametrize("keep", [1, 20, -2, -1])
def test_a_line_cut_short_by_a_kill_is_no_line(tmp_path: Path, keep: int) -> None:
    first, second, third = (
        JournalEntry(f"{i}.jpg", "done", KEY, {f"{i}.png": "h"}) for i in range(3)
    )
    noted(tmp_path, first, second)
    path = tmp_path / ".birefcli" / "journal.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + lines[1][:keep])
    journal = noted(tmp_path, third)
    # A line that lacks only its end is whole.
    expected = ["0.jpg", "1.jpg", "2.jpg"] if keep == -1 else ["0.jpg", "2.jpg"]
    assert list(journal.known.targets) == expected


def test_lines_of_others_are_passed_over(tmp_path: Path) -> None:
    noted(tmp_path, JournalEntry("a.jpg", "done", KEY, {"a.png": "h"}))
    with (tmp_path / ".birefcli" / "journal.jsonl").open("ab") as file:
        file.write(b'null\n[]\n{}\n{"source": "b"}\n\xff\xfe\n{"source": 1, "targets": 2}\n\n')
    assert list(noted(tmp_path).known.targets) == ["a.jpg"]


def test_many_threads_note_whole_lines(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal, ThreadPoolExecutor(8) as pool:
        list(
            pool.map(
                lambda i: journal.note(
                    JournalEntry(f"{i}.jpg", "done", KEY, {f"{i}.png": "h" * 3000})
                ),
                range(64),
            )
        )
    assert len(Journal(tmp_path).known.targets) == 64


def test_a_full_disk_leaves_no_half_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        """A file on a disk with room for a few more bytes."""

        def __init__(self, file: Any) -> None:
            self.file = file

        def __getattr__(self, name: str) -> Any:
            return getattr(self.file, name)

        def write(self, data: bytes) -> int:
            return int(self.file.write(data[:10]))

    with Journal(tmp_path) as journal:
        journal.note(JournalEntry("a.jpg", "done", KEY, {}))
        file = journal._file
        monkeypatch.setattr(journal, "_file", Full(file))
        with pytest.raises(DiskFullError, match="no space left"):
            journal.note(JournalEntry("b.jpg", "done", KEY, {}))
        monkeypatch.setattr(journal, "_file", file)
        journal.note(JournalEntry("c.jpg", "done", KEY, {}))
        assert journal.is_done("b.jpg", KEY, []) is None
    text = (tmp_path / ".birefcli" / "journal.jsonl").read_text()
    assert [json.loads(line)["source"] for line in text.splitlines()] == ["a.jpg", "c.jpg"]


def test_an_entry_that_did_not_reach_the_disk_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with Journal(tmp_path) as journal:
        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(DiskFullError):
            journal.note(JournalEntry("a.jpg", "done", KEY, {}))


# The folder


def test_reading_a_journal_makes_no_folder(tmp_path: Path) -> None:
    assert Journal(tmp_path / "out").known.targets == {}
    assert list(tmp_path.iterdir()) == []


def test_a_second_run_on_one_folder_says_so(tmp_path: Path) -> None:
    with (
        Journal(tmp_path),
        pytest.raises(OutputError, match="another run is writing to") as caught,
        Journal(tmp_path),
    ):
        pass
    assert caught.value.exit_code == ExitCode.FAILED
    with Journal(tmp_path):
        pass


def test_what_another_run_noted_meanwhile_is_seen(tmp_path: Path) -> None:
    early = Journal(tmp_path)
    noted(tmp_path, JournalEntry("a.jpg", "done", KEY, write(tmp_path, a=b"1")))
    with early:
        assert early.is_done("a.jpg", KEY, ["a"])


def test_temporary_files_of_dead_runs_are_cleared(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-S", "-c", ""])
    process.wait()
    stale = tmp_path / "sub" / f"{_temporary_prefix()}{process.pid}-{'0' * 16}.tmp"
    stale.parent.mkdir()
    stale.touch()
    with Journal(tmp_path):
        assert not stale.exists()


def test_a_root_that_is_a_file_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "out").touch()
    with (
        pytest.raises(OutputError, match="choose another folder with -o"),
        Journal(tmp_path / "out"),
    ):
        pass


def test_the_journal_is_never_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / ".birefcli").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OutputError, match="is a link"), Journal(tmp_path / "out"):
        pass
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_digest_is_the_same_for_the_same_values() -> None:
    assert digest({"a": 1, "b": (2, 3)}) == digest({"b": [2, 3], "a": 1})
    assert digest({"a": 1}) != digest({"a": 2})
    assert digest({"a": 1}) == "f9d86028c6e0d64e"
