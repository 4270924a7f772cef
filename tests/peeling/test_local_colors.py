"""Local colours: the mean, the spread and the distance of what is near."""

import cv2
import numpy as np

from birefcli.image.types import Mask, Matte, Rgb
from birefcli.peeling.alpha.local_colors import color_deviation, color_distance, local_colors
from birefcli.peeling.geometry import within

SIZE = (120, 140)


def disk(radius: float = 35, softness: float = 0.0) -> Matte:
    y, x = np.indices(SIZE)
    matte = (np.hypot(y - 60, x - 70) <= radius).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(matte, (0, 0), softness), np.float32) if softness else matte


def textured(color: tuple[int, int, int], seed: int, strength: float = 12) -> Rgb:
    grain = np.random.default_rng(seed).normal(0, strength, (*SIZE, 3))
    return np.clip(np.array(color) + grain, 0, 255).astype(np.uint8)


def scene(truth: Matte) -> Rgb:
    own, ground = textured((200, 60, 50), 1), textured((70, 110, 90), 2)
    share = truth[..., None]
    return np.rint(share * own + (1 - share) * ground).astype(np.uint8)


def test_a_look_is_the_mean_and_the_covariance_of_what_is_near() -> None:
    picture = scene(disk(35))
    side: Mask = np.indices(SIZE)[1] < 66
    asked = np.zeros(SIZE, bool)
    asked[50, 60] = True
    look = local_colors(picture, side, asked, 8)
    near = np.zeros(SIZE, bool)
    near[42:59, 52:69] = True
    colors = picture[near & side].astype(np.float64)
    # Windows further out count a hundredth, although they are larger.
    assert np.abs(look.mean[0] - colors.mean(0)).max() < 12
    only = local_colors(picture, near & side, asked, 8)
    assert np.allclose(only.mean[0], colors.mean(0), atol=0.1)
    assert np.allclose(only.spread[0], np.cov(colors.T, bias=True), atol=1)
    spread = color_deviation(picture, near & side, asked)[0]
    assert np.allclose(spread, colors.std(0), atol=0.1)


def test_strange_is_what_the_ground_has_not() -> None:
    ground = textured((70, 110, 90), 5)
    ground[60, 70] = (200, 60, 50)
    asked = np.zeros(SIZE, bool)
    asked[60, 68:73] = True
    far = color_distance(ground, ~within(asked, 2), asked)
    assert far[2] > 6
    assert np.delete(far, 2).max() < 4
