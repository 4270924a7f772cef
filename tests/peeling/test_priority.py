"""Priority: instances of every sort have a place in the order."""

import numpy as np
import pytest

from birefcli.peeling.instances.instance import Instance
from birefcli.peeling.order.priority import sort_by_priority
from birefcli.stack.types import PictureKind


@pytest.mark.parametrize("kind", list(PictureKind))
def test_things_that_only_shimmer_have_a_rank_too(kind: PictureKind) -> None:
    """What was lifted before may have taken all but a haze of a thing."""
    rgb = np.random.default_rng(0).integers(0, 256, (20, 30, 3)).astype(np.uint8)
    haze = np.zeros((20, 30), np.float32)
    haze[5:9, 5:9] = 0.3
    solid = np.zeros((20, 30), np.float32)
    solid[2:18, 10:28] = 1
    mattes = (haze, solid, np.zeros((20, 30), np.float32))
    things = [Instance(number, matte, 1, 1) for number, matte in enumerate(mattes, 1)]
    disparity = np.asarray(solid * 3, np.float32)
    for depth in (None, disparity):
        found = sort_by_priority(things, rgb, kind, depth)
        assert sorted(thing.number for thing in found) == [1, 2, 3]
