"""birefcli synth from the command line: files, truths, the same bytes, and honest refusals."""

import json
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes import draw
from PIL import Image
from typer.testing import CliRunner, Result

from birefcli.cli import app
from birefcli.image.pairs import pair_pictures
from birefcli.settings.synth import Suite

pytestmark = pytest.mark.usefixtures("here")


def synth(*arguments: str) -> Result:
    """Run the command in this process."""
    result = CliRunner().invoke(app, ["synth", *arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert "Traceback" not in result.output
    return result


def files(folder: str) -> dict[str, bytes]:
    """Every file below a folder, by its path there."""
    found = (path for path in Path(folder).rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def recomposed(folder: Path) -> np.ndarray[Any, Any]:
    """Lay the layers of a scene's folder back with Pillow."""
    background, *layers = sorted((folder / "layers").iterdir())
    page = Image.open(background).convert("RGBA")
    for layer in layers:
        page.alpha_composite(Image.open(layer))
    return np.array(page.convert("RGB"))


def pixel_sprites(folder: str = "art", count: int = 3) -> str:
    """Pixel art of 12 by 9, solid with a cut corner, each in colours of its own."""
    Path(folder).mkdir(exist_ok=True)
    for i in range(count):
        rgba = np.zeros((9, 12, 4), np.uint8)
        rgba[..., :3] = np.random.default_rng(i).integers(40, 250, (2, 3))[[0] * 5 + [1] * 4, None]
        rgba[2:, :, 3] = 255
        rgba[:, 3:, 3] = 255
        Image.fromarray(rgba).save(Path(folder, f"s{i}.png"))
    return folder


def smooth_sprites(folder: str = "cutouts") -> str:
    """Soft-edged disks."""
    Path(folder).mkdir(exist_ok=True)
    for i in range(2):
        y, x = np.mgrid[-40:40, -30:30]
        alpha = np.clip((28 - np.hypot(x, y)) * 60, 0, 255)
        color = np.broadcast_to(np.array([200, 90 + 100 * i, 30]), (80, 60, 3))
        Image.fromarray(np.dstack([color, alpha]).astype(np.uint8)).save(f"{folder}/d{i}.png")
    return folder


# Suites


def test_a_suite_becomes_folders_whose_layers_give_the_picture_back() -> None:
    result = synth("--suite", "texture,hard", "-o", "out", "-n", "3")
    assert result.exit_code == 0 and result.stderr.startswith("6 done in ")
    folders = [f"{suite}/00000{seed}" for suite in ("texture", "hard") for seed in range(3)]
    assert result.stdout.splitlines() == [str(Path("out", f, "input.png")) for f in folders]
    for folder in (Path("out", name) for name in folders):
        picture = np.array(Image.open(folder / "input.png"))
        truth = json.loads((folder / "truth.json").read_text())
        assert (recomposed(folder) == picture).all()
        assert truth["canvas"] == {"w": picture.shape[1], "h": picture.shape[0]}
        assert truth["suite"] == folder.parent.name and truth["seed"] == int(folder.name)
        for layer in truth["layers"]:
            alpha = np.array(Image.open(folder / layer["file"]))[..., 3]
            left, top, right, bottom = layer["box"]
            assert alpha[top:bottom, left:right].sum() == alpha.sum() > 0
            assert layer["area_px"] == (alpha > 127).sum()
        mask = np.array(Image.open(folder / "mask.png"))
        covers = [Image.open(folder / layer["file"]).getchannel(3) for layer in truth["layers"]]
        alphas = np.array([np.array(cover) / 255 for cover in covers])
        assert np.abs(mask - 255 * (1 - np.prod(1 - alphas, 0))).max() <= 0.51


def test_truth_says_who_covers_whom() -> None:
    synth("--suite", "hard", "-o", "out", "-n", "7")
    truths = [json.loads(path.read_text()) for path in sorted(Path("out").rglob("truth.json"))]
    rings, nothing = truths[0], truths[6]
    assert rings["cycles"] == [[1, 2]] and rings["uncovered"] == [1, 2]
    assert rings["layers"][2]["kind"] == "part" and rings["layers"][2]["of"] == 1
    assert nothing["layers"] == nothing["pairs"] == nothing["uncovered"] == []
    assert not np.array(Image.open("out/hard/000006/mask.png")).any()


def test_the_same_seed_gives_the_same_bytes_however_many_jobs_there_are() -> None:
    for out, jobs in (("a", "1"), ("b", "3")):
        assert synth("--suite", "pixel", "-o", out, "-n", "8", "--jobs", jobs).exit_code == 0
    assert files("a") == files("b") != {}
    synth("--suite", "pixel", "-o", "c", "-n", "2", "--seed", "3")
    assert files("c") == {
        name: data for name, data in files("a").items() if name[6:12] in ("000003", "000004")
    }


def test_all_means_every_suite() -> None:
    assert synth("--suite", "all", "-o", "out", "-n", "1", "--quiet").stderr == ""
    assert {path.name for path in Path("out").iterdir()} == {str(suite) for suite in Suite}
    wrong = synth("--suite", "cubist", "-o", "other")
    assert wrong.exit_code == 2 and "'cubist' is not one of flat, pixel" in wrong.stderr


def test_floats_of_a_truth_have_four_places() -> None:
    synth("--suite", "scene", "-o", "out", "-n", "2")
    for path in Path("out").rglob("truth.json"):
        places = [len(found) for found in re.findall(r"\d\.(\d+)", path.read_text())]
        assert len(places) > 4 and max(places) <= 4


# Sprites


def test_sprites_become_pictures_and_masks_that_eval_and_train_find() -> None:
    result = synth(pixel_sprites(), "-o", "out", "-n", "5", "--size", "96x64")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [str(Path(f"out/im/00000{i}.png")) for i in range(5)]
    found = pair_pictures(Path("out"))
    assert len(found.cases) == 5 and not found.failures
    for case in found.cases:
        assert case.picture is not None
        with Image.open(case.picture) as picture, Image.open(case.truth) as truth:
            assert picture.size == truth.size == (96, 64) and truth.mode == "L"
            assert truth.getextrema()[1] == 255
    score = CliRunner().invoke(app, ["eval", "out", "--metrics", "IoU"])
    assert score.exit_code == 0 and "5 pairs" in score.stdout


def test_layers_of_sprites_give_the_picture_back() -> None:
    assert synth(smooth_sprites(), "-o", "out", "-n", "6", "--layers").exit_code == 0
    for name in (f"{i:06}" for i in range(6)):
        folder = Path("out/layers", name)
        assert (recomposed(folder) == np.array(Image.open(f"out/im/{name}.png"))).all()
        truth = json.loads((folder / "truth.json").read_text())
        assert {layer["name"] for layer in truth["layers"]} <= {"d0", "d1"}
        assert truth["parameters"]["number"] == int(name)


def test_pixel_art_stays_on_one_grid_with_its_own_colours() -> None:
    assert (
        synth(pixel_sprites(), "-o", "out", "-n", "8", "--layers", "--size", "120").exit_code == 0
    )
    colors = set()
    for path in Path("art").iterdir():
        colors |= {bytes(color) for color in np.array(Image.open(path)).reshape(-1, 4)}
    factors = set()
    for folder in sorted(Path("out/layers").iterdir()):
        factor = json.loads((folder / "truth.json").read_text())["parameters"]["factor"]
        factors.add(factor)
        for path in sorted((folder / "layers").iterdir()):
            array = np.array(Image.open(path))
            small = array[::factor, ::factor]
            grown = np.repeat(np.repeat(small, factor, 0), factor, 1)[:120, :120]
            assert (grown == array).all()
            if path.name != "00.png":
                solid = small[small[..., 3] > 0]
                assert {bytes(color) for color in solid} <= colors
    assert max(factors) > 1


def test_grounds_lie_behind_sprites() -> None:
    Path("grounds").mkdir()
    Image.new("RGB", (50, 40), (10, 200, 30)).save("grounds/green.png")
    options = ("--grounds", "grounds", "-n", "4", "--layers")
    assert synth(smooth_sprites(), "-o", "out", *options).exit_code == 0
    for path in Path("out/layers").rglob("00.png"):
        assert {bytes(c) for c in np.array(Image.open(path)).reshape(-1, 3)} == {b"\x0a\xc8\x1e"}


def test_a_sprite_larger_than_the_canvas_is_scaled_down() -> None:
    rgba = np.zeros((200, 90, 4), np.uint8)
    rgba[10:190, 5:85] = 255
    Image.fromarray(rgba).save("tower.png")
    assert synth("tower.png", "-o", "out", "-n", "6", "--size", "48").exit_code == 0
    for path in Path("out/gt").iterdir():
        mask = np.array(Image.open(path))
        assert mask.shape == (48, 48) and 20 < (mask > 127).sum() < 48 * 48


def test_overlap_is_the_share_of_scenes_in_which_sprites_overlap() -> None:
    for share in ("0", "1"):
        options = ("-n", "16", "--layers", "--overlap", share, "--size", "160")
        assert synth(smooth_sprites(), "-o", share, *options).exit_code == 0
        truths = [json.loads(path.read_text()) for path in Path(share).rglob("truth.json")]
        several = [truth for truth in truths if len(truth["layers"]) > 1]
        assert len(several) >= 4
        assert {bool(truth["pairs"]) for truth in several} == {share == "1"}


def test_scenes_of_sprites_depend_on_seed_and_number_alone() -> None:
    pixel_sprites("both"), smooth_sprites("both")
    synth("both", "-o", "a", "-n", "6", "--jobs", "1")
    synth("both", "-o", "b", "-n", "3", "--jobs", "2")
    synth("both", "-o", "c", "-n", "3", "--seed", "1")
    first = {name: data for name, data in files("a").items() if int(Path(name).stem) < 3}
    assert files("b") == first and files("c") != first


# Refusals and accidents


def test_what_cannot_be_read_is_named_and_left_out() -> None:
    folder = pixel_sprites()
    Path(folder, "broken.png").write_bytes(b"not a picture")
    draw(0).save(Path(folder, "photo.png"))
    result = synth(folder, "-o", "out", "-n", "2")
    assert result.exit_code == 1
    photo, broken, summary = result.stderr.splitlines()
    assert photo == f"left out: 1 picture without alpha, the first {Path('art/photo.png')}"
    assert broken.startswith(f"failed: {Path('art/broken.png')}")
    assert broken.endswith("it is left out")
    assert summary.startswith("2 done, 1 failed")
    assert len(list(Path("out/im").iterdir())) == 2


def test_a_broken_ground_fails_its_scenes_only() -> None:
    Path("grounds").mkdir()
    Image.new("RGB", (50, 40), "blue").save("grounds/good.png")
    Path("grounds/bad.png").write_bytes(b"not a picture")
    result = synth(pixel_sprites(), "--grounds", "grounds", "-o", "out", "-n", "12")
    assert result.exit_code == 1
    *failures, summary = result.stderr.splitlines()
    assert 0 < len(failures) < 12
    for line in failures:
        assert re.match(r"failed: scene 0000\d\d: grounds.bad\.png cannot be read", line)
    done = {path.name for path in Path("out/im").iterdir()}
    assert len(done) == 12 - len(failures) and summary.startswith(f"{len(done)} done, ")
    assert {path.name for path in Path("out/gt").iterdir()} == done


def test_json_tells_how_every_scene_ended() -> None:
    result = synth("--suite", "pixel", "-o", "out", "-n", "2", "--json")
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line["source"] for line in lines] == ["pixel/000000", "pixel/000001"]
    assert {line["status"] for line in lines} == {"done"}
    with Image.open("out/pixel/000000/input.png") as picture:
        assert lines[0]["size"] == [picture.height, picture.width]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ((), 2, "give sprites (pictures or folders with alpha), or a --suite"),
        (("art", "--suite", "flat"), 2, "give sprites (pictures or folders with alpha), or"),
        (("--suite", "flat", "--grounds", "art"), 2, "--grounds lie behind sprites"),
        (("--suite", "flat", "--layers"), 2, "a --suite always writes its layers"),
        (("art", "--size", "big"), 2, "'big' is not like 640x480 or 512"),
        (("art", "--size", "8"), 2, "--size needs at least 16 pixels a side"),
        (("gone",), 3, "there is no gone; check the path"),
        (("photos",), 3, "none of its 1 pictures can be read and has transparent and solid"),
        (("empty",), 3, "no sprite in empty"),
        (("art", "--grounds", "empty"), 3, "no picture in empty"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_written(
    arguments: tuple[str, ...], code: int, words: str
) -> None:
    pixel_sprites()
    Path("photos").mkdir()
    draw(0).save("photos/a.png")
    Path("empty").mkdir()
    result = synth(*arguments, "-o", "out")
    assert result.exit_code == code and words in " ".join(result.stderr.split())
    assert not Path("out").exists()


def test_a_folder_that_holds_something_needs_redo() -> None:
    art = pixel_sprites()
    assert synth(art, "-o", "out", "-n", "3", "--layers", "--size", "64").exit_code == 0
    before = files("out")
    Path("out/notes.txt").write_text("mine")
    Path("out/layers/000001/layers/09.png").write_bytes(b"of an earlier scene")
    refused = synth(art, "-o", "out", "-n", "3")
    assert refused.exit_code == 2 and "out is not empty" in refused.stderr
    again = synth(art, "-o", "out", "-n", "3", "--layers", "--size", "64", "--redo")
    assert again.exit_code == 0
    assert files("out") == before | {"notes.txt": b"mine"}
    Path("file").write_text("")
    assert "file is a file" in synth(art, "-o", "file").stderr


def test_own_scenes_are_no_sprites() -> None:
    art = pixel_sprites()
    synth(art, "-o", "art/out", "-n", "2", "--layers", "--size", "64")
    before = files("art/out")
    synth(art, "-o", "art/out", "-n", "2", "--layers", "--size", "64", "--redo")
    assert files("art/out") == before


def test_nothing_is_written_through_a_link_out_of_the_folder() -> None:
    Path("elsewhere").mkdir()
    Path("out").mkdir()
    Path("out/pixel").symlink_to(Path("elsewhere").resolve())
    result = synth("--suite", "pixel", "-o", "out", "-n", "1", "--redo")
    assert result.exit_code == 1 and "lies outside out" in result.stderr
    assert list(Path("elsewhere").iterdir()) == []


def test_ctrl_c_finishes_the_scenes_in_flight_and_leaves_whole_ones() -> None:
    program = (sys.executable, "-m", "birefcli", "synth", "--suite", "hard", "-n", "2000")
    process = subprocess.Popen(
        (*program, "-o", "out", "--jobs", "2"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,  # else lines that wait in the buffer would be lost to communicate
    )
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(3)]
    process.send_signal(signal.SIGINT)
    rest, words = process.communicate()
    assert process.returncode == 130
    said = words.decode().splitlines()
    assert said[0] == "stopping: finishing the scenes in flight (again to stop at once)"
    told = [Path(line.decode().strip()) for line in (*lines, *rest.splitlines())]
    assert said[-1].startswith(f"{len(told)} done, {2000 - len(told)} not reached in ")
    assert {path.parent for path in told} == set(Path("out/hard").iterdir())
    for path in told:
        truth = json.loads((path.parent / "truth.json").read_text())
        assert (recomposed(path.parent) == np.array(Image.open(path))).all()
        assert len(list((path.parent / "layers").iterdir())) == len(truth["layers"]) + 1
    assert not list(Path("out").rglob("*.tmp"))
