"""Whole runs: killed and resumed, planned, started from a model, adapted, and what they leave."""

import json
import math
import os
import random
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

import birefcli
from birefcli.batch.executor import StopFlag
from birefcli.cli import app
from birefcli.errors import DeviceError, UsageError
from birefcli.net.checkpoint import load_network
from birefcli.settings.model import Precision
from birefcli.settings.train import THE_START, Stage, TrainSettings
from birefcli.train.log import Log
from birefcli.train.loop import train
from birefcli.train.schedule import Progress
from birefcli.train.validation import ValidationResult


@pytest.fixture(scope="module")
def sprites(tmp_path_factory) -> Path:
    """Twelve sprites, each a block of its own colours."""
    folder = tmp_path_factory.mktemp("art") / "sprites"
    folder.mkdir()
    for i in range(12):
        rng = np.random.default_rng(i)
        sprite = np.zeros((32, 32, 4), np.uint8)
        y, x = rng.integers(0, 8, 2)
        blocks = rng.integers(0, 256, (5, 4, 3), dtype=np.uint8)
        sprite[y : y + 20, x : x + 16, :3] = np.kron(blocks, np.ones((4, 4, 1), np.uint8))
        sprite[y : y + 20, x : x + 16, 3] = 255
        Image.fromarray(sprite).save(folder / f"{i}.png")
    return folder


@pytest.fixture
def settings(sprites: Path, tiny: Path, tmp_path: Path) -> TrainSettings:
    return TrainSettings(
        data=(sprites,),
        out=tmp_path / "run",
        start=str(tiny),
        steps=16,
        stages=(Stage(1.0, 64, 2),),
        metric="MAE",
        data_licence="CC0-1.0",
        validate_steps=8,
        checkpoint_steps=2,
        warmup=2,
        threads=1,
        device="cpu",
        precision=Precision.FP32,
    )


@pytest.fixture(scope="module")
def finished(sprites: Path, tiny: Path, tmp_path_factory) -> Path:
    """The folder of a run with the settings above that nothing broke."""
    out = tmp_path_factory.mktemp("finished") / "run"
    recipe = write_recipe(out.with_suffix(".toml"), tiny)
    result = CliRunner().invoke(app, command_for(sprites, out, recipe))
    assert result.exit_code == 0, result.output
    assert result.stdout == f"{out / 'best.safetensors'}\n"
    return out


def write_recipe(path: Path, start: Path) -> Path:
    """Write the settings above; dropout and batch statistics included, nothing is at rest."""
    path.write_text(
        f"""
start = "{start}"
steps = 16
stages = [{{ until = 1.0, size = 64, batch = 2 }}]
metric = "MAE"
data_licence = "CC0-1.0"
validate_steps = 8
checkpoint_steps = 2
warmup = 2
threads = 1
device = "cpu"
precision = "fp32"
"""
    )
    return path


def command_for(data: Path, out: Path, recipe: Path) -> list[str]:
    return ["train", str(data), "-o", str(out), "--recipe", str(recipe)]


def silent(_: str) -> None:
    """Say nothing."""


def weights(run: Path) -> dict[str, torch.Tensor]:
    state = torch.load(run / "state.pt", weights_only=True)
    return {**state["network"], **{f"mean {k}": v for k, v in state["average"].items()}}


def log_of(run: Path) -> list[dict]:
    return [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]


# The command, which kills itself at a step, as soon as its weights have changed.
KILLED = """
import itertools, os, signal, sys
from torch.optim.optimizer import register_optimizer_step_post_hook

steps, last = itertools.count(1), int(sys.argv.pop(1))

def taken(*_):
    if next(steps) == last:
        os.kill(os.getpid(), signal.SIGKILL)

register_optimizer_step_post_hook(taken)
from birefcli.__main__ import main
main()
"""


def test_a_run_killed_at_a_random_step_and_resumed_equals_an_unbroken_one(
    finished, sprites, tiny, tmp_path
):
    """Bit for bit, by SIGKILL of a real process."""
    killed = tmp_path / "killed"
    command = command_for(sprites, killed, write_recipe(tmp_path / "recipe.toml", tiny))
    root = str(Path(birefcli.__file__).parents[1])
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(random.randint(3, 15)), *command],
        env={**os.environ, "PYTHONPATH": root, "OMP_NUM_THREADS": "1"},
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        # Its workers hold the pipe too: it ends because they do.
        process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert torch.load(killed / "state.pt", weights_only=True)["progress"]["step"] < 16

    # The run knows by itself what it was: nothing has to be said again.
    result = CliRunner().invoke(app, ["train", "-o", str(killed), "--resume"])
    assert result.exit_code == 0, result.output
    whole, resumed = weights(finished), weights(killed)
    assert whole.keys() == resumed.keys()
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    steps = [line["step"] for line in log_of(killed)]
    assert steps == [line["step"] for line in log_of(finished)] == [0, 1, 8, 10, 16]
    with Image.open(killed / "sheet.webp") as sheet:
        assert sheet.width == 4 * 240  # picture, truth, before, after


def test_a_resumed_run_is_held_to_the_start_it_had(settings, tmp_path):
    settings = replace(
        settings,
        as_is=True,
        steps=4,
        validate_steps=4,
        checkpoint_steps=2,
        teacher=THE_START,
        keep_encoder=0.5,
    )
    cut, stop = replace(settings, out=tmp_path / "cut"), StopFlag()

    def stop_half_way(text: str) -> None:
        if text == "checkpoint at step 2":
            stop.ask()

    train(settings, silent, StopFlag())
    assert train(cut, stop_half_way, stop) is None
    assert train(replace(cut, resume=True), silent, StopFlag()) is not None
    whole, resumed = weights(settings.out), weights(cut.out)
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    # A run that kept nothing of its start cannot be held to it later.
    state = torch.load(cut.out / "state.pt", weights_only=True)
    torch.save({**state, "teacher": {}}, cut.out / "state.pt")
    with pytest.raises(UsageError, match="did not keep its start"):
        train(replace(cut, resume=True), silent, StopFlag())


def test_best_is_chosen_by_the_metric_and_the_file_describes_itself(finished):
    values = [line["value"] for line in log_of(finished) if line.get("metric") == "MAE"]
    assert len(values) == 3  # before, in the middle, at the end
    loaded = load_network(finished / "best.safetensors", name="run")
    about = loaded.metadata
    assert json.loads(about["value"]) == min(values)
    assert about["data_licence"] == "CC0-1.0" and about["licence"] == "MIT"
    assert json.loads(about["data"])["pictures"] == 10
    assert len(about["recipe_sha256"]) == 64
    assert json.loads(about["recipe"])["stages"] == [{"until": 1.0, "size": 64, "batch": 2}]
    # A model keeps its own size.
    assert loaded.config.size == (64, 64)


def test_adapters_leave_an_ordinary_model_of_the_size_that_was_set(settings, tiny):
    settings = replace(
        settings,
        steps=2,
        lora=2,
        encoder_rate=1.0,
        frozen_norms=True,
        checkpointing=True,
        size=96,
        precision=Precision.BF16,
    )
    ours = load_network(train(settings, silent, StopFlag()), name="run")
    theirs = load_network(tiny, name="tiny")
    assert ours.network.state_dict().keys() == theirs.network.state_dict().keys()
    assert ours.config == replace(theirs.config, size=(96, 96))


def test_a_score_that_is_no_number_is_never_the_best():
    scores = {"sprites": 0.5}
    assert not ValidationResult("IoU", math.nan, scores).beats(None)
    assert ValidationResult("IoU", 0.5, scores).beats(None)
    assert ValidationResult("MAE", 0.1, scores).beats(-0.2)
    assert not ValidationResult("IoU", 0.1, scores).beats(0.2)


def test_the_log_of_a_resumed_run_forgets_what_comes_again(settings):
    settings.out.mkdir()
    lines = [json.dumps({"step": step}) for step in (0, 1, 10, 20)]
    (settings.out / "log.jsonl").write_text("\n".join(lines) + '\n{"step": 2')
    Log(settings, Progress(step=10), silent, None)
    assert [line["step"] for line in log_of(settings.out)] == [0, 1, 10]
    Log(settings, Progress(), silent, None)
    assert log_of(settings.out) == []


def test_fp16_on_the_processor_is_refused(settings):
    with pytest.raises(DeviceError, match="use fp32 or bf16"):
        train(replace(settings, precision=Precision.FP16), silent, StopFlag())


def test_a_plan_foresees_the_run_and_writes_nothing(settings, tmp_path):
    command = ["train", str(settings.data[0]), "-o", str(settings.out), "--from", settings.start]
    result = CliRunner().invoke(
        app, [*command, "--epochs", "3", "--batch", "2", "--device", "cpu", "--plan"]
    )
    assert result.exit_code == 0, result.output
    told, _, recipe = result.stdout.partition("recipe:\n")
    facts = dict(line.split(maxsplit=1) for line in told.splitlines() if "  " in line)
    assert facts["steps"] == "15"  # 10 pictures, 3 times, by twos
    assert facts["samples"].startswith("30, about 3.0 passes")
    assert "GB" in facts["memory"] and "about" in facts["time"]
    assert "  epochs = 3\n" in recipe and "metric" not in recipe
    assert not settings.out.exists()


@pytest.mark.slow
def test_two_processes_leave_one_run(settings, tmp_path):
    pytest.importorskip("accelerate")
    root = str(Path(birefcli.__file__).parents[1])
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [
            *(
                sys.executable,
                *launch,
                "-m",
                "birefcli",
                "train",
                str(settings.data[0]),
                "-o",
                str(settings.out),
            ),
            *("--from", settings.start, "--steps", "2", "--batch", "2", "--device", "cpu"),
        ],
        env={**os.environ, "PYTHONPATH": root, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{settings.out / 'best.safetensors'}\n"
    assert done.stderr.count("validated at step 2") == 1
    assert log_of(settings.out)[-1]["samples"] == 8
