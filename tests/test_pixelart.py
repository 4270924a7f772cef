"""Telling pixel art from photographs."""

import numpy as np
import pytest

from birefcli.pixelart import looks_hard


def with_colors(height: int, width: int, count: int) -> np.ndarray:
    index = np.arange(height * width).reshape(height, width) % count
    return np.stack([index % 7, index % 256, index // 256], axis=-1).astype(np.uint8)


@pytest.mark.parametrize(
    ("height", "width", "colors", "is_hard"),
    [
        (1, 1, 1, True),
        (16, 32, 4, True),
        (256, 256, 256, True),
        (256, 256, 257, False),
        (256, 257, 2, False),
        (257, 1, 2, False),
    ],
)
def test_hard_is_small_and_of_few_colors(
    height: int, width: int, colors: int, is_hard: bool
) -> None:
    rgb = with_colors(height, width, colors)
    assert len(np.unique(rgb.reshape(-1, 3), axis=0)) == colors
    assert looks_hard(rgb) is is_hard


def test_every_channel_counts() -> None:
    for channel in range(3):
        rgb = np.zeros((1, 256, 3), np.uint8)
        rgb[..., channel] = np.arange(256)
        assert looks_hard(rgb)
        extra = rgb[:, :1].copy()
        extra[..., (channel + 1) % 3] = 1
        assert not looks_hard(np.vstack([rgb, np.repeat(extra, 256, axis=1)]))
