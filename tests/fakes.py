"""Stand-ins for walks and commands: segmenters without torch, pictures, and a tiny real network."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from birefcli.errors import PictureError
from birefcli.image.types import Matte, Rgb
from birefcli.models.segmenter import LoadedSegmenter, Segmenter
from birefcli.models.store import ModelFile, ModelInfo

if TYPE_CHECKING:
    from birefcli.net.config import BiRefNetConfig

MODEL = ModelFile(
    name="fake",
    path=Path("fake.safetensors"),
    sha256="f" * 64,
    licence="MIT",
    size=None,
    keeps_aspect=None,
    tile_order=None,
    variant=None,
)


# ---- segmenters ------------------------------------------------------------------------------


@dataclass
class Bright:
    """Calls bright pixels foreground, softly, and remembers how many pictures came at once."""

    seen: list[int] = field(default_factory=list)

    def __call__(self, images: Sequence[Rgb]) -> list[Matte]:
        self.seen.append(len(images))
        return [np.clip((rgb.mean(2, dtype=np.float32) - 80) / 100, 0, 1) for rgb in images]


@dataclass
class Failing:
    """Always fails."""

    error: Exception = field(default_factory=lambda: RuntimeError("the network fell over"))

    def __call__(self, images: Sequence[Rgb]) -> list[Matte]:
        raise self.error


def nothing(images: Sequence[Rgb]) -> list[Matte]:
    """Finds nothing in any picture."""
    return [np.zeros(rgb.shape[:2], np.float32) for rgb in images]


def not_a_number(images: Sequence[Rgb]) -> list[Matte]:
    """Gives mattes with one NaN."""
    mattes = [np.ones(rgb.shape[:2], np.float32) for rgb in images]
    for matte in mattes:
        matte[0, 0] = np.nan
    return mattes


@dataclass
class Small(Bright):
    """Runs out of memory when more than `most` pictures come at once."""

    most: int = 1

    def __call__(self, images: Sequence[Rgb]) -> list[Matte]:
        if len(images) > self.most:
            raise PictureError("it does not fit into memory", reason="out-of-memory")
        return super().__call__(images)


@dataclass(frozen=True)
class Fixed:
    """Gives every picture one matte."""

    matte: Matte

    def __call__(self, images: Sequence[Rgb]) -> list[Matte]:
        return [self.matte for _ in images]


def loaded(segment: Segmenter, batch: int = 1) -> LoadedSegmenter:
    """What a walk gets from its loader."""
    info = ModelInfo(MODEL.name, MODEL.sha256, MODEL.licence, "new")
    return LoadedSegmenter(segment, info, "cpu", batch)


# ---- pictures --------------------------------------------------------------------------------


def draw(number: int = 0, size: tuple[int, int] = (40, 30)) -> Image.Image:
    """A bright, soft disk on a dark ground of many colours; `size` is (width, height)."""
    width, height = size
    ground = np.random.default_rng(number).integers(0, 60, (height, width, 3))
    image = Image.fromarray(ground.astype(np.uint8))
    disk = Image.new("L", size)
    ImageDraw.Draw(disk).ellipse((width // 4, height // 4, 3 * width // 4, 3 * height // 4), 255)
    image.paste((250, 255 - number % 25, 240), mask=disk.filter(ImageFilter.GaussianBlur(1)))
    return image


def draw_files(folder: Path, *names: str) -> list[Path]:
    """Such disks as files, each a little different."""
    paths = [folder / name for name in names]
    for i, path in enumerate(paths):
        path.parent.mkdir(parents=True, exist_ok=True)
        draw(i).save(path)
    return paths


# ---- a network -------------------------------------------------------------------------------


def tiny_config() -> "BiRefNetConfig":
    """Describe a real BiRefNet that is small and quick."""
    from birefcli.net.config import compact_config

    return replace(
        compact_config(64),
        squeeze_channels=8,
        decoder_channels=(8, 8, 8, 8),
        tile_channels=(4, 4, 4, 4, 4),
        tile_inner=4,
        block_inner=(8, 8, 8, 8, 8),
        branch_channels=(8, 8, 8, 8, 8),
    )


def save_tiny_network(path: Path) -> Path:
    """Write a real BiRefNet that is small, quick, and calls bright pixels foreground."""
    import torch

    from birefcli.net.birefnet import BiRefNet
    from birefcli.net.checkpoint import save_network

    config = tiny_config()
    torch.manual_seed(0)
    network = BiRefNet(config).eval()
    with torch.no_grad():
        # The last tiles carry the picture's brightness straight to the output.
        tiles = network.decoder.ipt_blk1
        for conv in (tiles.conv1, tiles.conv_out):
            conv.weight.zero_()
            conv.bias.zero_()
            conv.weight[0, :, 1, 1] = 1
        last = network.decoder.conv_out1[0]
        last.weight[:, : -config.tile_channels[-1]] *= 0.1
        last.weight[0, -config.tile_channels[-1]] = 3
        last.bias.zero_()
    save_network(path, network, {"licence": "MIT"}, half=True)
    return path
