"""A fresh hub and an empty home for the tests of the model store."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fakehub import FakeHub, serving
from fakestore import publish

from birefcli.models import store, variants


@pytest.fixture(scope="module")
def server() -> Iterator[FakeHub]:
    with serving() as hub:
        yield hub


@pytest.fixture
def hub(server: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeHub:
    """A fresh hub, an empty home, and a table whose hashes are those of the hub's files."""
    server.__init__(url=server.url)  # type: ignore[misc]
    for name in (
        *("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_TOKEN", "HF_HUB_CACHE"),
        *("BIREFCLI_MODEL", "BIREFCLI_PEEL_MODEL"),
        *("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"),
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("BIREFCLI_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "compact.safetensors").write_bytes(b"compact")
    monkeypatch.setattr(store, "WEIGHTS", tmp_path / "weights")
    table = tuple(publish(server, variant) for variant in variants.VARIANTS)
    for module in (variants, store):
        monkeypatch.setattr(module, "VARIANTS", table)
    return server
