"""Batch norms of resting parts folded into the convolutions before them: the same maps, sooner."""

import copy

import torch
from torch import nn

from birefcli.net import BiRefNet
from birefcli.settings import TrainSettings
from birefcli.train.folded_encoder import convolutions_with_norms
from birefcli.train.optimizer import resting_parts


def fold_resting_norms(network: BiRefNet, settings: TrainSettings) -> int:
    """Let each convolution at rest do the work of the batch norm after it; give their number.

    Weights and their names stay as they are; only what runs changes, so a copy made afterwards
    would still run the original's. It is called once the weights are those that will rest.
    """
    # Adapters move what rests.
    if settings.lora:
        return 0
    pairs = convolutions_with_norms(nn.ModuleList(resting_parts(network, settings)))
    for _, convolution, norm in pairs:
        setattr(convolution, "forward", _folded(convolution, norm).forward)  # noqa: B010
        setattr(norm, "forward", nn.Identity().forward)  # noqa: B010
    return len(pairs)


@torch.no_grad()
def _folded(convolution: nn.Conv2d, norm: nn.BatchNorm2d) -> nn.Conv2d:
    """Give a convolution that does what two modules do with the norm's running statistics."""
    assert norm.running_mean is not None and norm.running_var is not None
    folded = copy.deepcopy(convolution).requires_grad_(False)
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    bias = 0 if convolution.bias is None else convolution.bias
    folded.weight.mul_(scale.view(-1, 1, 1, 1))
    folded.bias = nn.Parameter(norm.bias + (bias - norm.running_mean) * scale, requires_grad=False)
    return folded
