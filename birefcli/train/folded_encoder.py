"""Start a MobileNetV2 encoder from folded weights: its batch norms are rebuilt from pictures."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from birefcli.errors import WeightsError


def load_folded(backbone: nn.Module, path: Path, pictures: Tensor) -> None:
    """Load folded convolutions (.npz) and refit the batch norms on pictures (N, 3, H, W).

    In eval mode the network then equals the folded one; in train mode it stays close, because
    each norm starts with the mean and variance its convolution really has on such pictures.
    """
    with np.load(path) as arrays:
        folded = {name: torch.from_numpy(arrays[name]) for name in arrays.files}
    pairs = convolutions_with_norms(backbone)
    absent = [name for name, _, _ in pairs if f"{name}.weight" not in folded]
    if absent:
        raise WeightsError(f"{path} holds no backbone like this one: it lacks {absent[0]}.weight")
    for name, conv, bn in pairs:
        conv.weight.data.copy_(folded[f"{name}.weight"])
        _set_norm(bn, torch.zeros(1), torch.ones(1) - bn.eps, folded[f"{name}.bias"])

    moments: dict[str, tuple[Tensor, Tensor]] = {}
    hooks = [_watch(name, conv, moments) for name, conv, _ in pairs]
    was_training = backbone.training
    with torch.inference_mode():
        backbone.eval()(pictures)
    backbone.train(was_training)
    for hook in hooks:
        hook.remove()
    for name, _, bn in pairs:
        mean, variance = (m.clone() for m in moments[name])
        _set_norm(bn, mean, variance, folded[f"{name}.bias"])


def convolutions_with_norms(module: nn.Module) -> list[tuple[str, nn.Conv2d, nn.BatchNorm2d]]:
    """List each convolution, by name, with the batch norm that follows it."""
    pairs = []
    previous: tuple[str, nn.Conv2d] | None = None
    for name, child in module.named_modules():
        if isinstance(child, nn.Conv2d):
            previous = name, child
        elif isinstance(child, nn.BatchNorm2d) and previous is not None:
            pairs.append((*previous, child))
            previous = None
    return pairs


def _set_norm(bn: nn.BatchNorm2d, mean: Tensor, variance: Tensor, bias: Tensor) -> None:
    """Make a norm the identity plus the folded bias, seen through its running statistics."""
    assert bn.running_mean is not None and bn.running_var is not None
    bn.running_mean.copy_(mean.expand_as(bn.running_mean))
    bn.running_var.copy_(variance.expand_as(bn.running_var))
    bn.weight.data.copy_((bn.running_var + bn.eps).sqrt())
    bn.bias.data.copy_(bias + bn.running_mean)


def _watch(
    name: str, conv: nn.Conv2d, moments: dict[str, tuple[Tensor, Tensor]]
) -> RemovableHandle:
    def keep(_module: nn.Module, _inputs: object, output: Tensor) -> None:
        variance, mean = torch.var_mean(output, (0, 2, 3), correction=0)
        moments[name] = mean, variance

    return conv.register_forward_hook(keep)
