"""Seeded suites of layered scenes: flat graphics, pixel art, textures, staged scenes, hard cases.

Suites are a measure: once a report has quoted their scores, what a seed draws must not change.
"""

import numpy as np

from birefcli.scenes.suites.flat import flat_scene
from birefcli.scenes.suites.hard_cases import hard_case_scene
from birefcli.scenes.suites.layered import LayeredScene
from birefcli.scenes.suites.perspective import perspective_scene
from birefcli.scenes.suites.pixel import pixel_scene
from birefcli.scenes.suites.texture import texture_scene
from birefcli.settings import Suite

# Which seeds are for what, so that nothing is ever tuned on what it is reported on.
REPORT_SEEDS = range(10_000)
TUNING_SEEDS = range(10_000, 20_000)
MODEL_SEEDS = range(20_000, 30_000)  # checks of the bundled models
FIRST_TRAINING_SEED = 1_000_000

_SUITES = {
    Suite.FLAT: flat_scene,
    Suite.PIXEL: pixel_scene,
    Suite.TEXTURE: texture_scene,
    Suite.SCENE: perspective_scene,
    Suite.HARD: hard_case_scene,
}


def draw_suite(suite: Suite, seed: int, side: int | None = None) -> LayeredScene:
    """Draw a scene, which its suite, seed and size decide alone.

    `side` is the shorter side of the canvas in pixels, when not the suite's own; pixel art takes
    the whole multiple of its grid nearest to it.
    """
    return _SUITES[suite](np.random.default_rng((suite.number, seed)), seed, side)
