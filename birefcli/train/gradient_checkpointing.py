"""Gradient checkpointing: blocks are computed again in the backward pass instead of kept."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from birefcli.net import BasicDecBlk, BiRefNet, find_backbone


def recompute_blocks(network: BiRefNet) -> int:
    """Let a network's blocks be recomputed from here on; the count of them.

    Gradients and statistics are those of the plain network. A copy made afterwards would still
    call the blocks of the original.
    """
    kinds: tuple[type[nn.Module], ...] = (BasicDecBlk,)
    kinds += find_backbone(network.config.backbone).recomputed
    blocks = [module for module in network.modules() if isinstance(module, kinds)]
    for block in blocks:
        setattr(block, "forward", _recomputing(block))  # noqa: B010 (mypy: it is a method)
    return len(blocks)


def _recomputing(block: nn.Module) -> Any:
    plain = block.forward

    def contexts() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
        return nullcontext(), norms_count_once(block)

    def forward(*inputs: Any) -> Any:
        if not torch.is_grad_enabled():
            return plain(*inputs)
        return checkpoint(plain, *inputs, use_reentrant=False, context_fn=contexts)

    return forward


@contextmanager
def norms_count_once(block: nn.Module) -> Iterator[None]:
    """Keep the running statistics of batch norms as they are while a block is computed again."""
    norms = [module for module in block.modules() if isinstance(module, nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    seen = [norm.num_batches_tracked for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
        norm.num_batches_tracked = None
    try:
        yield
    finally:
        for norm, momentum, count in zip(norms, momenta, seen, strict=True):
            norm.momentum = momentum
            norm.num_batches_tracked = count
