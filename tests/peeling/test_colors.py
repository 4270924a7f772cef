"""Both colours of a soft pixel are found, and mix to what is seen."""

from dataclasses import replace

import numpy as np

from birefcli.image.types import Matte
from birefcli.inpaint.membrane import Membrane
from birefcli.peeling.lift.colors import ColorPair, project_onto_picture, solve_colors
from birefcli.scenes.suites.layered import composed
from birefcli.scenes.suites.texture import texture_scene


def test_colours_are_solved_far_better_than_by_unblending_from_a_fill() -> None:
    solved, unblended = [], []
    for seed in range(20_000, 20_006):
        scene = texture_scene(np.random.default_rng(seed), seed, 128)
        picture, top = composed(scene), scene.layers[-1]
        under = composed(replace(scene, layers=scene.layers[:-1]))
        matte, true = top.matte, top.rgba[..., :3].astype(np.float32)
        soft = (matte > 0.05) & (matte < 0.95)
        colors = project_onto_picture(picture, matte, solve_colors(picture, matte))
        solved.append(np.abs(colors.foreground - true)[soft].mean())
        assert np.abs(colors.backdrop - under)[soft].mean() < 12
        fill = Membrane()(picture, matte > 0.005).astype(np.float32)
        share = matte[..., None][soft]
        own = (picture[soft] - (1 - share) * fill[soft]) / share
        unblended.append(np.abs(np.clip(own, 0, 255) - true[soft]).mean())
    assert np.mean(solved) < 0.6 * np.mean(unblended)


def test_projected_colours_mix_to_what_is_seen() -> None:
    rng = np.random.default_rng(0)
    matte: Matte = rng.uniform(0, 1, 500).astype(np.float32)
    true = rng.uniform(60, 200, (2, 500, 3)).astype(np.float32)
    seen = matte[:, None] * true[0] + (1 - matte[:, None]) * true[1]
    picture = np.rint(seen).astype(np.uint8)
    noise = rng.normal(0, 20, (2, 500, 3)).astype(np.float32)
    colors = project_onto_picture(picture, matte, ColorPair(true[0] + noise[0], true[1] + noise[1]))
    mixed = matte[:, None] * colors.foreground + (1 - matte[:, None]) * colors.backdrop
    assert np.abs(mixed - picture).max() < 0.5
