"""Without gradients, large maps are worked on in parts, so that temporaries stay small."""

from collections.abc import Iterator

import torch

CPU_BYTES = 8 << 20  # a part's temporaries stay in the cache
GPU_BYTES = 256 << 20  # a part keeps a GPU busy


def parts(
    length: int, step_bytes: int, device: torch.device, *, at_once: bool = False
) -> Iterator[slice]:
    """Cut a dimension of `length` into slices whose steps, of so many bytes, fill a part.

    Where gradients are computed all temporaries are kept anyway, so there is one slice.
    """
    step = length
    if not (at_once or torch.is_grad_enabled()):
        budget = CPU_BYTES if device.type == "cpu" else GPU_BYTES
        step = max(1, budget // step_bytes)
    for first in range(0, length, step):
        yield slice(first, min(first + step, length))
