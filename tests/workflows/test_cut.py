"""What a cut gives: products, formats, colours, and what it takes from and gives to pipes."""

import io
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cuts import ends, go, pixels, tree
from fakes import (
    MODEL,
    Bright,
    draw,
    draw_files,
)
from PIL import Image, ImageCms

from birefcli.batch.report import Status
from birefcli.errors import UsageError
from birefcli.image.files import read_picture
from birefcli.matte.cutout import cut_image
from birefcli.settings.cut import CutSettings
from birefcli.settings.cutout import Format, Product
from birefcli.workflows.cut import prepare_cut


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BIREFCLI_DEBUG", raising=False)
    return tmp_path


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
    assert cutout.mode == {"jpg": "RGB", "gif": "P"}.get(format, "RGBA")
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
    assert (seen[0][:, :20] == seen[0][0, 0]).all() and (seen[0][:, 20:] == 255).all()
    assert seen[0][0, 0].min() < 150
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
    prepare_cut(CutSettings(inputs=("p",)))
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


# What the picture itself gives away


def test_the_report_names_what_decided_and_the_ground(here: Path) -> None:
    rgb = np.full((40, 60, 3), (255, 0, 255), np.uint8)
    rgb[10:30, 20:40] = (20, 90, 30)
    Image.fromarray(rgb).save("a.png")
    (keyed,) = go("a.png")
    line = json.loads(keyed.to_json(None, None))
    assert line["decided_by"] == "ground" and line["ground"] == "plain #ff00ff"
    assert line["ground_confidence"] == 1 and line["offset"] == [0, 0]
    (asked,) = go("a.png", out="b.png", key="off")
    line = json.loads(asked.to_json(None, None))
    assert line["decided_by"] == "network" and line["ground"] is None
    (warned,) = go("a.png", out="c.png", key="checker")
    assert warned.status == Status.DONE and warned.reason == "no-checkerboard"
    assert "a.png: no checkerboard found" in warned.message


def test_a_key_that_is_none_is_refused_before_anything_is_read(here: Path) -> None:
    draw_files(here, "a.png")
    with pytest.raises(UsageError, match="--key takes"):
        go("a.png", key="blurple")


def test_cutting_a_result_again_changes_nothing(here: Path) -> None:
    draw(0, (90, 120)).save("a.png")
    go("a.png", out="once.png")
    go("once.png", out="twice.png")
    assert (pixels("once.png") == pixels("twice.png")).all()
