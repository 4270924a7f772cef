"""birefcli eval-peel: exact stacks, scenes that fail, and the command."""

import csv
import json
from pathlib import Path

import pytest
from stacks import draw_stack
from typer.testing import CliRunner, Result

from birefcli.batch.executor import StopFlag
from birefcli.cli import app
from birefcli.inpaint.membrane import Membrane
from birefcli.metrics.stacks.table import STACK_METRICS
from birefcli.scenes.suites.layered import LayeredScene
from birefcli.settings.evaluate_stacks import EvalPeelSettings
from birefcli.settings.synth import Suite
from birefcli.stack.types import Stack
from birefcli.workflows.baselines import compared_methods
from birefcli.workflows.evaluate_stacks import exactness, score_all

# ---- exactness ---------------------------------------------------------------------------------


def test_one_pixel_that_differs_is_counted() -> None:
    stack = draw_stack((24, 32))
    shown = stack.composed()
    exact = exactness(stack, shown)
    assert exact["differing-px"] == 0 and exact["float-error"] <= 2
    shown[3, 4, 1] ^= 64
    other = exactness(stack, shown)
    assert other["differing-px"] == 1 and other["float-error"] >= 60


# ---- a scene that fails ------------------------------------------------------------------------


class _Broken:
    """A way that fails on one scene."""

    name = "broken"

    def __call__(self, scene: LayeredScene) -> Stack:
        if scene.seed == 0:
            raise RuntimeError("no stack")
        return compared_methods(EvalPeelSettings(), Membrane(), None)[0](scene)


def test_a_scene_that_fails_is_named_and_the_others_are_scored(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("BIREFCLI_DEBUG", raising=False)
    settings = EvalPeelSettings(suites=(Suite.PIXEL,), number=2, side=64)
    first, second = score_all(settings, [_Broken()], StopFlag())
    assert first.failure == "pixel/000000 by broken: RuntimeError: no stack"
    assert second.failure is None and second.values["differing-px"] == 0


# ---- the command -------------------------------------------------------------------------------

QUICK = ("--side", "64", "-n", "1", "--inpaint", "membrane")


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(app, ["eval-peel", *QUICK, *arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_scores_go_to_stdout_and_files(here: Path) -> None:
    result = run("--suite", "flat,hard", "--against", "B1", "--save", "a.json", "--save", "a.md")
    assert result.exit_code == 0
    lines = [line.split("\t") for line in result.stdout.splitlines()]
    assert lines[0][0].startswith("# --mode oracle: 1 scenes a suite from seed 0, 64 px")
    assert lines[1] == ["suite", "metric", "peel", "worst 5 %", "B1", "B1 - peel (95 %)"]
    table = {(line[0], line[1]): line[2:] for line in lines[2:]}
    assert table["flat", "differing-px"][0] == "0"
    assert {suite for suite, _ in table} == {"flat", "hard"}
    found = json.loads((here / "a.json").read_text())
    ours, other = found["suites"]["flat"]
    assert (ours["name"], other["name"]) == ("peel", "B1")
    assert set(ours["mean"]) == {metric.name for metric in STACK_METRICS}
    assert ours["scenes"]["0"]["visible-iou"] == ours["mean"]["visible-iou"]
    means = [way["mean"]["layerd-rgb-0"] for way in (ours, other)]
    apart = other["difference_to_first"]["layerd-rgb-0"]
    assert apart["low"] == apart["mean"] == apart["high"] == pytest.approx(means[1] - means[0])
    assert found["failures"] == [] and found["peak_memory_mib"] > 10
    assert "| edge-color (lower is better) |" in (here / "a.md").read_text()


def test_json_and_every_file_say_the_same(here: Path) -> None:
    files = ("a.json", "a.csv", "a.md")
    saving = (word for file in files for word in ("--save", file))
    result = run("--suite", "flat", "-n", "2", "--json", *saving)
    assert result.exit_code == 0
    assert result.stdout == (here / "a.json").read_text()
    scenes = json.loads(result.stdout)["suites"]["flat"][0]["scenes"]
    with (here / "a.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["name"], row["suite"], row["seed"]) for row in rows] == [
        *(("peel", "flat", "0"), ("peel", "flat", "1"))
    ]
    for row in rows:
        assert float(row["visible-iou"]) == scenes[row["seed"]]["visible-iou"]
    assert "| visible-iou |" in (here / "a.md").read_text()


def test_the_same_seeds_give_the_same_scores(here: Path) -> None:
    tables = [run("--suite", "texture", "--seed", "10000").stdout for _ in range(2)]
    first, second = (
        [line for line in table.splitlines() if "\tseconds\t" not in line] for table in tables
    )
    assert first == second and len(first) > 20


def test_a_model_looks_in_net_mode(here: Path, tiny: Path) -> None:
    result = run("--suite", "pixel", "--mode", "net", "--model", str(tiny), "--save", "a.json")
    assert result.exit_code == 0
    found = json.loads((here / "a.json").read_text())
    assert found["mode"] == "net" and found["model"]["sha256"]
    assert found["suites"]["pixel"][0]["mean"]["differing-px"] == 0


def test_scores_that_are_too_low_or_errors_too_high_end_in_exit_code_1(here: Path) -> None:
    assert run("--suite", "flat", "--fail-below", "visible-iou=0.9,differing-px=0").exit_code == 0
    result = run("--suite", "flat", "--fail-below", "seconds=0", "--fail-below", "order=1.5")
    assert result.exit_code == 1
    assert "flat: seconds is" in result.stderr and "above 0" in result.stderr
    nothing = run("--suite", "flat", "--fail-below", "left-alone=0.5")
    assert nothing.exit_code == 1 and "left-alone has no value" in nothing.stderr


@pytest.mark.parametrize(
    "wrong",
    [
        ("--fail-below", "beauty=1"),
        ("--fail-below", "order"),
        ("--fail-below", "order=nan"),
        ("--suite", "photos"),
        ("--suite", "all,photos"),
        ("--save", "."),
        ("--save", "a.txt"),
        ("--against", "B9"),
        ("--model", "compact"),
        ("--inpaint", "magic"),
    ],
)
def test_what_makes_no_sense_is_a_usage_error(here: Path, wrong: tuple[str, str]) -> None:
    assert run(*wrong).exit_code == 2
