import errno
import hashlib
import io
import json
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
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
from PIL import Image, ImageCms

from birefcli.batch.executor import StopFlag
from birefcli.batch.journal import Journal
from birefcli.batch.report import Outcome, Status
from birefcli.errors import DeviceError, OutputError, PictureError, UsageError, WeightsError
from birefcli.image.files import read_picture
from birefcli.matte.cutout import cut_image
from birefcli.models.segmenter import LoadedSegmenter, Segmenter
from birefcli.settings.cut import CutSettings, OnEmpty
from birefcli.settings.cutout import Format, Product
from birefcli.settings.model import ModelSettings
from birefcli.workflows import cut as walk
from birefcli.workflows.cut import cut, prepare


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BIREFCLI_DEBUG", raising=False)
    return tmp_path


def go(
    *inputs: str,
    segment: Segmenter | None = None,
    load: Callable[[], LoadedSegmenter] | None = None,
    model: Any = MODEL,
    machine_batch: int = 1,
    **settings: Any,
) -> list[Outcome]:
    """Run the walk and give its outcomes."""
    prepared = prepare(CutSettings(inputs=inputs, **settings))
    if load is None:
        ready = loaded(segment or Bright(), machine_batch)
        return list(cut(prepared, model, lambda: ready, StopFlag()))
    return list(cut(prepared, model, load, StopFlag()))


def no_model() -> LoadedSegmenter:
    raise AssertionError("the model is not needed")


def ends(outcomes: list[Outcome]) -> list[str]:
    return [f"{o.source} {o.status} {o.reason}".strip() for o in outcomes]


def pixels(path: Path | str) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def tree(folder: Path) -> dict[str, str]:
    """Every file below a folder, but for the journal, by its hash."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".birefcli" not in path.parts
    }


# What comes out


def test_a_folder_becomes_a_tree_of_cutouts(here: Path) -> None:
    draw_files(here, "photos/a.jpg", "photos/sub/b.png")
    outcomes = go("photos")
    assert ends(outcomes) == ["photos/a.jpg done", "photos/sub/b.png done"]
    assert [o.outputs for o in outcomes] == [
        *((Path("photos_cut/a.png"),), (Path("photos_cut/sub/b.png"),))
    ]
    assert [o.size for o in outcomes] == [(30, 40), (30, 40)]
    assert sorted(tree(here / "photos_cut")) == ["a.png", "sub/b.png"]
    cutout = pixels("photos_cut/sub/b.png")
    assert cutout.shape == (30, 40, 4)
    assert cutout[15, 20, 3] > 240 and cutout[0, 0, 3] < 30


@pytest.mark.parametrize("format", list(Format))
def test_every_product_in_every_format(here: Path, format: Format) -> None:
    draw_files(here, "a.png")
    emit = tuple(Product)
    (outcome,) = go("a.png", out="out", emit=emit, format=format)
    assert [path.name for path in outcome.outputs] == [
        f"a{ending}.{format}" for ending in ("", "_mask", "_preview")
    ]
    cutout, mask, preview = map(Image.open, outcome.outputs)
    assert cutout.format == mask.format == {"jpg": "JPEG"}.get(format, format.upper())
    assert cutout.mode == ("RGB" if format == Format.JPG else "RGBA")
    assert cutout.size == mask.size == (40, 30) and preview.size == (80, 30)
    grey = np.asarray(mask.convert("L"))
    assert abs(int(grey[15, 20]) - 255) < 12 and grey[0, 0] < 40
    for image in (cutout, mask, preview):
        image.close()


def test_a_name_with_a_suffix_decides_the_format(here: Path) -> None:
    draw_files(here, "a.png")
    go("a.png", out="b.webp")
    go("a.png", name="{stem}.jpg", out="out")
    with Image.open("b.webp") as one, Image.open("out/a.jpg") as other:
        assert (one.format, other.format) == ("WEBP", "JPEG")


def test_quality_and_effort_reach_the_file(here: Path) -> None:
    draw(0, (200, 200)).save("a.png")
    sizes = []
    for values in ({"quality": 10}, {"quality": 100}):
        go("a.png", out="b.jpg", redo=True, **values)
        sizes.append(Path("b.jpg").stat().st_size)
    for level in (9, 0):
        go("a.png", out="b.png", redo=True, png_level=level)
        sizes.append(Path("b.png").stat().st_size)
    assert sizes[0] < sizes[1] and sizes[2] < sizes[3]


def test_profile_and_resolution_are_kept_and_private_data_dropped(here: Path) -> None:
    """Another tool drops the profile and the resolution."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[0x010E] = "at home"
    exif[0x0112] = 6  # on its side
    draw().save("a.jpg", icc_profile=profile, dpi=(300, 300), exif=exif)
    go("a.jpg", out="out", emit=(Product.CUTOUT, Product.MASK))
    with Image.open("out/a.png") as cutout, Image.open("out/a_mask.png") as mask:
        assert cutout.size == mask.size == (30, 40)
        assert cutout.info["icc_profile"] == profile and "icc_profile" not in mask.info
        assert cutout.info["dpi"] == pytest.approx((300, 300), abs=0.1)
        assert not cutout.getexif()
    assert b"at home" not in Path("out/a.png").read_bytes()


def test_the_crop_of_the_report_is_the_picture_that_was_written(here: Path) -> None:
    draw(0, (80, 60)).save("a.png")
    (outcome,) = go("a.png", crop=True, margin=3)
    assert outcome.box is not None and outcome.size == (60, 80)
    left, top, right, bottom = outcome.box
    go("a.png", out="whole.png")
    assert (pixels("a_cut.png") == pixels("whole.png")[top:bottom, left:right]).all()
    assert (right - left, bottom - top) < (80, 60)


def test_a_pictures_own_alpha_reaches_network_and_result(here: Path) -> None:
    rgba = np.full((30, 40, 4), 255, np.uint8)
    rgba[:, :20, 3] = 0
    Image.fromarray(rgba).save("a.png")
    seen = []

    def watch(images: Any) -> Any:
        seen.extend(images)
        return Bright()(images)

    go("a.png", segment=watch)
    assert (seen[0][:, :20] == 128).all() and (seen[0][:, 20:] == 255).all()
    assert not pixels("a_cut.png")[:, :20].any() and pixels("a_cut.png")[:, 20:].all()


def test_one_picture_can_be_cut_without_files() -> None:
    stream = io.BytesIO()
    draw().save(stream, "png")
    picture = read_picture(stream.getvalue(), max_pixels=10**6)
    assert cut_image(picture, Bright(), CutSettings(inputs=("-",))).shape == (30, 40, 4)


def test_the_same_picture_gives_the_same_bytes(here: Path) -> None:
    draw_files(here, "p/a.png", "p/x.jpg", "p/y.jpg")
    (here / "p" / "b.png").write_bytes((here / "p" / "a.png").read_bytes())
    emit = tuple(Product)
    go("p", emit=emit)
    go("p", out="again", emit=emit)
    assert tree(here / "again") == tree(here / "p_cut")
    for ending in ("", "_mask", "_preview"):
        assert tree(here / "again")[f"a{ending}.png"] == tree(here / "again")[f"b{ending}.png"]


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
    draw().save("p/film.gif", save_all=True, append_images=[draw(1)])
    outcomes = go("p", "lost.png")
    assert ends(outcomes) == [
        "lost.png failed missing",
        "p/a.jpg done",
        "p/a.png done",
        "p/black.png empty nothing-found",
        "p/cut.jpg failed truncated",
        "p/film.gif failed animated",
        "p/link.png failed missing",
        "p/none.png failed empty-file",
        "p/text.png failed unreadable",
        "p/z.png done",
    ]
    for outcome in outcomes:
        assert (outcome.source in outcome.message) == (outcome.status != Status.DONE)
    assert sorted(tree(here / "p_cut")) == ["a.jpg.png", "a.png.png", "black.png", "z.png"]


def test_a_film_is_never_cut_to_its_first_frame(here: Path) -> None:
    draw().save("film.gif", save_all=True, append_images=[draw(i) for i in (1, 2, 3)])
    (outcome,) = go("film.gif")
    assert ends([outcome]) == ["film.gif failed animated"] and "4 frames" in outcome.message
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

    running = cut(prepare(CutSettings(inputs=("p",))), MODEL, broken, StopFlag())
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


# Runs that are run again


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
        prepared = prepare(CutSettings(inputs=("p",), **change))
        outcomes = list(cut(prepared, model, lambda: loaded(Bright()), StopFlag()))
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


def test_every_setting_is_known_to_matter_or_not() -> None:
    """A new setting must be thought about: does it decide a result's bytes?"""
    plain = walk.settings_digest(CutSettings(inputs=("x",)))
    assert plain == walk.settings_digest(CutSettings(inputs=("y",), out="z", redo=True))
    mattering = {
        *("emit", "format", "mask_bits", "quality", "png_level", "alpha", "threshold", "levels"),
        *("min_area", "fill_holes", "grow", "shrink", "invert", "keep_colors", "bleed"),
        *("background", "crop", "margin", "on_empty", "model"),
    }
    irrelevant = {
        *("inputs", "recursive", "files_from", "null_separated", "max_pixels", "out", "name"),
        *("batch", "dry_run", "redo", "fail_fast", "report"),
    }
    assert mattering | irrelevant == set(vars(CutSettings(inputs=("x",))))


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


# Standard input and output


class Pipe(io.TextIOWrapper):
    """A standard stream that holds bytes."""

    def __init__(self, data: bytes = b"") -> None:
        self.bytes = io.BytesIO(data)
        super().__init__(self.bytes, encoding="utf-8")


def test_a_picture_goes_from_pipe_to_pipe(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw_files(here, "a.png")
    go("a.png")
    stdout = Pipe()
    monkeypatch.setattr(sys, "stdin", Pipe((here / "a.png").read_bytes()))
    monkeypatch.setattr(sys, "stdout", stdout)
    (outcome,) = go("-")
    assert (outcome.source, outcome.status, outcome.outputs) == ("-", Status.DONE, ())
    assert stdout.bytes.getvalue() == Path("a_cut.png").read_bytes()


@pytest.mark.parametrize(("data", "reason"), [(b"", "empty-file"), (b"text", "unreadable")])
def test_a_bad_pipe_is_a_failure_and_nothing_comes_out(
    here: Path, monkeypatch: pytest.MonkeyPatch, data: bytes, reason: str
) -> None:
    stdout = Pipe()
    monkeypatch.setattr(sys, "stdin", Pipe(data))
    monkeypatch.setattr(sys, "stdout", stdout)
    (outcome,) = go("-")
    assert outcome.reason == reason and outcome.message.startswith("standard input")
    assert stdout.bytes.getvalue() == b""


def test_a_picture_from_a_pipe_can_go_into_a_folder(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw_files(here, "a.png")
    for end in ("done", "failed target-exists"):
        monkeypatch.setattr(sys, "stdin", Pipe((here / "a.png").read_bytes()))
        assert ends(go("-", out="out")) == [f"- {end}"]
    assert sorted(tree(here / "out")) == ["stdin.png"]


# Plans that are no plans


def test_a_colour_that_is_none_is_refused_before_anything_is_read(here: Path) -> None:
    draw_files(here, "a.png")
    with pytest.raises(UsageError, match="not a colour"):
        go("a.png", background="blurple")


def test_preparing_writes_nothing(here: Path) -> None:
    draw_files(here, "p/a.png")
    before = sorted(here.rglob("*"))
    prepare(CutSettings(inputs=("p",)))
    assert sorted(here.rglob("*")) == before


def test_a_job_names_its_model_and_settings_in_the_journal(here: Path) -> None:
    draw_files(here, "p/a.png")
    go("p")
    (line,) = Path("p_cut/.birefcli/journal.jsonl").read_text().splitlines()
    entry = json.loads(line)
    assert entry["source"] == "../p/a.png" and entry["status"] == "done"
    assert entry["key"]["model_sha256"] == MODEL.sha256
    assert entry["targets"] == tree(here / "p_cut")
    assert entry["key"]["source_sha256"] == tree(here / "p")["a.png"]
