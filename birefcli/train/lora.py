"""Low-rank adapters (Hu et al. 2021, "LoRA"): few numbers learn, the weights themselves rest."""

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from birefcli.net import BiRefNet

HEAD = "cls_head"  # a head the start did not have is learned whole


class LowRank(nn.Module):
    """Adds the product of two thin matrices to a weight; at first it adds nothing."""

    def __init__(self, weight: Tensor, rank: int) -> None:
        super().__init__()
        rows, columns = len(weight), weight[0].numel()
        self.down = nn.Parameter(torch.empty(rank, columns, dtype=weight.dtype))
        self.up = nn.Parameter(torch.zeros(rows, rank, dtype=weight.dtype))
        nn.init.kaiming_uniform_(self.down, a=5**0.5)

    def forward(self, weight: Tensor) -> Tensor:
        """Give the adapted weight, of the same shape."""
        return weight + (self.up @ self.down).view_as(weight)


def add_adapters(network: BiRefNet, rank: int) -> None:
    """Freeze a network and give its layers adapters that learn in their place.

    Linear layers and ungrouped convolutions are adapted where that takes fewer numbers than they
    have; the classification head learns whole.
    """
    network.requires_grad_(False)
    for name, module in list(network.named_modules()):
        if name.startswith(HEAD):
            module.requires_grad_(True)
        elif is_adaptable(module, rank):
            weight = module.weight
            assert isinstance(weight, Tensor)
            adapter = LowRank(weight, rank).to(weight.device)
            parametrize.register_parametrization(module, "weight", adapter)


def is_adaptable(module: nn.Module, rank: int) -> bool:
    """Tell whether a layer is a plain matrix that is larger than its adapter would be."""
    if not isinstance(module, nn.Linear | nn.Conv2d):
        return False
    if isinstance(module, nn.Conv2d) and module.groups > 1:
        return False
    rows, columns = len(module.weight), module.weight[0].numel()
    return rank * (rows + columns) < rows * columns


def merge_adapters(network: BiRefNet) -> BiRefNet:
    """Give a network whose plain weights hold what the adapters add; without adapters, itself."""
    adapted = {
        f"{name}.weight": module.weight
        for name, module in network.named_modules()
        if parametrize.is_parametrized(module, "weight")
    }
    if not adapted:
        return network
    state = network.state_dict() | adapted
    plain = BiRefNet(network.config)
    wanted = plain.state_dict()
    # Not narrower than the weights were.
    plain.to(next(network.parameters()).dtype)
    plain.load_state_dict({name: state[name] for name in wanted}, strict=True)
    return plain.eval()
