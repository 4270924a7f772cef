"""birefcli bench: where the time goes, and that it all adds up."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from birefcli.cli import app
from birefcli.image.types import Matte, Rgb
from birefcli.inpaint.choose import AutoInpainter
from birefcli.inpaint.membrane import Membrane
from birefcli.inpaint.protocol import fill
from birefcli.settings.bench import BenchSettings
from birefcli.workflows import bench as walk
from birefcli.workflows.bench import BenchStage, Clock, TimedInpainter, time_stages

SMALL = ("--side", "64", "-n", "1")


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A clock that goes on by a second whenever it is looked at, and when `now` is moved."""
    time = SimpleNamespace(now=0.0)

    def perf_counter() -> float:
        time.now += 1
        return float(time.now)

    monkeypatch.setattr(walk, "time", SimpleNamespace(perf_counter=perf_counter))
    return time


def sees(images: list[Rgb]) -> list[Matte]:  # type: ignore[misc]
    """A segmenter that takes the middle for the object, once."""
    mattes = [np.zeros(image.shape[:2], np.float32) for image in images]
    for matte in mattes:
        matte[16:48, 16:48] = 1
    return mattes


def test_time_inside_a_stage_is_not_counted_to_the_one_around_it(
    time: SimpleNamespace,
) -> None:
    clock = Clock()
    with clock.over(BenchStage.LIFT):
        time.now += 10
        with clock.over(BenchStage.FILL), clock.over(BenchStage.NETWORK):
            time.now += 500
        with clock.over(BenchStage.FILL):
            time.now += 20
    # Every stage that is entered or left looks at the clock, which takes a second.
    assert clock.seconds == {
        BenchStage.NETWORK: 501,
        BenchStage.FILL: 2 + 21,
        BenchStage.LIFT: 10 + 3,
    }
    assert clock.total == time.now - 1


def test_a_timed_filler_fills_and_tells_as_the_one_inside() -> None:
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 255, (24, 24, 3)).astype(np.uint8)
    hole = np.zeros((24, 24), bool)
    hole[8:14, 8:14] = True
    clock = Clock()
    timed = TimedInpainter(AutoInpainter(), clock)
    told, plain = fill(timed, picture, hole), fill(AutoInpainter(), picture, hole)
    assert (told.rgb == plain.rgb).all()
    assert (told.backend, told.proxy_l1) == (plain.backend, plain.proxy_l1)
    assert (timed(picture, hole) == plain.rgb).all()
    assert list(clock.seconds) == [BenchStage.FILL]


@pytest.mark.parametrize(
    ("is_peel", "stages"),
    [
        (False, {BenchStage.READ, BenchStage.NETWORK, BenchStage.CUT, BenchStage.ENCODE}),
        (True, set(BenchStage) - {BenchStage.CUT}),
    ],
)
def test_every_picture_goes_through_every_stage(
    time: SimpleNamespace, is_peel: bool, stages: set[BenchStage]
) -> None:
    def slow(images: list[Rgb]) -> list[Matte]:
        time.now += 1000
        return sees(images)

    settings = BenchSettings(is_peel=is_peel, number=2, side=64)
    clocks = list(time_stages(settings, slow, Membrane()))
    assert len(clocks) == 2
    for clock in clocks:
        assert set(clock.seconds) == stages
        assert all(seconds > 0 for seconds in clock.seconds.values())
        assert clock.seconds[BenchStage.NETWORK] > 1000
        assert (clock.layers > 0) == is_peel


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(app, ["bench", *SMALL, *arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_stages_add_up_to_a_picture(here: Path) -> None:
    result = run("--json")
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    assert sum(found["ms"].values()) == pytest.approx(found["ms_a_picture"])
    assert found["pictures_a_second"] == pytest.approx(1000 / found["ms_a_picture"])
    assert found["peak_memory_mib"] > 10


def test_a_peel_is_timed_as_typed(here: Path, tiny: Path) -> None:
    result = run("--peel", "--model", str(tiny), "--inpaint", "membrane")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0].startswith("# peel: 1 picture of 85x64, ")
    names = [line.split("\t")[0] for line in lines[1:]]
    assert names[0] == "read" and names[-3:] == ["picture", "pass", "memory"]
    assert {"network", "order and lift", "encode", "prove"} <= set(names)


def test_a_filler_nobody_knows_is_a_usage_error(here: Path) -> None:
    assert run("--peel", "--inpaint", "magic").exit_code == 2
