"""Cuts that are run again: what is skipped, what is replaced, and what is never touched."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cuts import ends, go, no_model, tree
from fakes import (
    MODEL,
    Bright,
    draw,
    draw_files,
    loaded,
)

from birefcli.batch.executor import StopFlag
from birefcli.batch.journal import Journal
from birefcli.batch.report import Status
from birefcli.errors import OutputError
from birefcli.settings.cut import CutSettings, OnEmpty
from birefcli.settings.cutout import Product
from birefcli.settings.model import ModelSettings
from birefcli.workflows import cut as walk
from birefcli.workflows.cut import cut_all, prepare_cut


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BIREFCLI_DEBUG", raising=False)
    return tmp_path


def test_a_second_run_does_nothing_and_needs_no_model(here: Path) -> None:
    draw_files(here, "p/a.png", "p/b.png")
    emit = (Product.CUTOUT, Product.MASK)
    first = go("p", emit=emit)
    before = {path: path.stat().st_mtime_ns for path in Path("p_cut").glob("*.png")}
    again = go("p", emit=emit, load=no_model)
    assert ends(again) == ["p/a.png skipped up-to-date", "p/b.png skipped up-to-date"]
    assert [o.outputs for o in again] == [o.outputs for o in first]
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert [o.status for o in go("p", emit=emit, redo=True)] == [Status.DONE] * 2


@pytest.mark.parametrize(
    "change",
    [
        {"threshold": 0.4},
        {"crop": True},
        {"png_level": 5},
        {"on_empty": OnEmpty.SKIP},
        {"model_settings": ModelSettings(tile_order="old")},  # type: ignore[arg-type]
        {"weights": "e" * 64},
        {"picture": 7},
        {"arithmetic": 99},
    ],
)
def test_whatever_decides_the_bytes_replaces_our_own_result(
    here: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any]
) -> None:
    draw_files(here, "p/a.png")
    go("p")
    model = replace(MODEL, sha256=change.pop("weights", MODEL.sha256))
    if "picture" in change:
        draw(change.pop("picture")).save("p/a.png")
    if "arithmetic" in change:
        monkeypatch.setattr(walk, "ARITHMETIC", change.pop("arithmetic"))
    if "model_settings" in change:
        change["model"] = change.pop("model_settings")
        prepared = prepare_cut(CutSettings(inputs=("p",), **change))
        outcomes = list(cut_all(prepared, model, lambda: loaded(Bright()), StopFlag()))
    else:
        outcomes = go("p", model=model, **change)
    assert ends(outcomes) == ["p/a.png done"]


@pytest.mark.parametrize(
    "change",
    [{"batch": 3}, {"max_pixels": 10**5}, {"recursive": False}, {"report": Path("r.jsonl")}],
)
def test_what_does_not_decide_the_bytes_changes_nothing(here: Path, change: dict[str, Any]) -> None:
    draw_files(here, "p/a.png")
    go("p")
    assert ends(go("p", load=no_model, **change)) == ["p/a.png skipped up-to-date"]


def test_an_edited_result_is_never_touched(here: Path) -> None:
    draw_files(here, "p/a.png", "p/b.png")
    go("p")
    Path("p_cut/a.png").write_bytes(b"by hand")
    for change in ({}, {"crop": True}):
        outcomes = go("p", **change)
        assert outcomes[0].reason == "target-exists" and "--redo" in outcomes[0].message
        assert outcomes[1].status == (Status.DONE if change else Status.SKIPPED)
    assert Path("p_cut/a.png").read_bytes() == b"by hand"
    assert ends(go("p", redo=True)) == ["p/a.png done", "p/b.png done"]


def test_a_file_we_did_not_write_is_never_touched(here: Path) -> None:
    draw_files(here, "p/a.png", "p_cut/a.png", "c.png", "c_cut.png")
    before = tree(here)
    for source in ("p", "c.png"):
        (outcome,) = go(source, load=no_model)
        assert outcome.reason == "target-exists"
    assert tree(here) == before


def test_a_deleted_result_is_made_again(here: Path) -> None:
    draw_files(here, "p/a.png", "p/b.png")
    go("p")
    before = tree(here / "p_cut")
    Path("p_cut/b.png").unlink()
    assert ends(go("p")) == ["p/a.png skipped up-to-date", "p/b.png done"]
    assert tree(here / "p_cut") == before


def test_an_empty_file_of_an_interrupted_run_is_not_trusted(here: Path) -> None:
    """Another tool skips a 0-byte result for ever."""
    draw_files(here, "p/a.png")
    go("p")
    Path("p_cut/a.png").write_bytes(b"")
    (outcome,) = go("p")
    assert outcome.status == Status.FAILED and "a.png is not ours" in outcome.message


def test_masks_after_cutouts_leave_the_cutouts(here: Path) -> None:
    draw_files(here, "p/a.jpg", "p/a_mask.jpg")
    go("p")
    cutouts = tree(here / "p_cut")
    masks = go("p", emit=(Product.MASK,))
    assert [o.status for o in masks] == [Status.DONE] * 2
    assert cutouts.items() <= tree(here / "p_cut").items() and len(tree(here / "p_cut")) == 4
    assert {o.status for o in go("p", load=no_model)} == {Status.SKIPPED}
    assert {o.status for o in go("p", emit=(Product.MASK,), load=no_model)} == {Status.SKIPPED}


def test_a_colliding_file_that_appears_later_takes_nothing_away(here: Path) -> None:
    draw_files(here, "p/a.jpg")
    go("p")
    before = tree(here / "p_cut")
    draw_files(here, "p/a.png")
    assert ends(go("p")) == ["p/a.jpg skipped up-to-date", "p/a.png done"]
    assert tree(here / "p_cut") == {**before, "a.png.png": tree(here / "p_cut")["a.png.png"]}
    assert {o.status for o in go("p", load=no_model)} == {Status.SKIPPED}


def test_folders_cut_into_one_on_two_days_keep_all_results(here: Path) -> None:
    draw_files(here, "day1/1.jpg", "day2/1.jpg")
    go("day1", out="out")
    go("day2", out="out")
    assert sorted(tree(here / "out")) == ["1.jpg.png", "1.png"]
    for day in ("day1", "day2"):
        assert {o.status for o in go(day, out="out", load=no_model)} == {Status.SKIPPED}


def test_two_files_of_one_name_are_both_remembered(here: Path) -> None:
    draw_files(here, "x/a.jpg", "y/a.jpg")
    go("x/a.jpg", "y/a.jpg", out="out")
    assert sorted(tree(here / "out")) == ["a.jpg.png", "a.jpg~2.png"]
    again = go("x/a.jpg", "y/a.jpg", out="out", load=no_model)
    assert {o.status for o in again} == {Status.SKIPPED}


def test_a_second_run_at_the_same_time_says_so(here: Path) -> None:
    draw_files(here, "p/a.png")
    with Journal(here / "p_cut"), pytest.raises(OutputError, match="another run is writing"):
        go("p")


def test_temporary_files_of_a_killed_run_are_cleared(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from birefcli.image import files

    draw_files(here, "p/a.png", "q/b.png")
    monkeypatch.setattr(files, "_is_alive", lambda pid: False)
    name = f"{files._temporary_prefix()}1-{'0' * 16}.tmp"
    left = [here / folder / name for folder in ("p_cut", "p_cut/deep", "q", "q/deep")]
    for path in left:
        path.parent.mkdir(exist_ok=True)
        path.touch()
    go("p")
    go("q/b.png")
    # Beside a single source only its own folder is looked through.
    assert [path.exists() for path in left] == [False, False, False, True]


def test_a_run_killed_between_noting_and_moving_is_gone_on_with(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw_files(here, "p/a.png")
    go("p", emit=tuple(Product))
    whole = tree(here / "p_cut")
    go("p", emit=tuple(Product), crop=True, redo=True)  # other bytes

    moved = 0
    write = walk.write_atomic

    def killed(*args: Any, **kwargs: Any) -> None:
        nonlocal moved
        moved += 1
        if moved > 1:
            raise KeyboardInterrupt
        write(*args, **kwargs)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(walk, "write_atomic", killed)
        go("p", emit=tuple(Product))
    assert ends(go("p", emit=tuple(Product))) == ["p/a.png done"]
    assert tree(here / "p_cut") == whole
