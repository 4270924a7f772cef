"""Two models side by side: whole things, and what nothing covers."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from fakes import MODEL

from birefcli.models.peel_models import is_topmost, load_peel_models, partner_of
from birefcli.models.store import ModelFile, resolve
from birefcli.settings.model import ModelSettings


def named(name: str) -> ModelFile:
    return resolve(name, consent=False, offline=True, accept_licence=False, say=print)


def test_the_bundled_models_stand_beside_one_another() -> None:
    assert is_topmost(named("compact-peel"))
    assert not is_topmost(named("compact"))
    assert partner_of(named("compact-peel")).name == "compact"
    assert partner_of(named("compact")).name == partner_of(MODEL).name == "compact-peel"


def test_a_run_that_was_trained_for_the_top_is_known_by_its_file(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    for recipe, expected in (('{"target": "top"}', True), ('{"target": "all"}', False)):
        path = tmp_path / "best.safetensors"
        save_file({"x": np.zeros(1)}, path, {"recipe": recipe})
        assert is_topmost(replace(MODEL, path=path)) is expected


def test_both_models_are_loaded_whichever_is_named() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    said: list[str] = []
    pairs = [
        load_peel_models(ModelSettings(), named(n), said.append)
        for n in ("compact", "compact-peel")
    ]
    for pair in pairs:
        assert pair.topmost is not None
        assert np.array_equal(pair.whole([rgb])[0], pairs[0].whole([rgb])[0])
        assert np.array_equal(pair.topmost([rgb])[0], pairs[0].topmost([rgb])[0])  # type: ignore[misc]
    assert said[1] == "compact-peel beside it, for what nothing covers"
    assert said[3] == "compact beside it, for whole things"
