"""A short training on a set that the test draws."""

from pathlib import Path

import pytest

from birefcli.settings.train import Stage, TrainSettings


@pytest.fixture
def settings(tmp_path: Path) -> TrainSettings:
    return TrainSettings(
        data=(tmp_path / "set",),
        out=tmp_path / "run",
        steps=4,
        stages=(Stage(1.0, 64, 4),),
        device="cpu",
    )
