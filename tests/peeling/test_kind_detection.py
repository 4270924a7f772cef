"""What sort of picture it is: drawn gradients are flat art, photographs of even things are not."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from birefcli.errors import UsageError
from birefcli.image.types import Rgb
from birefcli.matte.pixelart import find_grid
from birefcli.peeling.kind_detection import detect_kind, is_flat
from birefcli.settings.model import ModelSettings
from birefcli.settings.peel import PeelKind, PeelSettings
from birefcli.stack.types import PictureKind

PHOTOS = Path(__file__).parents[2] / "examples" / "photos"


def gradient(height: int = 120, width: int = 160) -> Rgb:
    """A slope over the whole picture, with a disc of one colour on it."""
    y, x = np.mgrid[:height, :width]
    slope = np.stack([x + 40, y + 60, 200 - x // 2 - y // 3], axis=-1)
    disc = np.hypot(y - 60, x - 80) < 30
    return np.where(disc[..., None], (220, 40, 90), slope).astype(np.uint8)


def test_a_drawn_gradient_is_flat_and_the_same_with_grain_is_not() -> None:
    drawn = gradient()
    assert is_flat(drawn, is_jpeg=False)
    grain = np.random.default_rng(0).normal(0, 1.5, drawn.shape)
    grained = np.clip(np.rint(drawn + grain), 0, 255).astype(np.uint8)
    assert not is_flat(grained, is_jpeg=False)


def test_a_smooth_photograph_is_no_flat_art() -> None:
    for name in ("alien", "fruit", "mug"):
        with Image.open(PHOTOS / f"{name}.jpg") as photo:
            rgb = np.asarray(photo.convert("RGB"))
        assert not is_flat(rgb, is_jpeg=True)


def test_pictures_of_a_few_pixels_have_a_kind() -> None:
    for size in ((1, 1), (2, 5), (1, 40), (3, 3)):
        noise = np.random.default_rng(1).integers(0, 256, (*size, 3)).astype(np.uint8)
        is_flat(noise, is_jpeg=False)


def test_settings_that_make_no_sense_are_refused() -> None:
    for seconds in (0.0, -1.0, float("nan")):
        with pytest.raises(UsageError, match="max-seconds"):
            PeelSettings(max_seconds=seconds)
    with pytest.raises(UsageError, match="empty text"):
        ModelSettings(model="")


def test_the_grid_of_enlarged_art_is_found_wherever_it_begins() -> None:
    art = np.random.default_rng(0).integers(0, 4, (24, 30, 3)).astype(np.uint8) * 60
    for factor in (2, 3, 5):
        whole = np.repeat(np.repeat(art, factor, 0), factor, 1)
        for top, left in ((0, 0), (1, 0), (1, 1)):
            cut = whole[top:, left:]
            grid = find_grid(cut)
            assert grid is not None and grid.step == factor
            native = grid.native(cut)
            assert np.array_equal(native, art)
            assert np.array_equal(grid.enlarged(native, (cut.shape[0], cut.shape[1])), cut)


def test_kinds_are_told_apart() -> None:
    rng = np.random.default_rng(0)
    photo = cv2.GaussianBlur(rng.integers(0, 256, (300, 300, 3)).astype(np.uint8), (0, 0), 3)
    photo = np.clip((photo.astype(int) - 128) * 6 + 128, 0, 255).astype(np.uint8)
    flat = np.full((300, 300, 3), 200, np.uint8)
    cv2.circle(flat, (150, 150), 80, (200, 40, 60), -1, cv2.LINE_AA)
    assert not is_flat(photo, is_jpeg=False) and is_flat(flat, is_jpeg=False)
    assert detect_kind(photo, PeelKind.AUTO, is_jpeg=False).kind == PictureKind.PHOTO
    assert detect_kind(flat, PeelKind.AUTO, is_jpeg=False).kind == PictureKind.FLAT
    assert detect_kind(flat, PeelKind.PHOTO, is_jpeg=False).kind == PictureKind.PHOTO
    noisy = np.clip(flat.astype(int) + rng.integers(-1, 2, flat.shape), 0, 255).astype(np.uint8)
    assert is_flat(noisy, is_jpeg=True)
