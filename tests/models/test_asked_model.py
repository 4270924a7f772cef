"""Which model a command takes: the named one, else the default, which is never downloaded."""

from pathlib import Path

import pytest

from birefcli.errors import WeightsError
from birefcli.models.segmenter import asked_model
from birefcli.models.store import Purpose
from birefcli.settings.model import ModelSettings


@pytest.mark.parametrize("purpose", list(Purpose))
def test_a_default_is_never_downloaded(
    purpose: Purpose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BIREFCLI_HOME", str(tmp_path))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv(purpose.variable, "general")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # where nobody answers
    with pytest.raises(WeightsError, match="birefcli models pull general") as refused:
        asked_model(ModelSettings(), purpose, print)
    assert "cannot be reached" not in str(refused.value)  # it did not even try
    with pytest.raises(WeightsError, match="cannot be reached"):
        asked_model(ModelSettings(model="general"), purpose, print)


def test_the_named_model_goes_before_the_default() -> None:
    for purpose, other in ((Purpose.CUT, "compact-peel"), (Purpose.PEEL, "compact")):
        assert asked_model(ModelSettings(), purpose, print).name == purpose.bundled
        assert asked_model(ModelSettings(model=other), purpose, print).name == other
