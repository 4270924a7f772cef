import io
import os
import sys
from pathlib import Path

import pytest
from fakes import draw_files

from birefcli.batch.inputs import Inputs, gather
from birefcli.batch.journal import Journal, JournalEntry, ResultKey
from birefcli.errors import ExitCode, InputError, UsageError
from birefcli.image.files import encode
from birefcli.settings.cut import CutSettings


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def meant(*inputs: str, **settings: object) -> Inputs:
    return gather(CutSettings(inputs=inputs, **settings))  # type: ignore[arg-type]


def names(*inputs: str, **settings: object) -> list[str]:
    return [source.name for source in meant(*inputs, **settings).sources]


def result(path: Path) -> None:
    """A file that says that we wrote it."""
    import numpy as np

    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode(np.zeros((2, 2), np.uint8), "png"))


def note(root: Path, source: str, *targets: str) -> None:
    """Results that an output folder's journal knows."""
    with Journal(root) as journal:
        journal.note(
            JournalEntry(source, "done", ResultKey("s", "d", "m", 1), dict.fromkeys(targets, "h"))
        )
    for target in targets:
        result(root / target)


# What is meant


def test_files_folders_and_patterns_come_in_the_order_typed(here: Path) -> None:
    draw_files(here, "b/2.png", "b/10.png", "b/sub/1.png", "a.png", "x1.jpg", "x2.jpg")
    assert names("b", "a.png", "x*.jpg") == [
        *("b/2.png", "b/10.png", "b/sub/1.png"),
        *("a.png", "x1.jpg", "x2.jpg"),
    ]


def test_no_recursive_stays_in_the_folder(here: Path) -> None:
    draw_files(here, "b/1.png", "b/sub/1.png")
    assert names("b", recursive=False) == ["b/1.png"]


def test_a_pattern_reaches_into_folders(here: Path) -> None:
    draw_files(here, "b/1.png", "b/sub/1.png")
    assert names("b/**/*.png") == ["b/1.png", "b/sub/1.png"]


def test_a_name_that_looks_like_a_pattern_is_a_name_first(here: Path) -> None:
    draw_files(here, "[a].png", "a.png")
    assert names("[a].png") == ["[a].png"]


def test_a_picture_is_worked_on_once_however_often_it_is_named(here: Path) -> None:
    draw_files(here, "b/1.png", "b/sub/2.png")
    everything = ("b", "b/", "./b", str(here / "b"), "b/sub", "b/sub/../1.png", "b/*.png")
    assert names(*everything) == ["b/1.png", "b/sub/2.png"]
    assert len(meant(*everything).folders) == 2


def test_a_named_file_is_tried_whatever_its_suffix(here: Path) -> None:
    (here / "scan.data").touch()
    (here / ".hidden.png").touch()
    assert names("scan.data", ".hidden.png") == ["scan.data", ".hidden.png"]


def test_a_broken_link_is_an_input_that_will_be_named(here: Path) -> None:
    (here / "a.png").symlink_to("nowhere.png")
    assert names("a.png") == ["a.png"]


def test_standard_input_is_alone() -> None:
    (source,) = meant("-").sources
    assert (source.path, source.name) == (None, "-")
    for settings in ({"inputs": ("-", "a.png")}, {"inputs": ("-",), "files_from": "list"}):
        with pytest.raises(UsageError, match="only input"):
            gather(CutSettings(**settings))  # type: ignore[arg-type]


def test_an_unset_variable_does_not_mean_this_folder(here: Path) -> None:
    draw_files(here, "a.png")
    with pytest.raises(UsageError, match="empty"):
        meant("")


# Lists


def test_a_list_has_one_path_a_line(here: Path) -> None:
    paths = draw_files(here, "a b.png", "c.png", "[d].png", "e\u2028f.png", "g\u0085.png")
    text = "\ufeff" + "\r\n".join(["", *(path.name for path in paths), ""])
    (here / "list").write_text(text, encoding="utf-8")
    assert names(files_from="list") == [path.name for path in paths]


def test_a_list_separated_by_nul_holds_any_name(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = [b"a\nb.png", b" c.png", b"-d.png", b"\xff.png", b"-"]
    for name in odd:
        Path(os.fsdecode(name)).touch()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\0".join(odd) + b"\0")))
    found = meant(files_from="-", null_separated=True).sources
    assert [os.fsencode(source.path or "") for source in found] == odd


def test_a_list_adds_to_what_is_typed_and_may_name_folders(here: Path) -> None:
    draw_files(here, "a.png", "b/1.png")
    (here / "list").write_text("b\nmissing.png\n")
    both = meant("a.png", files_from="list")
    assert [source.name for source in both.sources] == ["a.png", "b/1.png"]
    assert both.missing == ("missing.png",)


def test_a_list_that_is_not_there_or_empty_is_no_input(here: Path) -> None:
    (here / "empty").touch()
    with pytest.raises(InputError, match="cannot read --files-from none: No such file"):
        meant(files_from="none")
    with pytest.raises(InputError, match="no picture found in the list"):
        meant(files_from="empty")


# What is missing, and what is left out


def test_missing_paths_are_named_and_the_rest_goes_on(here: Path) -> None:
    draw_files(here, "a.png")
    assert meant("x.png", "a.png", "y*.png", "x.png").missing == ("x.png", "y*.png")


def test_nothing_at_all_says_what_was_looked_for(here: Path) -> None:
    with pytest.raises(InputError, match=r"there is no x.png \(nor 1 more\)") as caught:
        meant("x.png", "~nobody-of-this-name/*.png")
    assert caught.value.exit_code == ExitCode.NO_INPUT
    (here / "b" / "sub").mkdir(parents=True)
    (here / "b" / "notes.txt").touch()
    with pytest.raises(InputError, match=r"no picture found in b \(left out: 1 of other kinds\)"):
        meant("b")


def test_names_no_system_knows_are_missing() -> None:
    for name in ("x" * 300 + ".png", "a\0b.png"):
        with pytest.raises(InputError, match="there is no"):
            meant(name)


def test_the_rest_of_a_folder_is_counted(here: Path) -> None:
    draw_files(here, "b/1.png", "b/.h.png", "c/2.png")
    (here / "b" / "notes.txt").touch()
    (here / "b" / "more").symlink_to(here / "c", target_is_directory=True)
    assert meant("b").left_out == "1 of other kinds, 1 hidden, 1 linked folders"


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="needs permissions that hold")
def test_a_folder_that_cannot_be_listed_is_named(here: Path) -> None:
    draw_files(here, "b/1.png", "b/locked/2.png")
    (here / "b" / "locked").chmod(0)
    try:
        assert meant("b").closed == (Path("b/locked"),)
    finally:
        (here / "b" / "locked").chmod(0o700)


# Our own results


def test_results_beside_their_source_are_no_inputs(here: Path) -> None:
    draw_files(here, "b/a.png", "b/c.png", "b/alone_cut.png", "b/d.png", "b/d_cut.png")
    for name in ("a_cut.png", "a_mask.png", "c.png_preview.webp", "c_cut~2.png"):
        result(here / "b" / name)
    # A file that is only called like a result stays: it does not say that we wrote it.
    assert names("b") == ["b/a.png", "b/alone_cut.png", "b/c.png", "b/d.png", "b/d_cut.png"]
    assert meant("b").left_out == "4 of our own results"


def test_a_second_run_over_a_pattern_leaves_out_its_results(here: Path) -> None:
    draw_files(here, "a.png")
    result(here / "a_cut.png")
    assert names("a.png", "a_cut.png") == ["a.png"]
    # Alone, or with results elsewhere, it is meant.
    assert names("a_cut.png") == ["a_cut.png"]
    assert names("a.png", "a_cut.png", out="elsewhere") == ["a.png", "a_cut.png"]


def test_an_output_folder_inside_an_input_folder_is_left_out(here: Path) -> None:
    draw_files(here, "b/a.png", "b/out/new.jpg")
    note(here / "b" / "out", "../a.png", "a.png", "deep/a.png")
    result(here / "b" / "out" / "older.png")
    (here / "b" / "out" / "a.png").write_bytes(b"edited, and so without its mark")
    assert names("b") == ["b/a.png", "b/out/new.jpg"]
    assert meant("b").left_out == "3 of our own results"


def test_sources_that_lie_in_an_output_folder_are_not_lost(here: Path) -> None:
    """After `birefcli cut b/sub/a.jpg -o b/sub`."""
    draw_files(here, "b/sub/a.jpg")
    note(here / "b" / "sub", "a.jpg", "a.png")
    for folder in ("b", "b/sub"):
        assert names(folder) == ["b/sub/a.jpg"]
        assert meant(folder).left_out == "1 of our own results"


def test_an_output_folder_can_be_an_input_itself(here: Path) -> None:
    note(here / "b_cut", "../b/a.jpg", "a.png")
    assert names("b_cut") == ["b_cut/a.png"]


def test_results_written_into_an_input_folder_from_above_are_left_out(here: Path) -> None:
    draw_files(here, "out/b/a.jpg", "out/c/d.jpg")
    note(here / "out", "b/a.jpg", "b/a.png")
    assert names("out/b", "out/c", out="out") == ["out/b/a.jpg", "out/c/d.jpg"]
