"""How a cut goes on when something is wrong with a picture, a model or a disk."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest
from cuts import ends, go, no_model, pixels, tree
from fakes import (
    MODEL,
    Bright,
    Failing,
    Fixed,
    Small,
    draw,
    draw_files,
    loaded,
    not_a_number,
    nothing,
)
from PIL import Image

from birefcli.batch.executor import StopFlag
from birefcli.batch.report import Status
from birefcli.errors import DeviceError, PictureError, WeightsError
from birefcli.models.segmenter import LoadedSegmenter
from birefcli.settings.cut import CutSettings, OnEmpty
from birefcli.workflows import cut as walk
from birefcli.workflows.cut import cut_all, prepare_cut


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BIREFCLI_DEBUG", raising=False)
    return tmp_path


# One bad picture is one failed outcome


def test_everything_in_a_folder_ends_once_and_bad_files_are_named(here: Path) -> None:
    """Other tools pass over a corrupt file in silence, or stop."""
    draw_files(here, "p/a.jpg", "p/a.png", "p/z.png")
    Image.new("RGB", (40, 30)).save("p/black.png")
    data = (here / "p" / "a.jpg").read_bytes()
    (here / "p" / "cut.jpg").write_bytes(data[: len(data) // 2])
    (here / "p" / "none.png").touch()
    (here / "p" / "text.png").write_text("no picture")
    (here / "p" / "link.png").symlink_to("nowhere")
    draw().save("p/film.tiff", save_all=True, append_images=[draw(1)])
    outcomes = go("p", "lost.png")
    assert ends(outcomes) == [
        "lost.png failed missing",
        "p/a.jpg done",
        "p/a.png done",
        "p/black.png empty nothing-found",
        "p/cut.jpg failed truncated",
        "p/film.tiff failed animated",
        "p/link.png failed missing",
        "p/none.png failed empty-file",
        "p/text.png failed unreadable",
        "p/z.png done",
    ]
    for outcome in outcomes:
        assert (outcome.source in outcome.message) == (outcome.status != Status.DONE)
    assert sorted(tree(here / "p_cut")) == ["a.jpg.png", "a.png.png", "black.png", "z.png"]


def test_pages_are_never_cut_to_the_first_one(here: Path) -> None:
    draw().save("film.tiff", save_all=True, append_images=[draw(i) for i in (1, 2, 3)])
    (outcome,) = go("film.tiff")
    assert ends([outcome]) == ["film.tiff failed animated"] and "4 frames" in outcome.message
    assert not Path("film_cut.png").exists()


def test_a_picture_too_large_is_refused(here: Path) -> None:
    draw_files(here, "a.png")
    assert ends(go("a.png", max_pixels=1199)) == ["a.png failed too-large"]
    assert ends(go("a.png", max_pixels=1200)) == ["a.png done"]


def test_a_network_that_fails_fails_pictures_and_says_which(here: Path) -> None:
    draw_files(here, "p/a.png", "p/b.png")
    outcomes = go("p", segment=Failing())
    assert ends(outcomes) == ["p/a.png failed internal", "p/b.png failed internal"]
    assert outcomes[0].message == "p/a.png: RuntimeError: the network fell over"
    memory = go("p", segment=Failing(MemoryError()))
    assert ends(memory) == ["p/a.png failed out-of-memory", "p/b.png failed out-of-memory"]
    full = go("p", segment=Failing(PictureError("it does not fit", reason="out-of-memory")))
    assert full[1].message == "p/b.png: it does not fit"


def test_debugging_lets_an_internal_error_through(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw_files(here, "a.png")
    monkeypatch.setenv("BIREFCLI_DEBUG", "1")
    with pytest.raises(RuntimeError, match="fell over"):
        go("a.png", segment=Failing())


def test_a_matte_with_nan_is_a_failure_and_no_picture(here: Path) -> None:
    draw_files(here, "a.png")
    (outcome,) = go("a.png", segment=not_a_number)
    assert (
        ends([outcome]) == ["a.png failed nan"] and "a.png: the model gave NaN" in outcome.message
    )
    assert not Path("a_cut.png").exists()


@pytest.mark.parametrize("matte", [np.zeros((3, 3), np.float32), np.zeros((0, 0), np.float32)])
def test_a_matte_of_another_size_is_a_failure(here: Path, matte: np.ndarray) -> None:
    draw_files(here, "a.png")
    assert ends(go("a.png", segment=Fixed(matte))) == ["a.png failed internal"]


def test_a_batch_that_does_not_fit_is_tried_one_by_one(here: Path) -> None:
    draw_files(here, *(f"p/{i}.png" for i in range(6)))
    small = Small(most=1)
    assert {o.status for o in go("p", segment=small, batch=3)} == {Status.DONE}
    assert small.seen == [1] * 6


def test_a_network_that_loses_a_matte_is_tried_one_by_one(here: Path) -> None:
    draw_files(here, "p/a.png", "p/b.png")
    outcomes = go("p", segment=lambda images: Bright()(images[:1]), batch=2)
    assert ends(outcomes) == ["p/a.png done", "p/b.png done"]


def test_the_batch_is_the_machines_unless_it_is_given(here: Path) -> None:
    draw_files(here, *(f"p/{i}.png" for i in range(4)))
    for values, most in (({}, 1), ({"machine_batch": 2}, 2), ({"batch": 4}, 4)):
        bright = Bright()
        go("p", segment=bright, redo=True, **values)
        assert max(bright.seen) == most


@pytest.mark.parametrize("error", [WeightsError("no such model"), DeviceError("no GPU")])
def test_a_model_that_does_not_load_ends_the_run(here: Path, error: Exception) -> None:
    draw_files(here, "p/b.png")
    (here / "p" / "a.png").touch()

    def broken() -> LoadedSegmenter:
        raise error

    running = cut_all(prepare_cut(CutSettings(inputs=("p",))), MODEL, broken, StopFlag())
    assert ends([next(running)]) == ["p/a.png failed empty-file"]
    with pytest.raises(type(error)):
        next(running)


def test_the_model_is_loaded_once_and_only_when_a_picture_needs_it(here: Path) -> None:
    draw_files(here, "p/b.png", "p/c.png")
    (here / "p" / "a.png").touch()
    loads = []

    def load() -> LoadedSegmenter:
        loads.append(1)
        return loaded(Bright())

    go("p", load=load)
    assert loads == [1]
    assert ends(go("p/a.png", load=no_model)) == ["p/a.png failed empty-file"]


def test_fail_fast_stops_at_the_first_failure(here: Path) -> None:
    draw_files(here, *(f"p/{i:02}.png" for i in range(40)))
    (here / "p" / "03.png").write_text("broken")
    outcomes = go("p", fail_fast=True)
    assert ends(outcomes)[3] == "p/03.png failed unreadable" and len(outcomes) < 20
    assert [o.source for o in outcomes] == [f"p/{i:02}.png" for i in range(len(outcomes))]
    assert ends(go("lost.png", "p", fail_fast=True, load=no_model)) == ["lost.png failed missing"]


# Nothing found


@pytest.mark.parametrize(
    ("choice", "end", "written"),
    [
        (OnEmpty.WRITE, "empty nothing-found", True),
        (OnEmpty.SKIP, "empty nothing-found", False),
        (OnEmpty.COPY, "empty nothing-found", True),
        (OnEmpty.FAIL, "failed empty", False),
    ],
)
def test_an_empty_picture_ends_as_it_is_asked(
    here: Path, choice: OnEmpty, end: str, written: bool
) -> None:
    draw_files(here, "p/a.png")
    outcomes = go("p", segment=nothing, on_empty=choice, crop=True)
    assert ends(outcomes) == [f"p/a.png {end}"]
    assert bool(outcomes[0].outputs) == Path("p_cut/a.png").exists() == written
    if written:
        alpha = pixels("p_cut/a.png")[..., 3]
        assert alpha.shape == (30, 40) and (alpha == (255 if choice == OnEmpty.COPY else 0)).all()
    again = go("p", segment=nothing, on_empty=choice, crop=True)
    assert again[0].status == (Status.FAILED if choice == OnEmpty.FAIL else Status.SKIPPED)


# What cannot be written


def test_a_full_disk_stops_the_run(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw_files(here, *(f"p/{i:02}.png" for i in range(40)))
    write = walk.write_atomic

    def filling(target: Path, data: bytes, *, root: Path) -> None:
        if target.name == "04.png":
            monkeypatch.setattr(os, "fsync", full)
        write(target, data, root=root)

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(walk, "write_atomic", filling)
    outcomes = go("p")
    failed = [o for o in outcomes if o.status == Status.FAILED]
    assert failed[0].reason == "disk-full" and "no space left" in failed[0].message
    assert len(outcomes) < 20
    assert not list(Path("p_cut").glob(".birefcli-*"))
    monkeypatch.undo()
    monkeypatch.chdir(here)
    assert {o.status for o in go("p")} == {Status.DONE, Status.SKIPPED}
    assert len(tree(here / "p_cut")) == 40


def test_a_folder_in_the_place_of_a_result_is_a_failure(here: Path) -> None:
    draw_files(here, "p/a.png", "p/b.png")
    (here / "p_cut" / "a.png").mkdir(parents=True)
    for redo in (False, True):
        outcomes = go("p", redo=redo)
        assert outcomes[0].status == Status.FAILED
        assert "a.png" in outcomes[0].message
    assert Path("p_cut/a.png").is_dir()


def test_a_folder_of_results_that_is_a_file_is_a_failure(here: Path) -> None:
    draw_files(here, "p/sub/a.png", "p/b.png")
    (here / "p_cut").mkdir()
    (here / "p_cut" / "sub").touch()
    outcomes = go("p")
    assert [o.status for o in outcomes] == [Status.DONE, Status.FAILED]


def test_nothing_is_written_through_a_link_out_of_the_output_folder(here: Path) -> None:
    draw_files(here, "p/a.png", "p/sub/b.png")
    (here / "elsewhere").mkdir()
    (here / "p_cut").mkdir()
    (here / "p_cut" / "sub").symlink_to(here / "elsewhere", target_is_directory=True)
    (here / "p_cut" / "a.png").symlink_to(here / "elsewhere" / "a.png")
    for redo in (False, True):
        assert {o.status for o in go("p", redo=redo)} == {Status.FAILED}
    assert list((here / "elsewhere").iterdir()) == []
