"""Small sets of one's own to train on, drawn into a folder."""

from pathlib import Path

import numpy as np
from numpy.random import default_rng
from PIL import Image

from birefcli.settings.train import TrainSettings
from birefcli.train.data.examples import Example, read_examples
from birefcli.train.data.training_data import open_data

SIZE = (64, 64)


def sprite(seed: int, side: int = 24, *, colours: int = 6) -> np.ndarray:
    """A blob of blocks in a few colours with hard alpha, unlike that of any other seed."""
    rng = default_rng(seed)
    palette = rng.integers(0, 256, (colours, 3), dtype=np.uint8)
    blocks = palette[rng.integers(0, colours, (6, 6))]
    rgb = np.repeat(np.repeat(blocks, side // 6, 0), side // 6, 1)
    alpha = np.zeros(rgb.shape[:2], np.uint8)
    edge = side // 6
    alpha[edge:-edge, edge : -edge - int(rng.integers(0, edge))] = 255
    return np.dstack([rgb, alpha])


def photo(seed: int, side: int = 48) -> tuple[np.ndarray, np.ndarray]:
    """A picture of a bright square on dark noise, and its mask."""
    rng = default_rng(seed)
    rgb = np.repeat(np.repeat(rng.integers(0, 120, (8, 8, 3), dtype=np.uint8), 6, 0), 6, 1)
    mask = np.zeros((side, side), np.uint8)
    y, x = rng.integers(4, 16, 2)
    mask[y : y + 20, x : x + 20] = 255
    rgb = np.where(mask[..., None] > 0, rng.integers(150, 256, 3), rgb).astype(np.uint8)
    return rgb, mask


def save(path: Path, array: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)
    return path


def sprites(folder: Path, count: int = 12, *, start: int = 0) -> Path:
    words = "oak elm fir ash bay fig yew box gum tea palm pine sorb plum pear lime hazel rowan"
    for i in range(count):
        save(folder / f"{words.split()[i]}.png", sprite(start + i))
    return folder


def pairs(folder: Path, count: int = 12, im: str = "im", gt: str = "gt", *, start: int = 0) -> Path:
    for i in range(count):
        rgb, mask = photo(start + i)
        save(folder / im / f"{'abcdefghijklmnopqrst'[i]}.png", rgb)
        save(folder / gt / f"{'abcdefghijklmnopqrst'[i]}.png", mask)
    return folder


def said(settings: TrainSettings) -> str:
    return "\n".join(open_data(settings).report.lines())


def accepted(settings: TrainSettings) -> list[Example]:
    open_data(settings)
    return read_examples(settings.out / "examples.jsonl")
