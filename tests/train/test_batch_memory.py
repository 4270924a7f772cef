from dataclasses import replace
from multiprocessing import get_context

import numpy as np
import pytest

from birefcli.settings.train import Stage, TrainSettings
from birefcli.train.batch import TrainingBatch
from birefcli.train.batch_memory import BatchMemory, PlacedBatch, batch_bytes
from birefcli.train.batches import batch_shape, largest_batch


def batch(rng: np.random.Generator, *, known: bool) -> TrainingBatch:
    return TrainingBatch(
        rng.integers(0, 256, (3, 32, 64, 3), np.uint8),
        rng.random((3, 32, 64), np.float32),
        known=rng.random((3, 32, 64), np.float32) if known else None,
        names=("a", "b", "c"),
        labels=np.array([0, -1, 2]),
        bad=("d.png is gone",),
    )


@pytest.mark.parametrize("known", [False, True])
def test_a_batch_comes_out_of_its_slot_as_it_was(known):
    rng = np.random.default_rng(0)
    memory = BatchMemory(get_context("spawn"), 2, batch_bytes((3, 32, 64)))
    batches = [batch(rng, known=known) for _ in range(2)]
    placed = [memory.place(slot, one) for slot, one in enumerate(batches)]
    for one, place in zip(batches, placed, strict=True):
        assert isinstance(place, PlacedBatch)
        back = memory.taken(place)
        assert (back.rgb == one.rgb).all() and (back.matte == one.matte).all()
        assert (back.known is None) == (one.known is None)
        assert one.known is None or (back.known == one.known).all()
        assert (back.names, back.bad) == (one.names, one.bad) and (back.labels == one.labels).all()


def test_a_batch_too_large_for_a_slot_comes_back_as_it_is():
    memory = BatchMemory(get_context("spawn"), 1, batch_bytes((3, 32, 64)) - 1)
    one = batch(np.random.default_rng(0), known=True)
    assert memory.place(0, one) is one


def test_no_batch_is_larger_than_the_largest(tmp_path):
    settings = TrainSettings(data=(tmp_path,), out=tmp_path / "run")
    settings = replace(settings, stages=(Stage(0.5, 192, 24), Stage(1.0, 256, 16)))
    most = largest_batch(settings)
    shapes = [batch_shape(step, share, settings) for step in range(300) for share in (0.1, 0.9)]
    assert max(count * h * w for count, (h, w) in shapes) <= np.prod(most)
