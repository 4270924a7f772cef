"""Modulated deformable convolution (Zhu et al. 2019, "Deformable ConvNets v2"), in small strips."""

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from importlib import import_module

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from birefcli.net.slices import slices


def deform_conv2d(x: Tensor, offset: Tensor, mask: Tensor, weight: Tensor) -> Tensor:
    """Convolve x (N, C, H, W) with taps moved by `offset` and scaled by `mask`.

    The weight is (out, C, k, k) with odd k. Offset (N, 2k², H, W) holds dy, dx of each tap, mask
    is (N, k², H, W), taps in row-major order. What lies outside the map reads zero.
    """
    return stack_strips(deform_strips(x, offset, mask, weight))


def deform_strips(
    x: Tensor, offset: Tensor, mask: Tensor, weight: Tensor, *, at_once: bool = False
) -> Iterator[Tensor]:
    """Give the convolution some rows at a time, each (N, out, rows, W), from the top."""
    n, c, height, width = x.shape
    out_channels, _, k, _ = weight.shape
    operator = _compiled_operator() if x.is_cuda else None
    if operator is not None:
        yield operator(x, offset, weight, padding=k // 2, mask=mask)
        return

    pixels = x.permute(0, 2, 3, 1).contiguous().to(torch.promote_types(x.dtype, torch.float32))
    kernel = weight.permute(2, 3, 1, 0).reshape(-1, out_channels)  # (k²·C, out)
    row_bytes = n * width * (k * k * c + out_channels) * pixels.element_size()
    for rows in slices(height, row_bytes, x.device, at_once=at_once):
        taps = _sample(pixels, offset[:, :, rows], mask[:, :, rows], rows.start)
        out = taps.to(weight.dtype) @ kernel  # (N·rows·W, out)
        yield out.view(n, -1, width, out_channels).permute(0, 3, 1, 2)


def stack_strips(strips: Iterable[Tensor]) -> Tensor:
    """Put strips of rows (N, C, rows, W) below each other."""
    strips = tuple(strips)
    return strips[0] if len(strips) == 1 else torch.cat(strips, 2)


def _sample(pixels: Tensor, offset: Tensor, mask: Tensor, top: int) -> Tensor:
    """Read pixels (N, H, W, C) bilinearly at the taps of the rows from `top`, times the mask."""
    n, height, width, channels = pixels.shape
    taps, rows = mask.shape[1:3]
    k = round(taps**0.5)

    # Where each tap looks, (N, rows, W, k²).
    dy, dx = offset.to(pixels.dtype).view(n, taps, 2, rows, width).permute(2, 0, 3, 4, 1)
    tap = torch.arange(taps, device=pixels.device)
    y = torch.arange(top, top + rows, device=pixels.device).view(-1, 1, 1) + tap // k - k // 2 + dy
    x = torch.arange(width, device=pixels.device).view(-1, 1) + tap % k - k // 2 + dx

    # The four pixels around it and their weights; those outside the map weigh nothing.
    y0, y1, wy0, wy1 = _neighbours(y, height)
    x0, x1, wx0, wx1 = _neighbours(x, width)
    scale = mask.to(pixels.dtype).permute(0, 2, 3, 1)
    wy0, wy1 = wy0 * scale, wy1 * scale
    first = torch.arange(n, device=pixels.device, dtype=torch.int32).view(-1, 1, 1, 1) * height
    y0, y1 = (first + y0) * width, (first + y1) * width
    corners = torch.stack((y0 + x0, y0 + x1, y1 + x0, y1 + x1), -1)
    weights = torch.stack((wy0 * wx0, wy0 * wx1, wy1 * wx0, wy1 * wx1), -1)
    sums = _weighted_rows(pixels.view(-1, channels), corners.view(-1, 4), weights.view(-1, 4))
    return sums.view(-1, taps * channels)


def _neighbours(position: Tensor, length: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Give the indices on both sides of each position and their bilinear weights."""
    low = position.floor()
    fraction = position - low
    # Far positions are clamped first, so that they stay integers that fit.
    low = low.clamp(-2, length + 1).to(torch.int32)
    high = low + 1
    low_weight = (1 - fraction) * ((low >= 0) & (low < length))
    high_weight = fraction * ((high >= 0) & (high < length))
    return low.clamp(0, length - 1), high.clamp(0, length - 1), low_weight, high_weight


def _weighted_rows(table: Tensor, index: Tensor, weight: Tensor) -> Tensor:
    """Sum, for each row of `index` (P, 4), the rows of `table` (R, C) it names: (P, C)."""
    if table.device.type != "mps":
        # An embedding bag does just this, in one fused pass.
        return F.embedding_bag(index, table, per_sample_weights=weight, mode="sum")
    picked = (table[index[:, i].long()] * weight[:, i, None] for i in range(4))
    return torch.stack(tuple(picked)).sum(0)


@cache
def _compiled_operator() -> Callable[..., Tensor] | None:
    """Find torchvision's operator, or None where it is missing or made for another torch."""
    try:
        operator: Callable[..., Tensor] = import_module("torchvision.ops").deform_conv2d
    # A build for another torch fails in many ways, RuntimeError and OSError among them.
    except Exception:
        return None
    # Beside timm, torchvision may be here without its compiled half.
    return operator if hasattr(torch.ops.torchvision, "deform_conv2d") else None


class DeformableConv2d(nn.Module):
    """A convolution that learns where each of its taps looks and how much it counts."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int) -> None:
        super().__init__()
        taps, padding = kernel * kernel, kernel // 2
        self.offset_conv = nn.Conv2d(in_channels, 2 * taps, kernel, padding=padding)
        self.modulator_conv = nn.Conv2d(in_channels, taps, kernel, padding=padding)
        self.regular_conv = nn.Conv2d(
            in_channels, out_channels, kernel, padding=padding, bias=False
        )
        # At the start the taps stay on the grid and count fully: an ordinary convolution.
        for conv in (self.offset_conv, self.modulator_conv):
            nn.init.zeros_(conv.weight)
            assert conv.bias is not None
            nn.init.zeros_(conv.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, in_channels, H, W) to (N, out_channels, H, W)."""
        return stack_strips(self.strips(x))

    def strips(self, x: Tensor) -> Iterator[Tensor]:
        """Give `forward` some rows at a time, from the top; all at once while training."""
        offset = self.offset_conv(x)
        mask = 2 * torch.sigmoid(self.modulator_conv(x))
        # Batch statistics need the whole map.
        return deform_strips(x, offset, mask, self.regular_conv.weight, at_once=self.training)
