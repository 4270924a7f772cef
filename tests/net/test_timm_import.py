"""timm beside every torchvision: whole, without its compiled half, broken, and not there."""

import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from unittest import mock

import pytest

from birefcli.errors import DeviceError, ExitCode
from birefcli.net.backbones import timm_import
from birefcli.net.backbones.timm_import import import_timm

HALF = "torchvision.half_imported"
BROKEN = RuntimeError("operator torchvision::nms does not exist\n(a long trace)")


@pytest.fixture(autouse=True)
def modules() -> Iterator[None]:
    """Whatever a test imports or drops, the next one finds as it was."""
    with mock.patch.dict(sys.modules):
        yield


def pretend(
    monkeypatch: pytest.MonkeyPatch, answers: dict[str, list[ModuleType | Exception]]
) -> list[str]:
    """Let imports end in these answers, one after the other; give back what was imported."""
    asked: list[str] = []

    def answer(name: str) -> ModuleType:
        asked.append(name)
        outcome = answers[name].pop(0)
        if isinstance(outcome, Exception):
            sys.modules[HALF] = ModuleType(HALF)
            raise outcome
        assert HALF not in sys.modules
        return outcome

    declare: Callable[[], None] = lambda: asked.append("declared")  # noqa: E731
    monkeypatch.setattr(timm_import, "import_module", answer)
    monkeypatch.setattr(timm_import, "_declared_operators", declare)
    return asked


def test_timm_is_imported_here_whatever_torchvision_it_is() -> None:
    assert import_timm().is_model("resnet50")


def test_a_whole_torchvision_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    timm, vision = ModuleType("timm"), ModuleType("torchvision")
    asked = pretend(monkeypatch, {"torchvision": [vision], "timm": [timm]})
    assert import_timm() is timm
    assert asked == ["torchvision", "timm"]


def test_a_half_imported_torchvision_is_imported_again(monkeypatch: pytest.MonkeyPatch) -> None:
    timm, vision = ModuleType("timm"), ModuleType("torchvision")
    asked = pretend(monkeypatch, {"torchvision": [BROKEN, vision], "timm": [timm]})
    assert import_timm() is timm
    assert asked == ["torchvision", "declared", "torchvision", "timm"]


@pytest.mark.parametrize(
    ("failures", "reason"),
    [
        ([BROKEN, BROKEN], "operator torchvision::nms does not exist; install"),
        ([ImportError("No module named 'torchvision'")], "No module named 'torchvision'; install"),
        ([OSError("libcudart.so.13: cannot open")], "libcudart.so.13: cannot open; install"),
        ([ImportError()], "ImportError; install"),
    ],
)
def test_every_failure_is_one_sentence(
    failures: list[ModuleType | Exception], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch, {"torchvision": failures})
    with pytest.raises(DeviceError) as caught:
        import_timm()
    assert caught.value.exit_code == ExitCode.DEVICE
    assert str(caught.value).startswith(
        f"timm needs a torchvision built for your torch: {reason} torch, torchvision and timm"
    )
