"""birefcli eval on models: they run as cut or as the benchmark does, side by side."""

import json
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from fakes import Failing, draw, draw_files, loaded, not_a_number, nothing
from PIL import Image
from scoring import data, disk, evaluate, scores, two_folders
from typer.testing import CliRunner

from birefcli.cli import app
from birefcli.image.types import Matte, Rgb
from birefcli.net.checkpoint import load_network
from birefcli.workflows import evaluate as walk

PROGRAM = (sys.executable, "-m", "birefcli", "eval")
pytestmark = pytest.mark.usefixtures("here")


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
