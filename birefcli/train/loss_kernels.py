"""The slow parts of the losses with their own backward passes: cross-entropy and SSIM's blur."""

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

WINDOW, SIGMA = 11, 1.5  # the Gaussian under which SSIM compares (Wang et al. 2004)
LEAST_LOG = -100.0  # as in PyTorch's own cross-entropy
LEAST_SPREAD = 1e-12  # of p (1 - p), likewise


class _CrossEntropy(torch.autograd.Function):
    """PyTorch's own cross-entropy, value and gradients; four times faster on a CPU."""

    @staticmethod
    def forward(ctx: Any, probability: Tensor, target: Tensor) -> Tensor:
        ctx.save_for_backward(probability, target)
        no = torch.log1p(-probability).clamp_(min=LEAST_LOG)
        yes = torch.log(probability).clamp_(min=LEAST_LOG)
        return torch.lerp(no, yes, target).neg_()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None]:
        probability, target = ctx.saved_tensors
        wants_probability, wants_target = ctx.needs_input_grad
        ours = theirs = None
        if wants_probability:
            spread = torch.mul(probability, 1 - probability).clamp_(min=LEAST_SPREAD)
            ours = (probability - target).div_(spread).mul_(gradient)
        if wants_target:
            theirs = torch.log1p(-probability).sub_(torch.log(probability)).mul_(gradient)
        return ours, theirs


def cross_entropy(probability: Tensor, target: Tensor) -> Tensor:
    """Give the binary cross-entropy of each pixel; both are 0…1 and of one shape."""
    if probability.is_cuda:
        return F.binary_cross_entropy(probability, target, reduction="none")
    each: Tensor = _CrossEntropy.apply(probability, target)  # type: ignore[no-untyped-call]
    return each


class _Blur(torch.autograd.Function):
    """Blur (N, 1, H, W) with the SSIM window and zeros outside.

    The window is symmetric, so the gradient of a blur is the same blur: several times faster than
    the general one.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        steps = range(-(WINDOW // 2), WINDOW // 2 + 1)
        bell = torch.tensor([math.exp(-(step**2) / (2 * SIGMA**2)) for step in steps])
        bell /= bell.sum()
        # As channels of one picture: the depthwise kernel is several times faster than a batch.
        channels = x.reshape(1, len(x), *x.shape[-2:]).contiguous()
        return (blur_in_turn if x.is_cuda else blur_at_once)(channels, bell).view(x.shape)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return blur(gradient)


def blur_at_once(channels: Tensor, bell: Tensor) -> Tensor:
    """Blur every channel (1, C, H, W) with a square window: on a CPU the faster way."""
    count = channels.shape[1]
    window = torch.outer(bell, bell).to(channels).expand(count, 1, WINDOW, WINDOW)
    return F.conv2d(channels, window, padding=WINDOW // 2, groups=count)


def blur_in_turn(channels: Tensor, bell: Tensor) -> Tensor:
    """Blur every channel (1, C, H, W) along its rows and then its columns: fewer products."""
    count = channels.shape[1]
    bell = bell.to(channels)
    row = bell.expand(count, 1, 1, WINDOW)
    column = bell.view(WINDOW, 1).expand(count, 1, WINDOW, 1)
    channels = F.conv2d(channels, row, padding=(0, WINDOW // 2), groups=count)
    return F.conv2d(channels, column, padding=(WINDOW // 2, 0), groups=count)


def blur(x: Tensor) -> Tensor:
    """Blur maps (N, 1, H, W) under the Gaussian of SSIM, with zeros outside; differentiable."""
    blurred: Tensor = _Blur.apply(x)  # type: ignore[no-untyped-call]
    return blurred
