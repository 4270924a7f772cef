"""birefcli eval on predictions: what is paired, scored, said, written and returned."""

import csv
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from fakes import draw, draw_files
from PIL import Image
from scoring import data, disk, evaluate, scores, two_folders

from birefcli.metrics import metric_groups, metric_names, tally

PROGRAM = (sys.executable, "-m", "birefcli", "eval")
pytestmark = pytest.mark.usefixtures("here")


def test_a_pipe_gets_a_header_and_a_line_for_every_metric() -> None:
    result = evaluate(*two_folders())
    assert result.exit_code == 0 and result.stderr == ""
    assert "default protocol" in result.stdout.splitlines()[0]
    assert "without the official min-max stretch; 2 pairs" in result.stdout.splitlines()[0]
    assert result.stdout.splitlines()[1] == "metric\tpred"
    assert list(scores(result)) == list(metric_groups()["segmentation"])
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
    assert list(scores(evaluate(*folders, "--metrics", "all"))) == list(metric_names())
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
    for word in ("S", "S=x", "x=1", "segmentation=1"):
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


@pytest.mark.parametrize("metrics", ["IoU,MAE", "MAE,IoU"])
def test_csv_holds_every_picture_and_the_gallery_the_worst(metrics: str) -> None:
    folders = two_folders()
    result = evaluate(*folders, "--save", "out/s.csv", "--gallery", "w.webp", "--metrics", metrics)
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


def test_scores_are_saved_as_the_name_of_the_file_ends() -> None:
    folders = two_folders()
    files = ("--save", "a.json", "--save", "a.MD")
    result = evaluate(*folders, "--metrics", "IoU,MAE", "--json", *files)
    assert result.exit_code == 0 and result.stdout == Path("a.json").read_text()
    table = Path("a.MD").read_text()
    assert "without the official min-max stretch; 2 pairs." in table
    assert "| metric | pred |\n| --- | ---: |\n| IoU | 0." in table
    for wrong in ("a.txt", "scores", "."):
        assert evaluate(*folders, "--save", wrong).exit_code == 2
    assert evaluate(*folders, "--fail-below", "S=nan").exit_code == 2


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
