"""Where the golden fixtures lie, and the rule that gave their networks weights: random by key."""

import math
import zlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

GOLDEN = Path(__file__).parent / "golden"


def weight_rule(network: nn.Module) -> None:
    """Fill every floating entry of the state dict in place from its own key."""
    with torch.no_grad():
        for key, tensor in network.state_dict().items():
            if tensor.is_floating_point():
                tensor.copy_(ruled_tensor(key, tuple(tensor.shape)))


def ruled_tensor(key: str, shape: tuple[int, ...]) -> Tensor:
    """Give the float32 tensor of `shape` that the rule puts under `key`."""
    random = np.random.RandomState(zlib.crc32(key.encode()))
    z = random.standard_normal(math.prod(shape))
    return torch.from_numpy(_scaled(key, shape, z).astype(np.float32)).reshape(shape)


def _scaled(key: str, shape: tuple[int, ...], z: np.ndarray) -> np.ndarray:
    last = key.rsplit(".", 1)[-1]
    fan = math.prod(shape[1:])
    if last == "running_mean":
        return 0.1 * z
    if last == "running_var":
        return np.exp(0.2 * z)
    if last == "relative_position_bias_table":
        return 0.5 * z
    if key.endswith("offset_conv.weight"):
        return z * (1.5 / math.sqrt(fan))
    if key.endswith("modulator_conv.weight"):
        return z * (1 / math.sqrt(fan))
    if key.endswith(("offset_conv.bias", "modulator_conv.bias")):
        return 0.5 * z
    if key.endswith(("dec_att.bn1.weight", "bn_out.weight")):
        return 2 + 0.2 * z
    if ".lateral_block" in key and last == "weight":
        return z * (0.5 / math.sqrt(fan))
    if last == "weight" and len(shape) == 1:
        return 1 + 0.1 * z
    if last == "weight":
        return z * (1 / math.sqrt(fan))
    return 0.1 * z
