"""Slices of a map that are worked on one after the other, so that temporaries stay small."""

from collections.abc import Iterator

import torch

CPU_BYTES = 8 << 20  # of temporaries of a slice: they stay in the cache
GPU_BYTES = 256 << 20  # of temporaries of a slice: they keep a GPU busy


def slices(
    length: int, step_bytes: int, device: torch.device, *, at_once: bool = False
) -> Iterator[slice]:
    """Cut a dimension of `length` into slices whose temporaries fit the memory set aside for them.

    `step_bytes` are the temporaries of one step along the dimension. With `at_once`, or where
    gradients are computed and all temporaries are kept anyway, there is one slice.
    """
    step = length
    if not (at_once or torch.is_grad_enabled()):
        budget = CPU_BYTES if device.type == "cpu" else GPU_BYTES
        step = max(1, budget // step_bytes)
    for first in range(0, length, step):
        yield slice(first, min(first + step, length))
