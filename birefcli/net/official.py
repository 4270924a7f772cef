"""The two official pipelines, exactly: how the benchmark and the demo prepare and finish a picture.

They differ in how they resize and where they round. `cut` follows the demo's input; the official
scores need the benchmark's.
"""

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from birefcli.arrays import Alpha, Rgb
from birefcli.net.birefnet import STRIDE
from birefcli.net.config import IMAGENET_MEAN, IMAGENET_STD


def benchmark_input(rgb: Rgb, size: tuple[int, int] | None) -> Tensor:
    """Prepare (H, W, 3) as `inference.py` does, (3, height, width): resized without antialias.

    Without a size the picture keeps its own, with sides cut down to multiples of 32.
    """
    if size is not None:
        rgb = cv2.resize(rgb, size[::-1], interpolation=cv2.INTER_LINEAR).astype(np.uint8)
    height, width = (max(STRIDE, side // STRIDE * STRIDE) for side in rgb.shape[:2])
    if rgb.shape[:2] != (height, width):
        resized = Image.fromarray(rgb).resize((width, height), Image.Resampling.BICUBIC)
        rgb = np.asarray(resized)
    return _normalised(rgb)


def demo_input(rgb: Rgb, size: tuple[int, int]) -> Tensor:
    """Prepare (H, W, 3) as the notebooks do, (3, height, width): resized with antialias."""
    resized = Image.fromarray(rgb).resize(size[::-1], Image.Resampling.BILINEAR)
    return _normalised(np.asarray(resized))


def benchmark_matte(logits: Tensor, size: tuple[int, int]) -> Alpha:
    """Turn logits (1, 1, h, w) into a mask of `size`: resized as probability, then truncated."""
    probability = logits.float().sigmoid()
    return _truncated(F.interpolate(probability, size, mode="bilinear", align_corners=True))


def demo_matte(logits: Tensor, size: tuple[int, int]) -> Alpha:
    """Turn logits (1, 1, h, w) into a mask of `size`: truncated first, then resized bicubically."""
    small = Image.fromarray(_truncated(logits.float().sigmoid()))
    return np.array(small.resize(size[::-1], Image.Resampling.BICUBIC))


def _normalised(rgb: Rgb) -> Tensor:
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
    picture = torch.from_numpy(np.array(rgb)).permute(2, 0, 1).float().div(255)
    return (picture - mean) / std


def _truncated(probability: Tensor) -> Alpha:
    mask: Alpha = probability[0, 0].mul(255).byte().cpu().numpy()
    return mask
