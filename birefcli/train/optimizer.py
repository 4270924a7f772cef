"""What learns, how fast, and the running average of it."""

from collections import defaultdict

import torch
from torch import nn

from birefcli.errors import UsageError
from birefcli.net import BiRefNet
from birefcli.settings import TrainSettings


def make_optimizer(network: BiRefNet, settings: TrainSettings) -> torch.optim.AdamW:
    """Group the parameters that learn: the encoder's slower, those of two axes or more decaying."""
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = defaultdict(list)
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            decays = settings.decay_all or parameter.ndim > 1
            groups[name.startswith("bb."), decays].append(parameter)
    # One kernel for all of a step on a GPU; on a CPU the sums must stay what they were.
    is_cuda = next(network.parameters()).is_cuda
    return torch.optim.AdamW(
        [
            {
                "params": parameters,
                "scale": settings.encoder_rate if in_encoder else 1.0,
                "weight_decay": settings.weight_decay if decays else 0.0,
            }
            for (in_encoder, decays), parameters in groups.items()
        ],
        lr=settings.rate,
        betas=(0.9, settings.beta2),
        fused=True if is_cuda else None,
    )


def freeze(network: BiRefNet, settings: TrainSettings) -> None:
    """Stop the gradients of what does not learn."""
    if settings.encoder_rate == 0:
        network.bb.requires_grad_(False)
    for module in resting_parts(network, settings):
        module.requires_grad_(False)


def resting_parts(network: BiRefNet, settings: TrainSettings) -> list[nn.Module]:
    """List the finest parts of the encoder, which a training leaves as they are."""
    if settings.resting_strides == 0:
        return []
    parts = getattr(network.bb, "parts_to_stride", None)
    if parts is None:
        raise UsageError(f"resting_strides is not known for {network.config.backbone}; leave it 0")
    modules: list[nn.Module] = parts(settings.resting_strides)
    return modules


def training_mode(network: BiRefNet, settings: TrainSettings) -> None:
    """Set the network to training; norms at rest keep their statistics, a frozen encoder all."""
    network.train()
    if settings.encoder_rate == 0:
        network.bb.eval()
    for part in resting_parts(network, settings):
        part.eval()
    if norms_rest(settings):
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()


def norms_rest(settings: TrainSettings) -> bool:
    """Tell whether batch norms keep their statistics: asked for, or because of single pictures."""
    return settings.frozen_norms or min(stage.batch for stage in settings.stages) == 1


@torch.no_grad()
def update_average(average: nn.Module, network: nn.Module, decay: float, step: int) -> None:
    """Move the averaged weights and statistics towards the network's; faster at the start."""
    keep = min(decay, (1 + step) / (10 + step))
    pairs = zip(average.state_dict().values(), network.state_dict().values(), strict=True)
    means, values = [], []
    for mean, value in pairs:
        if mean.is_floating_point():
            means.append(mean)
            values.append(value)
        else:
            mean.copy_(value)
    torch._foreach_lerp_(means, values, 1 - keep)
