"""birefcli eval from the command line: what is paired, scored, said, written and returned."""

import csv
import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from fakes import Failing, draw, draw_files, loaded, not_a_number, nothing
from PIL import Image
from typer.testing import CliRunner, Result

import birefcli
from birefcli.cli import app
from birefcli.image.types import Matte, Rgb
from birefcli.metrics import tally
from birefcli.net.checkpoint import load_network
from birefcli.settings.evaluate import SEGMENTATION, Metric
from birefcli.workflows import evaluate as walk

ROOT = Path(birefcli.__file__).parents[1]
PROGRAM = (sys.executable, "-m", "birefcli", "eval")
pytestmark = pytest.mark.usefixtures("here")


def evaluate(*arguments: str) -> Result:
    """Run the command in this process."""
    result = CliRunner().invoke(app, ["eval", *arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert "Traceback" not in result.output
    return result


def scores(result: Result) -> dict[str, list[str]]:
    """The table that a pipe gets: cells by metric."""
    comment, _, *lines = result.stdout.splitlines()
    assert comment.startswith("# ")
    return {name: cells for name, *cells in (line.split("\t") for line in lines)}


def disk(path: Path, shift: int = 0, size: tuple[int, int] = (40, 30)) -> Path:
    """The true matte of a drawn disk, moved to the right."""
    grey = np.array(draw(0, size).convert("L")) > 128
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.roll(grey, shift, 1).astype(np.uint8) * 255).save(path)
    return path


def two_folders() -> tuple[str, str]:
    """Predictions, the second a little off, and their truths."""
    for i, name in enumerate(("a", "sub/b")):
        disk(Path("gt", f"{name}.png"))
        disk(Path("pred", f"{name}.png"), shift=2 * i)
    return "pred", "gt"


def data(folder: str = "data") -> str:
    """Pictures in im/ and truths in gt/."""
    for name in ("a", "sub/b"):
        draw_files(Path(folder), f"im/{name}.jpg")
        disk(Path(folder, "gt", f"{name}.png"))
    return folder


# Predictions and truths


def test_a_pipe_gets_a_header_and_a_line_for_every_metric() -> None:
    result = evaluate(*two_folders())
    assert result.exit_code == 0 and result.stderr == ""
    assert "default protocol" in result.stdout.splitlines()[0]
    assert "without the official min-max stretch; 2 pairs" in result.stdout.splitlines()[0]
    assert result.stdout.splitlines()[1] == "metric\tpred"
    assert list(scores(result)) == [str(metric) for metric in SEGMENTATION]
    assert scores(evaluate("gt", "gt"))["IoU"] == ["1.000"]


def test_the_official_protocol_says_so_and_stretches() -> None:
    disk(Path("gt/a.png"))
    Image.open("gt/a.png").point(lambda value: value // 4).save(disk(Path("pred/a.png")))
    plain, official = (evaluate("pred", "gt", "--protocol", p) for p in ("default", "official"))
    assert official.stdout.startswith("# official protocol: predictions stretched")
    assert "pipeline" not in official.stdout
    assert scores(official)["MAE"] == ["0.000"] != scores(plain)["MAE"]


def test_metrics_are_chosen_by_name_and_by_group() -> None:
    folders = two_folders()
    assert list(scores(evaluate(*folders, "--metrics", "mae,F"))) == [
        "MAE",
        "maxF",
        "meanF",
        "adpF",
    ]
    assert list(scores(evaluate(*folders, "--metrics", "all"))) == [str(m) for m in Metric]
    wrong = evaluate(*folders, "--metrics", "psnr")
    assert wrong.exit_code == 2 and "'psnr' is not one of S, maxF" in wrong.stderr


def test_missing_predictions_fail_and_further_ones_are_named() -> None:
    pred, gt = two_folders()
    Path(pred, "a.png").rename(Path(pred, "c.png"))
    result = evaluate(pred, gt)
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        f"failed: {Path('gt/a.png')} has no prediction {Path('pred/a')}.*",
        f"left out: {Path('pred/c.png')} has no truth",
    ]
    assert scores(result)["IoU"] == scores(evaluate("pred/sub", "gt/sub"))["IoU"]
    disk(Path(pred, "d.png"))
    assert "left out: 2 files have no truth, the first pred" in evaluate(pred, gt).stderr


def test_folders_that_share_no_name_are_said_to_in_one_sentence() -> None:
    for i in range(3):
        disk(Path(f"gt/{i}.png"))
        disk(Path(f"pred/x{i}.png"))
    result = evaluate("pred", "gt")
    assert result.exit_code == 3 and result.stdout == ""
    assert result.stderr.splitlines() == [
        f"birefcli: nothing to score: {Path('gt/0.png')} has no prediction {Path('pred/0')}.*,"
        " nor has any of the other 2 truths; a pair has one name"
    ]


def test_of_a_data_folder_the_truths_are_meant() -> None:
    pred, gt = two_folders()
    draw_files(Path("data"), "im/a.jpg", "im/sub/b.jpg")
    Path(gt).rename("data/gt")
    result = evaluate(pred, "data")
    assert result.exit_code == 0 and result.stderr == ""
    assert scores(result) == scores(evaluate(pred, "data/gt"))


def test_pictures_given_as_mattes_are_noticed_and_cutouts_are_not() -> None:
    data()
    Image.open("data/gt/a.png").convert("RGB").save("data/gt/a.png")
    result = evaluate("data/im", "data/gt")
    assert result.exit_code == 0
    assert re.fullmatch(r"read as grey: 2 files in colour, the first .*a\.jpg; .*\n", result.stderr)
    # A cutout of which everything was kept: its alpha is the matte, and not its colours.
    whole = draw(0).convert("RGBA")
    Path("cutouts").mkdir()
    whole.save("cutouts/a.png")
    Path("truth").mkdir()
    Image.new("L", whole.size, 255).save("truth/a.png")
    kept = evaluate("cutouts", "truth")
    assert scores(kept)["IoU"] == ["1.000"] and "in colour" not in kept.stderr


def test_corrupt_files_fail_once_and_the_rest_is_scored() -> None:
    pred, gt = two_folders()
    Path(pred, "a.png").write_bytes(b"")
    result = evaluate(pred, gt)
    assert result.exit_code == 1
    assert result.stderr == f"failed: {Path('pred/a.png')} is empty (0 bytes); copy it again\n"
    assert float(scores(result)["IoU"][0]) > 0.5
    Path(pred, "sub/b.png").write_bytes(b"not a picture")
    nothing_left = evaluate(pred, gt)
    assert nothing_left.exit_code == 1 and set(scores(nothing_left)["IoU"]) == {"-"}


def test_predictions_of_another_size_are_resized_and_one_sentence_says_so() -> None:
    for name in ("a", "b"):
        disk(Path(f"gt/{name}.png"))
        Image.open(f"gt/{name}.png").resize((20, 15)).save(disk(Path(f"pred/{name}.png")))
    result = evaluate("pred", "gt")
    assert result.exit_code == 0
    assert result.stderr == "resized to the truth's size: 2 predictions, the first a\n"
    assert float(scores(result)["IoU"][0]) > 0.9


def test_two_files_of_one_name_are_no_pair() -> None:
    disk(Path("gt/a.png"))
    disk(Path("pred/a.png"))
    disk(Path("pred/a.webp"))
    result = evaluate("pred", "gt")
    assert result.exit_code == 1
    assert result.stderr == "failed: pred has several files of one name: a.png, a.webp; keep one\n"


def test_masks_of_cut_and_cutouts_are_predictions() -> None:
    disk(Path("gt/a.png"))
    disk(Path("masks/a_mask.png"))
    with Image.open("gt/a.png") as truth:
        cutout = Image.new("RGBA", truth.size, (90, 200, 90))
        cutout.putalpha(truth)
    Path("cutouts").mkdir()
    cutout.save("cutouts/a.png")
    for folder in ("masks", "cutouts"):
        result = evaluate(folder, "gt")
        assert result.exit_code == 0 and scores(result)["IoU"] == ["1.000"]


def test_scores_without_a_value_are_counted() -> None:
    disk(Path("gt/a.png"))
    Image.new("L", (9, 9)).save("gt/b.png")
    result = evaluate("gt", "gt", "--metrics", "mBA")
    assert scores(result) == {"mBA": ["1.000"]}
    assert result.stderr == "mBA has no value for 1 pair of gt; its mean is that of the others\n"
    official = evaluate("gt", "gt", "--metrics", "mBA", "--protocol", "official")
    assert scores(official) == {"mBA": ["-"]}
    assert official.stderr.endswith("; officially the mean has none either\n")


@pytest.mark.parametrize("kind", ["gone", "file", "empty", "part", "three"])
def test_what_cannot_be_scored_ends_in_one_sentence(kind: str) -> None:
    disk(Path("gt/a.png"))
    Path("bare").mkdir()
    data()
    arguments, code, words = {
        "gone": (("gone", "gt"), 3, "there is no folder gone; check the path"),
        "file": (("gt/a.png", "gt"), 3, "a.png is a file; give the folder it lies in"),
        "empty": (("bare",), 3, "no truth found in bare"),
        "part": (("data/im",), 3, "no truth found in data/im; give the folder above, data"),
        "three": (("gt", "gt", "gt"), 2, "give PRED_DIR GT_DIR"),
    }[kind]
    result = evaluate(*arguments)
    assert result.exit_code == code and result.stdout == ""
    assert words in result.stderr and len(result.stderr.splitlines()) == 1


# Thresholds


def test_a_bar_is_missed_below_and_for_errors_above() -> None:
    folders = two_folders()
    fine = evaluate(*folders, "--fail-below", "S=0.5,MAE=0.5", "--fail-below", "iou=0.5")
    assert fine.exit_code == 0 and fine.stderr == ""
    low = evaluate(*folders, "--fail-below", "S=0.99")
    assert low.exit_code == 1
    assert re.fullmatch(r"pred: S is 0\.\d+, below 0\.99\n", low.stderr)
    high = evaluate(*folders, "--metrics", "S", "--fail-below", "MAE=0.001")
    assert high.exit_code == 1
    assert re.fullmatch(r"pred: MAE is 0\.\d+, above 0\.001\n", high.stderr)
    assert list(scores(high)) == ["S", "MAE"]


def test_a_bar_without_a_value_is_missed_and_nonsense_is_usage() -> None:
    Path("gt").mkdir()
    Image.new("L", (9, 9)).save("gt/b.png")
    result = evaluate("gt", "gt", "--fail-below", "mBA=0.1", "--quiet")
    assert result.exit_code == 1 and result.stderr == "gt: mBA has no value\n"
    for word in ("S", "S=x", "x=1"):
        assert evaluate("gt", "gt", "--fail-below", word).exit_code == 2


def test_without_the_extra_two_metrics_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tally, "find_spec", lambda name: None)
    folders = two_folders()
    result = evaluate(*folders)
    assert result.exit_code == 0
    assert result.stderr.startswith("left out: wF and HCE need SciPy and scikit-image")
    assert len(result.stderr.splitlines()) == 1
    assert {"wF", "HCE"}.isdisjoint(scores(result))
    assert evaluate(*folders, "--fail-below", "wF=0.1").exit_code == 5
    assert evaluate(*folders, "--metrics", "HCE").exit_code == 5


# Models


def test_a_model_scores_as_what_cut_writes(tiny: Path) -> None:
    data()
    result = evaluate("data", "--metrics", "S,maxF,MAE,IoU", "--json")
    assert result.exit_code == 0
    (found,) = json.loads(result.stdout)["results"]
    assert found["name"] == str(tiny) and found["scored"] == 2
    assert found["scores"]["IoU"] > 0.5 and len(found["model"]["sha256"]) == 64
    cut = ["cut", "data/im", "-o", "out", "--emit", "mask", "--alpha", "soft", "--levels", "0,1"]
    assert CliRunner().invoke(app, cut).exit_code == 0
    (written,) = json.loads(
        evaluate("out", "data/gt", "--metrics", "S,maxF,MAE,IoU", "--json").stdout
    )["results"]
    assert written["scores"] == found["scores"]


def between(samples: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Read the first axis between its samples."""
    lines = samples.reshape(len(samples), -1).T
    read = [np.interp(positions, np.arange(len(samples)), line) for line in lines]
    return np.array(read).T.reshape(len(positions), *samples.shape[1:])


def without_antialias(array: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize bilinearly, looking at two pixels only, their centres half a pixel in."""
    for length in size:
        positions = (np.arange(length) + 0.5) * len(array) / length - 0.5
        array = np.swapaxes(between(array, positions), 0, 1)
    return array


def with_aligned_corners(array: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize bilinearly so that the corners stay where they are."""
    for length in size:
        positions = np.linspace(0, len(array) - 1, length)
        array = np.swapaxes(between(array, positions), 0, 1)
    return array


def official_error(model: Path, picture: Path, truth: Path) -> float:
    """The benchmark's MAE of one picture, written out."""
    import torch

    found = load_network(model, name="tiny")
    config = found.config
    rgb = np.array(Image.open(picture).convert("RGB"))
    small = np.rint(without_antialias(rgb, config.size)) / 255
    normalised = (small - config.mean) / config.std
    with torch.inference_mode():
        batch = torch.from_numpy(normalised.transpose(2, 0, 1)[None]).float()
        logits = found.network(batch).logits[0, 0].numpy()
    matte = with_aligned_corners(1 / (1 + np.exp(-logits)), rgb.shape[:2])
    levels = np.floor(matte * 255)
    levels = (levels - levels.min()) / (levels.max() - levels.min())
    return float(np.abs(levels - (np.array(Image.open(truth)) > 128)).mean())


def test_officially_a_model_runs_as_in_the_benchmark(tiny: Path) -> None:
    for i, name in enumerate("ab"):
        # Thin stripes tell a resize with antialiasing from one without.
        picture = np.array(draw(i, (200, 90)))
        picture[:, : 90 + i : 2] = 255
        Path("data/im").mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(f"data/im/{name}.png")
        disk(Path(f"data/gt/{name}.png"), size=(200, 90))
    wanted = [
        official_error(tiny, Path(f"data/im/{n}.png"), Path(f"data/gt/{n}.png")) for n in "ab"
    ]
    official, plain = (
        json.loads(evaluate("data", "--metrics", "MAE", "--json", "--protocol", p).stdout)
        for p in ("official", "default")
    )
    assert official["pipeline"] == "benchmark" and plain["pipeline"] == "cut"
    found, other = (report["results"][0]["scores"]["MAE"] for report in (official, plain))
    assert found == pytest.approx(np.mean(wanted), abs=3e-4)
    assert abs(found - other) > 1e-2
    header = evaluate("data", "--protocol", "official").stdout.splitlines()[0]
    assert "models in the benchmark pipeline" in header


@pytest.mark.parametrize("layout", ["im", "images", "mask", "alpha"])
def test_pictures_and_truths_are_found_by_their_layout(layout: str) -> None:
    pictures, truths, ending = {
        "im": ("im", "gt", ""),
        "images": ("images", "masks", ""),
        "mask": ("", "", "_mask"),
        "alpha": ("", "", "_alpha"),
    }[layout]
    draw_files(Path("data", pictures), "a.jpg", "alone.jpg")
    disk(Path("data", truths, f"a{ending}.png"), shift=10)
    disk(Path("data", truths, f"lost{ending}.png"))
    result = evaluate("data", "--metrics", "IoU", "--json")
    report = json.loads(result.stdout)
    assert result.exit_code == 1
    assert report["pairs"] == 1 and report["results"][0]["scored"] == 1
    # The truth is the moved disk, not the picture itself.
    assert 0.1 < report["results"][0]["scores"]["IoU"] < 0.9
    assert [failure["source"] for failure in report["failures"]] == ["lost"]
    assert [Path(path).name for path in report["left_out"]] == ["alone.jpg"]


def test_a_picture_may_be_called_a_mask() -> None:
    draw_files(Path("data/im"), "iron_mask.jpg")
    disk(Path("data/gt/iron_mask.png"))
    result = evaluate("data")
    assert result.exit_code == 0 and scores(result)["IoU"] == ["1.000"]


def test_models_stand_side_by_side_with_their_difference(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data()
    Path("other.safetensors").write_bytes(tiny.read_bytes())
    load = walk.load_segmenter

    def or_nothing(settings, model, say, protocol):
        if model.name.startswith("other"):
            return loaded(nothing)
        return load(settings, model, say, protocol)

    monkeypatch.setattr(walk, "load_segmenter", or_nothing)
    models = ("--model", str(tiny), "--model", "other.safetensors", "-m", str(tiny))
    result = evaluate("data", *models, "--metrics", "IoU", "--quiet")
    assert result.exit_code == 0 and result.stderr == ""
    assert result.stdout.splitlines()[1].split("\t") == [
        *("metric", str(tiny), "other.safetensors", str(tiny)),
        *(f"{name} - {tiny} (95 %)" for name in ("other.safetensors", tiny)),
    ]
    good, bad, again, worse, same = scores(result)["IoU"]
    assert good == again and bad == "0.000"
    assert (good, worse) == ("1.000", "-1.000 [-1.000, -1.000]")
    assert same == "+0.000 [+0.000, +0.000]"
    assert evaluate("data", *models, "--fail-below", "IoU=0.1").exit_code == 1


def test_a_picture_that_cannot_be_read_is_named_once_for_all_models(tiny: Path) -> None:
    data()
    Path("data/im/a.jpg").write_bytes(b"")
    result = evaluate("data", "-m", str(tiny), "-m", str(tiny), "--quiet")
    assert result.exit_code == 1
    assert result.stderr.count("a.jpg is empty") == 1 == len(result.stderr.splitlines())


def test_what_a_model_cannot_do_fails_one_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    for segment, words in (
        (not_a_number, "the model gave NaN; try --precision fp32"),
        (Failing(), "RuntimeError: the network fell over"),
    ):
        monkeypatch.setattr(walk, "load_segmenter", lambda *_, s=segment: loaded(s, 2))
        result = evaluate(data())
        assert result.exit_code == 1
        assert result.stderr.splitlines() == [f"failed: {n}: {words}" for n in ("a", "sub/b")]


def test_ctrl_c_ends_without_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(images: Sequence[Rgb]) -> list[Matte]:
        signal.raise_signal(signal.SIGINT)
        return nothing(images)

    loads = iter([loaded(interrupted)])
    monkeypatch.setattr(walk, "load_segmenter", lambda *_: next(loads))
    result = evaluate(data(), "-m", "compact", "-m", "compact")
    assert result.exit_code == 130 and result.stdout == ""
    assert result.stderr.splitlines() == [
        "stopping: finishing the pictures in flight (again to stop at once)",
        "stopped before the end: no scores",
    ]


def test_models_and_two_folders_do_not_go_together(tiny: Path) -> None:
    result = evaluate(*two_folders(), "--model", str(tiny))
    assert result.exit_code == 2 and "--model wants one folder" in result.stderr
    wrong = evaluate(data(), "--model", str(tiny), "--model", "no-such-model")
    # No model has run by then.
    assert wrong.exit_code == 4 and len(wrong.stderr.splitlines()) == 1


# Files


@pytest.mark.parametrize("metrics", ["IoU,MAE", "MAE,IoU"])
def test_csv_holds_every_picture_and_the_gallery_the_worst(metrics: str) -> None:
    folders = two_folders()
    result = evaluate(*folders, "--csv", "out/s.csv", "--gallery", "w.webp", "--metrics", metrics)
    assert result.exit_code == 0
    with Path("out/s.csv").open(newline="", encoding="utf-8") as file:
        first, second = csv.DictReader(file)
    assert (first["model"], first["name"], second["name"]) == ("pred", "a", "sub/b")
    assert float(first["IoU"]) == 1.0 > float(second["IoU"]) and float(second["MAE"]) > 0
    with Image.open("w.webp") as page:
        assert page.size == (480, 520)
        # The worst is above: its prediction differs from its truth, in the last there is none.
        cells = np.array(page.convert("L"), float)
    worst, best = (cells[top : top + 240] for top in (20, 280))
    assert np.abs(worst[:, :240] - worst[:, 240:]).mean() > 5
    assert np.abs(best[:, :240] - best[:, 240:]).mean() < 1
    assert evaluate(*folders, "--gallery", "w.png").exit_code == 2


def test_a_gallery_without_scores_is_not_silently_missing() -> None:
    Path("gt").mkdir()
    Image.new("L", (9, 9)).save("gt/b.png")
    result = evaluate("gt", "gt", "--metrics", "mBA", "--gallery", "w.webp")
    assert "no gallery: no pair of gt has a score by mBA" in result.stderr.splitlines()
    assert not Path("w.webp").exists()


def test_the_gallery_shows_the_pictures_where_they_are_known() -> None:
    data()
    disk(Path("pred/a.png"))
    disk(Path("pred/sub/b.png"))
    assert evaluate("pred", "data/gt", "--gallery", "a.webp").exit_code == 0
    assert evaluate("data", "--gallery", "b.webp").exit_code == 0
    for name in ("a.webp", "b.webp"):
        with Image.open(name) as page:
            assert page.size == (720, 520)


# The program itself


def test_a_process_scores_and_a_terminal_gets_a_table() -> None:
    two_folders()
    ours, theirs = pty.openpty()
    done = subprocess.run(
        [*PROGRAM, "pred", "gt", "--metrics", "S,MAE", "--fail-below", "S=2"],
        stdout=theirs,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(theirs)
    shown = os.read(ours, 100_000).decode()
    os.close(ours)
    assert done.returncode == 1
    assert re.fullmatch(r"pred: S is 0\.\d+, below 2\n", done.stderr)
    assert "without the official min-max stretch; 2 pairs" in shown
    assert "MAE (lower is better)" in shown and "\t" not in shown
