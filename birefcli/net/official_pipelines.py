"""The official pipelines, reproduced: how the benchmark and the demo prepare and finish a picture.

They differ in how they resize and where they round. `cut` follows the demo's input; the official
scores of `eval` come from the benchmark's.
"""

from collections.abc import Sequence

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from birefcli.errors import PictureError
from birefcli.image import Alpha, Matte, Rgb
from birefcli.net.birefnet import STRIDE, BiRefNet
from birefcli.net.config import IMAGENET_MEAN, IMAGENET_STD
from birefcli.net.device import Compute
from birefcli.net.predict import is_out_of_memory

Levels = tuple[float, float, float]  # of red, green and blue in 0…1


class BenchmarkPredictor:
    """A network run as the benchmark runs it: every picture squashed to the network's one size.

    A smaller size would be another benchmark, so what does not fit into memory is a PictureError.
    """

    def __init__(self, network: BiRefNet, compute: Compute) -> None:
        self.config = network.config
        self.compute = compute
        self.network = network.to(compute.device).eval()
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def __call__(self, images: Sequence[Rgb]) -> list[Matte]:
        """Segment pictures (H, W, 3); mattes (H, W) in 256 levels, as the benchmark writes them."""
        config = self.config
        inputs = [benchmark_input(rgb, config.size, config.mean, config.std) for rgb in images]
        try:
            batch = torch.stack(inputs).to(self.compute.device, memory_format=torch.channels_last)
            with torch.inference_mode(), self.compute.autocast():
                logits = self.network(batch).logits
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            raise PictureError(
                "the benchmark's input does not fit into memory; close other programs,"
                " use --device cpu or --protocol default",
                reason="out-of-memory",
            ) from error
        masks = [
            benchmark_matte(row[None], rgb.shape[:2])
            for row, rgb in zip(logits, images, strict=True)
        ]
        return [mask.astype(np.float32) / np.float32(255) for mask in masks]


def benchmark_input(
    rgb: Rgb,
    size: tuple[int, int] | None,
    mean: Levels = IMAGENET_MEAN,
    std: Levels = IMAGENET_STD,
) -> Tensor:
    """Prepare (H, W, 3) as `inference.py` does, (3, height, width): resized without antialias.

    Without a size the picture keeps its own, with sides cut down to multiples of 32.
    """
    if size is not None:
        rgb = cv2.resize(rgb, size[::-1], interpolation=cv2.INTER_LINEAR).astype(np.uint8)
    height, width = (max(STRIDE, side // STRIDE * STRIDE) for side in rgb.shape[:2])
    if rgb.shape[:2] != (height, width):
        resized = Image.fromarray(rgb).resize((width, height), Image.Resampling.BICUBIC)
        rgb = np.asarray(resized)
    return _normalised(rgb, mean, std)


def demo_input(rgb: Rgb, size: tuple[int, int]) -> Tensor:
    """Prepare (H, W, 3) as the notebooks do, (3, height, width): resized with antialias."""
    resized = Image.fromarray(rgb).resize(size[::-1], Image.Resampling.BILINEAR)
    return _normalised(np.asarray(resized), IMAGENET_MEAN, IMAGENET_STD)


def benchmark_matte(logits: Tensor, size: tuple[int, int]) -> Alpha:
    """Turn logits (1, 1, h, w) into a mask of `size`: resized as probability, then truncated."""
    # In the precision of the network, and in float32 only then.
    probability = logits.sigmoid().float()
    return _truncated(F.interpolate(probability, size, mode="bilinear", align_corners=True))


def demo_matte(logits: Tensor, size: tuple[int, int]) -> Alpha:
    """Turn logits (1, 1, h, w) into a mask of `size`: truncated first, then resized bicubically."""
    small = Image.fromarray(_truncated(logits.float().sigmoid()))
    return np.array(small.resize(size[::-1], Image.Resampling.BICUBIC))


def _normalised(rgb: Rgb, mean: Levels, std: Levels) -> Tensor:
    centre, spread = (torch.tensor(values).view(3, 1, 1) for values in (mean, std))
    picture = torch.from_numpy(np.array(rgb)).permute(2, 0, 1).float().div(255)
    return (picture - centre) / spread


def _truncated(probability: Tensor) -> Alpha:
    mask: Alpha = probability[0, 0].mul(255).byte().cpu().numpy()
    return mask
