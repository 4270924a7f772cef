"""A batch of composed pictures with their mattes, and the tensors a network sees of it."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from birefcli.net import BiRefNet


@dataclass(frozen=True, eq=False)
class TrainingBatch:
    """Composed pictures (N, H, W, 3) and their mattes (N, H, W), all of one size."""

    rgb: NDArray[np.uint8]
    matte: NDArray[np.float32]
    # Where the truth is known (N, H, W), 1 or 0; nothing means everywhere.
    known: NDArray[np.float32] | None = None
    # What each sample was made from.
    names: tuple[str, ...] = ()
    # The class of each sample (N,), -1 where it has none or several; of a set with classes.
    labels: NDArray[np.int64] | None = None
    # One sentence for each file that could not be read and was replaced by another draw.
    bad: tuple[str, ...] = ()
    # Which samples are photographs with nothing laid onto them (N,); None if nobody asked.
    is_photo: NDArray[np.bool_] | None = None


def to_tensors(
    batch: TrainingBatch, network: BiRefNet, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Normalise a batch to images (N, 3, H, W) and targets (N, 1, H, W)."""
    mean = torch.tensor(network.config.mean, device=device).view(1, 3, 1, 1)
    std = torch.tensor(network.config.std, device=device).view(1, 3, 1, 1)
    rgb = torch.from_numpy(batch.rgb).to(device).permute(0, 3, 1, 2).float() / 255
    image = ((rgb - mean) / std).contiguous(memory_format=torch.channels_last)
    return image, torch.from_numpy(batch.matte).to(device)[:, None]
