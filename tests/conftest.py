"""What several test files stand on: a tiny network, and a place of their own."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes import save_tiny_network

import birefcli


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny network's file."""
    return save_tiny_network(tmp_path_factory.mktemp("tiny") / "tiny.safetensors")


@pytest.fixture
def here(tmp_path: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder to work in, with the tiny network as the default model.

    One thread has to do: more would wait for each other longer than they work.
    """
    import torch

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BIREFCLI_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("BIREFCLI_MODEL", str(tiny))
    monkeypatch.setenv("PYTHONPATH", str(Path(birefcli.__file__).parents[1]))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("BIREFCLI_DEBUG", raising=False)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield tmp_path
    torch.set_num_threads(threads)
