"""Acceptance: scraps and remains of what was lifted become no layers."""

from collections.abc import Sequence

import numpy as np

from birefcli.image.types import Matte
from birefcli.peeling.acceptance import rejection
from birefcli.settings.peel import PeelSettings
from birefcli.stack.types import PictureKind, StopRule

SIZE = (80, 120)


def box(left: int, top: int, right: int, bottom: int, value: float = 1) -> Matte:
    matte = np.zeros(SIZE, np.float32)
    matte[top:bottom, left:right] = value
    return matte


def test_scraps_beside_what_was_lifted_are_no_things() -> None:
    lifted, scrap = box(20, 20, 70, 70) > 0.5, box(90, 20, 100, 28)
    nowhere = np.zeros(SIZE, bool)

    def against(peeled: Sequence[np.ndarray], settings: PeelSettings) -> object:
        return rejection(
            scrap, kind=PictureKind.PHOTO, invented=nowhere, peeled=peeled, settings=settings
        )

    assert against([], PeelSettings()) is None
    assert against([scrap > 0.5], PeelSettings(ghost=1, leftover=1)) is None
    found = against([lifted], PeelSettings())
    assert found is not None
    assert found.rule == StopRule.NOTHING  # type: ignore[attr-defined]
    assert against([lifted], PeelSettings(scrap=0)) is None


def test_what_lines_a_lifted_layer_is_no_layer() -> None:
    lifted = box(20, 20, 60, 60) > 0.5
    line, own = box(60, 20, 62, 60), box(60, 20, 90, 60)
    settings = PeelSettings(min_share=0)
    nowhere = np.zeros(SIZE, bool)

    def against(matte: Matte, peeled: Sequence[np.ndarray]) -> object:
        return rejection(
            matte, kind=PictureKind.PHOTO, invented=nowhere, peeled=peeled, settings=settings
        )

    found = against(line, [lifted])
    assert found is not None
    assert found.rule == StopRule.GHOST  # type: ignore[attr-defined]
    assert against(line, []) is None
    assert against(own, [lifted]) is None
