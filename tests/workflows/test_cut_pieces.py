"""A sheet split into its things or cells, and frames or things packed onto one sheet."""

import json
from pathlib import Path
from typing import Any

import cuts
import numpy as np
import pytest
from cuts import ends, pixels, tree
from PIL import Image
from running import cut

from birefcli.batch.report import Outcome
from birefcli.errors import ExitCode, UsageError
from birefcli.settings.cut import OnEmpty
from birefcli.settings.cutout import AlphaMode, Format, PackForm, Product

BRIGHT = (250, 240, 200)
# Three things in reading order; the second has a fragment of its own.
THINGS = ((4, 4, 24, 28), (60, 6, 84, 26), (10, 60, 30, 80))
FRAGMENT = (88, 10, 91, 13)
BOXES = ((4, 4, 24, 28), (60, 6, 91, 26), (10, 60, 30, 80))
TIMES = (60, 80, 200)


@pytest.fixture(autouse=True)
def away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BIREFCLI_DEBUG", raising=False)
    return tmp_path


def go(*inputs: str, **settings: Any) -> list[Outcome]:
    return cuts.go(*inputs, **{"alpha": AlphaMode.SOFT, **settings})


def sheet(path: str = "s.png", things: tuple[Any, ...] = (*THINGS, FRAGMENT)) -> str:
    image = Image.new("RGB", (128, 96), (10, 20, 30))
    for box in things:
        image.paste(BRIGHT, box)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    image.save(path)
    return path


def film(path: str = "walk.gif") -> str:
    pictures = []
    for i in range(len(TIMES)):
        image = Image.new("RGB", (48, 32), (10, 20, 30))
        image.paste(BRIGHT, (6 + 7 * i, 8, 14 + 7 * i, 24))
        pictures.append(image)
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=TIMES, loop=0)
    return path


def told(path: str) -> dict[str, Any]:
    return dict(json.loads(Path(path).read_text()))


def rectangle(piece: dict[str, Any]) -> tuple[int, int, int, int]:
    r = piece["rectangle"]
    return r["x"], r["y"], r["x"] + r["w"], r["y"] + r["h"]


# ---- split -----------------------------------------------------------------------------------


def test_every_thing_is_a_file_with_its_place_in_a_json() -> None:
    go(sheet(), out="whole.png")
    whole = pixels("whole.png")
    (outcome,) = go("s.png", out="out", split=True)
    names = ["s_01.png", "s_02.png", "s_03.png", "s.json"]
    assert [path.as_posix() for path in outcome.outputs] == [f"out/s/{name}" for name in names]
    about = told("out/s/s.json")
    assert about["source"] == "s.png" and about["size"] == {"w": 128, "h": 96}
    assert [piece["file"] for piece in about["pieces"]] == names[:3]
    for piece, box in zip(about["pieces"], BOXES, strict=True):
        assert rectangle(piece) == box
        assert piece["pivot"] == {"x": (box[2] - box[0]) / 2, "y": box[3] - box[1]}
        left, top, right, bottom = box
        assert (pixels(f"out/s/{piece['file']}") == whole[top:bottom, left:right]).all()


def test_a_piece_shows_nothing_of_its_neighbours() -> None:
    # An L around a small square.
    sheet(things=((4, 4, 8, 60), (4, 52, 60, 60), (24, 10, 54, 40)))
    go("s.png", out="out", split=True)
    for piece in told("out/s/s.json")["pieces"]:
        alpha = pixels(f"out/s/{piece['file']}")[..., 3]
        is_corner = rectangle(piece)[0] == 4
        assert (alpha == 255).sum() == (4 * 56 + 52 * 8 if is_corner else 900)


def test_crop_and_margin_leave_room_around_each_piece() -> None:
    go(sheet(), out="out", split=True, crop=True, margin=6)
    boxes = [rectangle(piece) for piece in told("out/s/s.json")["pieces"]]
    assert boxes[0] == (0, 0, 30, 34) and boxes[1] == (54, 0, 97, 32)
    # A neighbour within the margin stays out of the piece.
    assert (pixels("out/s/s_01.png")[..., 3] > 0).sum() == 20 * 24


def test_masks_are_split_and_previews_are_not() -> None:
    sheet("p/s.png")
    (outcome,) = go("p", split=True, emit=tuple(Product), format=Format.WEBP)
    assert sorted(tree(Path("p_cut"))) == [
        *("s/s.json", "s/s_01.webp", "s/s_01_mask.webp", "s/s_02.webp", "s/s_02_mask.webp"),
        *("s/s_03.webp", "s/s_03_mask.webp", "s_preview.webp"),
    ]
    assert told("p_cut/s/s.json")["pieces"][1]["mask"] == "s_02_mask.webp"
    with Image.open("p_cut/s/s_02_mask.webp") as mask, Image.open("p_cut/s/s_02.webp") as piece:
        assert (np.asarray(mask.convert("L")) == np.asarray(piece)[..., 3]).all()
    assert len(outcome.outputs) == 8
    go("p/s.png", out="m", split=True, emit=(Product.MASK,), mask_bits=16)
    with Image.open("m/s/s_01_mask.png") as deep:
        assert deep.mode == "I;16" and "file" not in told("m/s/s.json")["pieces"][0]


@pytest.mark.parametrize("spec", ["4x3", "32x32", "32x32px"])
def test_cells_keep_their_size_and_number(spec: str) -> None:
    go(sheet(), out="out", split=True, sheet=spec)
    about = told("out/s/s.json")
    assert [piece["file"] for piece in about["pieces"]] == [
        *("s_01.png", "s_02.png", "s_03.png", "s_05.png", "s_09.png")
    ]
    assert {pixels(f"out/s/{p['file']}").shape for p in about["pieces"]} == {(32, 32, 4)}
    # All cells stand on one point.
    assert len({tuple(piece["pivot"].values()) for piece in about["pieces"]}) == 1


def test_cells_are_found_and_can_be_cropped() -> None:
    sheet(
        things=tuple((x + 8, y + 4, x + 20, y + 28) for y in (0, 32, 64) for x in (0, 32, 64, 96))
    )
    go("s.png", out="out", split=True, sheet="auto")
    assert len(told("out/s/s.json")["pieces"]) == 12
    assert rectangle(told("out/s/s.json")["pieces"][5]) == (32, 32, 64, 64)
    go("s.png", out="out", split=True, sheet="auto", crop=True, margin=1)
    piece = told("out/s/s.json")["pieces"][5]
    assert rectangle(piece) == (39, 35, 53, 61) and piece["pivot"] == {"x": 7, "y": 25}


def test_a_sheet_that_does_not_fit_fails_its_picture_alone() -> None:
    sheet("p/s.png")
    Image.new("RGB", (8, 8), BRIGHT).save("p/tiny.png")
    outcomes = go("p", split=True, sheet="10x10", on_empty=OnEmpty.SKIP, key="off")
    assert ends(outcomes) == ["p/s.png done", "p/tiny.png failed sheet"]
    with pytest.raises(UsageError, match="is no sheet"):
        go("p", split=True, sheet="many")


def test_frames_of_an_animation_are_split_too() -> None:
    go(film(), out="out", split=True, crop=True)
    pieces = told("out/walk/walk.json")["pieces"]
    assert [piece["duration"] for piece in pieces] == list(TIMES)
    assert {rectangle(piece) for piece in pieces} == {(6, 8, 28, 24)}
    for i, piece in enumerate(pieces):
        alpha = pixels(f"out/walk/{piece['file']}")[..., 3]
        assert (alpha[:, 7 * i : 7 * i + 8] == 255).all() and (alpha == 255).sum() == 128


def test_one_picture_is_split_into_a_folder_beside_it() -> None:
    (outcome,) = go(sheet("a/s.png"), split=True)
    assert outcome.outputs[0] == Path("a/s_cut/s_01.png")
    assert sorted(tree(Path("a"))) == [
        *("s.png", "s_cut/s.json", "s_cut/s_01.png", "s_cut/s_02.png", "s_cut/s_03.png")
    ]
    assert ends(go("a/s.png", split=True)) == ["a/s.png skipped up-to-date"]
    # The pieces are no pictures to cut.
    assert ends(go("a", out="b")) == ["a/s.png done"]


def test_pieces_of_two_pictures_never_meet() -> None:
    for name in ("p/s.png", "p/s.bmp", "p/s/s_01.png", "p/s_01.png"):
        sheet(name)
    outcomes = go("p", split=True)
    written = [path for outcome in outcomes for path in outcome.outputs]
    assert len({path.as_posix().casefold() for path in written}) == len(written) == 16
    # Pieces of an earlier run keep their names from others.
    go("p", out="q", split=True)
    assert ends(go("p", out="q")) == [f"{outcome.source} done" for outcome in outcomes]
    assert {path.name for path in Path("q").glob("*/s_0?.png")} >= {"s_01.png"}


def test_a_split_is_not_done_twice_and_done_again_when_a_piece_is_gone() -> None:
    sheet("p/s.png")
    go("p", split=True)
    assert ends(go("p", split=True)) == ["p/s.png skipped up-to-date"]
    Path("p_cut/s/s_02.png").unlink()
    assert ends(go("p", split=True)) == ["p/s.png done"]
    assert Path("p_cut/s/s_02.png").exists()
    assert ends(go("p", split=True, name="{stem}x")) == ["p/s.png done"]
    assert Path("p_cut/sx/sx_01.png").exists()


def test_pieces_that_are_no_more_go_and_edited_ones_stay() -> None:
    sheet("p/s.png")
    go("p", split=True)
    sheet("p/s.png", THINGS[:1])
    go("p", split=True)
    assert sorted(tree(Path("p_cut"))) == ["s/s.json", "s/s_01.png"]
    sheet("p/s.png")
    go("p", split=True)
    Path("p_cut/s/s_03.png").write_text("mine")
    Path("p_cut/s/s_04.png").write_text("mine too")
    sheet("p/s.png", THINGS[:1])
    go("p", split=True)
    assert sorted(tree(Path("p_cut"))) == ["s/s.json", "s/s_01.png", "s/s_03.png", "s/s_04.png"]


def test_where_nothing_is_written_nothing_is_removed() -> None:
    sheet("p/s.png")
    go("p", split=True)
    before = tree(Path("p_cut"))
    sheet("p/s.png", ())
    assert ends(go("p", split=True, on_empty=OnEmpty.SKIP)) == ["p/s.png empty nothing-found"]
    assert tree(Path("p_cut")) == before


def test_what_lies_where_a_piece_would_is_never_replaced() -> None:
    sheet("p/s.png")
    Path("p_cut/s").mkdir(parents=True)
    Path("p_cut/s/s_02.png").write_text("mine")
    assert ends(go("p", split=True)) == ["p/s.png failed target-exists"]
    assert sorted(tree(Path("p_cut"))) == ["s/s_02.png"]
    assert ends(go("p", split=True, redo=True)) == ["p/s.png done"]


def test_nothing_found_is_a_list_of_nothing() -> None:
    sheet("s.png", ())
    (outcome,) = go("s.png", out="out", split=True)
    assert ends([outcome]) == ["s.png empty nothing-found"]
    assert told("out/s/s.json")["pieces"] == []
    go("s.png", out="none", split=True, on_empty=OnEmpty.SKIP)
    assert tree(Path("none")) == {}


# ---- pack ------------------------------------------------------------------------------------


def restored(path: str) -> list[tuple[str, np.ndarray, dict[str, Any]]]:
    """Every frame of a sheet at its own size, by what its JSON says."""
    about = told(str(Path(path).with_suffix(".json")))
    picture = pixels(Path(path).with_name(about["meta"]["image"]))
    found = about["frames"]
    rows = found.items() if isinstance(found, dict) else [(f["filename"], f) for f in found]
    frames = []
    for name, fact in rows:
        frame, place, size = fact["frame"], fact["spriteSourceSize"], fact["sourceSize"]
        whole = np.zeros((size["h"], size["w"], 4), np.uint8)
        part = picture[frame["y"] : frame["y"] + frame["h"], frame["x"] : frame["x"] + frame["w"]]
        whole[place["y"] : place["y"] + place["h"], place["x"] : place["x"] + place["w"]] = part
        frames.append((name, whole, fact))
    return frames


@pytest.mark.parametrize("form", list(PackForm))
def test_frames_of_an_animation_lie_on_one_sheet(form: PackForm) -> None:
    go(film(), out="frames", split=True)
    (outcome,) = go("walk.gif", out="out", pack=form)
    assert [path.as_posix() for path in outcome.outputs] == ["out/walk.png", "out/walk.json"]
    assert outcome.frames == 3
    frames = restored("out/walk.png")
    assert [name for name, _, _ in frames] == ["walk_01.png", "walk_02.png", "walk_03.png"]
    assert [fact["duration"] for _, _, fact in frames] == list(TIMES)
    for name, frame, fact in frames:
        assert (frame == pixels(f"frames/walk/{name}")).all() and fact["trimmed"]
    # All three look the same once trimmed, and share a place.
    assert len({tuple(fact["frame"].values()) for _, _, fact in frames}) == 1
    about = told("out/walk.json")
    assert isinstance(about["frames"], dict) == form.endswith("hash")
    if form.startswith("aseprite"):
        assert about["meta"]["frameTags"][0]["name"] == "walk"
        assert about["meta"]["slices"][0]["keys"][0]["pivot"] == {"x": 17, "y": 24}
    else:
        assert about["animations"] == {"walk": [name for name, _, _ in frames]}


def test_things_of_a_split_lie_on_one_sheet() -> None:
    go(sheet(), out="things", split=True)
    go("s.png", out="packed.png", split=True, pack=PackForm.TEXTUREPACKER_HASH)
    frames = restored("packed.png")
    assert len(frames) == 3 and not Path("packed").exists()
    for i, (name, frame, fact) in enumerate(frames, 1):
        assert name == f"packed_{i:02}.png" and fact["pivot"] == {"x": 0.5, "y": 1.0}
        assert (frame == pixels(f"things/s/s_{i:02}.png")).all()


def test_padding_extrude_and_powers_of_two_reach_the_sheet() -> None:
    sheet()
    sizes = []
    for options in ({}, {"padding": 9}, {"extrude": 3}, {"pot": True}):
        go("s.png", out="k.png", split=True, pack=PackForm.ASEPRITE_HASH, redo=True, **options)
        picture = pixels("k.png")
        sizes.append(picture.shape[:2])
        frame = told("k.json")["frames"]["k_01.png"]["frame"]
        above = picture[frame["y"] - 1, frame["x"]]
        assert above[3] == (255 if "extrude" in options else 0)
    assert sizes[1] > sizes[0] and sizes[2] > sizes[0]
    assert all(side & (side - 1) == 0 for side in sizes[3])


def test_a_still_is_packed_alone_and_masks_are_as_ever() -> None:
    sheet("p/s.png")
    go("p", pack=PackForm.ASEPRITE_HASH, emit=(Product.CUTOUT, Product.MASK))
    assert sorted(tree(Path("p_cut"))) == ["s.json", "s.png", "s_mask.png"]
    assert len(restored("p_cut/s.png")) == 1 and pixels("p_cut/s_mask.png").shape == (96, 128)
    assert ends(go("p", pack=PackForm.ASEPRITE_HASH, emit=(Product.CUTOUT, Product.MASK))) == [
        "p/s.png skipped up-to-date"
    ]


def test_a_json_that_is_not_ours_is_never_replaced() -> None:
    sheet("p/s.png")
    Path("p_cut").mkdir()
    Path("p_cut/s.json").write_text("mine")
    assert ends(go("p", pack=PackForm.ASEPRITE_HASH)) == ["p/s.png failed target-exists"]
    assert Path("p_cut/s.json").read_text() == "mine"
    assert not Path("p_cut/s.png").exists()


def test_a_sheet_of_nothing_says_so() -> None:
    sheet("s.png", ())
    go("s.png", out="k.png", split=True, pack=PackForm.ASEPRITE_ARRAY)
    ((name, frame, _),) = restored("k.png")
    assert name == "k.png" and not frame.any()


# ---- as typed --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        ("--sheet", "4x4"),
        ("--split", "--sheet", "0x4"),
        ("--split", "--emit", "preview"),
        ("--split", "-o", "x.png"),
        ("--split", "-o", "-"),
        ("--pack", "aseprite-hash", "-o", "-"),
        ("--pack", "aseprite-hash", "-o", "x.webp"),
        ("--pack", "aseprite-hash", "--format", "webp"),
        ("--pack", "aseprite-hash", "--emit", "mask"),
        ("--pack", "aseprite-hash", "-o", "x.png", "--report", "x.json"),
        ("--pack", "spine"),
        ("--padding", "3"),
        ("--extrude", "1"),
        ("--split", "--emit", "mask", "--mask-bits", "16", "--name", "{stem}.webp", "-o", "o"),
    ],
)
def test_what_makes_no_sense_is_refused(here: Path, arguments: tuple[str, ...]) -> None:
    before = Path(sheet()).read_bytes()
    result = cut("s.png", *arguments)
    assert result.exit_code == ExitCode.USAGE, result.stderr
    assert result.stdout == "" and result.stderr.strip()
    assert Path("s.png").read_bytes() == before and list(here.glob("x*")) == []


def test_the_command_splits_and_packs(here: Path) -> None:
    sheet()
    line = ("s.png", "--alpha", "hard", "--split")
    result = cut(*line, "-o", "out")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines()[-1] == "out/s/s.json"
    packing = ("--pack", "texturepacker-array", "--padding", "1", "--extrude", "2", "--pot")
    result = cut(*line, "--sheet", "2x2", *packing, "-o", "k.png")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines() == ["k.png", "k.json"] and restored("k.png")
    assert cut(*line, "-o", "out", "--dry-run").stdout == "s.png -> out/s/s.json\n"
