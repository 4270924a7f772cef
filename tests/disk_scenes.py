"""A disk on a textured ground, its exact matte, and what a coarse network sees of it."""

import cv2
import numpy as np

from birefcli.image.types import Matte, Rgb

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


def coarse(matte: Matte) -> Matte:
    """What a network of a quarter of the size makes of a matte."""
    small = cv2.resize(matte, (SIZE[1] // 4, SIZE[0] // 4), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, SIZE[::-1], interpolation=cv2.INTER_LINEAR), np.float32)


def away(matte: Matte, truth: Matte) -> float:
    return float(np.abs(matte - truth).sum())
