"""Everything that changes while a network is trained, put together once."""

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from birefcli.errors import UsageError
from birefcli.net import BiRefNet, Compute, training_compute
from birefcli.settings import TrainSettings
from birefcli.train.gradient_checkpointing import recompute_blocks
from birefcli.train.lora import add_adapters
from birefcli.train.optimizer import freeze, make_optimizer, training_mode
from birefcli.train.processes import SingleProcess
from birefcli.train.teacher import Teacher


@dataclass(frozen=True)
class TrainingState:
    """A network, the average of its weights, and what moves them."""

    network: BiRefNet
    forward: nn.Module  # the network, or what averages its gradients over processes
    average: BiRefNet
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    compute: Compute
    processes: SingleProcess
    teacher: Teacher | None = None


def make_training_state(
    network: BiRefNet,
    settings: TrainSettings,
    processes: SingleProcess,
    say: Callable[[str], None],
    teacher: Teacher | None = None,
) -> TrainingState:
    """Bring a network to its device and give it its optimizer, its average and its adapters."""
    compute = training_compute(settings.device, settings.precision)
    if processes.device is not None:
        compute = Compute(processes.device, compute.dtype)
    if compute.dtype == torch.float16 and compute.device.type != "cuda":
        raise UsageError(f"fp16 trains on CUDA only; on {compute.device} use fp32 or bf16")
    if settings.lora:
        add_adapters(network, settings.lora)
    freeze(network, settings)
    if settings.lora:
        count = sum(p.numel() for p in network.parameters() if p.requires_grad)
        say(f"adapters of rank {settings.lora}: {count:,} numbers learn, the weights rest")
    network.to(compute.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    average = copy.deepcopy(network).requires_grad_(False)
    if settings.checkpointing:
        recompute_blocks(network)
    training_mode(network, settings)
    optimizer = make_optimizer(network, settings)
    is_half = compute.dtype == torch.float16
    return TrainingState(
        network,
        processes.wrap(network),
        average,
        optimizer,
        torch.amp.GradScaler(compute.device.type, enabled=is_half),
        compute,
        processes,
        None if teacher is None else teacher.to(compute),
    )
