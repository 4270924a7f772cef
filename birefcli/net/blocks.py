"""The building blocks of the decoder: reconstruction, lateral and tile blocks (reference 4)."""

from collections.abc import Iterable, Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from birefcli.net.deform import DeformableConv2d, stack_strips


def resize(x: Tensor, size: Sequence[int]) -> Tensor:
    """Resize (N, C, H, W) bilinearly with aligned corners, as every resize in the network."""
    if x.shape[-2:] == torch.Size(size):
        return x
    return F.interpolate(x, size=tuple(size), mode="bilinear", align_corners=True)


def norm(channels: int, *, batch_norm: bool = True) -> nn.Module:
    """Make a batch norm, or nothing for networks trained one picture at a time."""
    return nn.BatchNorm2d(channels) if batch_norm else nn.Identity()


class DropPath(nn.Module):
    """Drop the whole branch for some pictures while training (stochastic depth)."""

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, x: Tensor) -> Tensor:
        """Keep each picture's branch with probability 1 − p, scaled so that its mean stays."""
        if not self.training or self.probability == 0:
            return x
        keep = 1 - self.probability
        mask = x.new_empty((x.shape[0],) + (1,) * (x.ndim - 1)).bernoulli_(keep)
        return x * mask / keep


class DeformableBranch(nn.Module):
    """A modulated deformable convolution, normalised and rectified."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel: int, *, batch_norm: bool
    ) -> None:
        super().__init__()
        self.atrous_conv = DeformableConv2d(in_channels, out_channels, kernel)
        self.bn = norm(out_channels, batch_norm=batch_norm)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, out_channels, H, W)."""
        return stack_strips(self.strips(x))

    def strips(self, x: Tensor) -> Iterator[Tensor]:
        """Give `forward` some rows at a time, from the top."""
        for strip in self.atrous_conv.strips(x):
            yield F.relu(self.bn(strip), inplace=True)


class DilatedBranch(nn.Module):
    """A 1×1 or a dilated 3×3 convolution, normalised and rectified."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel: int, dilation: int, *, batch_norm: bool
    ) -> None:
        super().__init__()
        self.atrous_conv = nn.Conv2d(
            in_channels,
            out_channels,
            kernel,
            padding=dilation * (kernel // 2),
            dilation=dilation,
            bias=False,
        )
        self.bn = norm(out_channels, batch_norm=batch_norm)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, out_channels, H, W)."""
        return F.relu(self.bn(self.atrous_conv(x)), inplace=True)


class _Pyramid(nn.Module):
    """What both pyramids share: the pooled branch and the fusion of all branches."""

    def __init__(
        self, channels: int, branch: int, branches: int, *, batch_norm: bool, dropout: float
    ) -> None:
        super().__init__()
        self.branch = branch
        self.global_avg_pool = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(channels, branch, 1, bias=False),
            norm(branch, batch_norm=batch_norm),
            nn.ReLU(inplace=True),
        )
        self.conv1 = nn.Conv2d(branch * (branches + 1), channels, 1, bias=False)
        self.bn1 = norm(channels, batch_norm=batch_norm)
        self.dropout = nn.Dropout(dropout)

    def branches(self, x: Tensor) -> Iterator[Iterable[Tensor]]:
        """Give each branch of x, in the order in which they are joined, as strips of rows."""
        raise AssertionError("a pyramid lists its own branches")

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to the same shape."""
        # A convolution of joined branches is the sum of its slices on each, so none is kept.
        *weights, pooled_weight = torch.split(self.conv1.weight, self.branch, 1)
        total = F.conv2d(self.global_avg_pool(x), pooled_weight)  # (N, C, 1, 1)
        for strips, weight in zip(self.branches(x), weights, strict=True):
            total = total + stack_strips(F.conv2d(strip, weight) for strip in strips)
        fused: Tensor = self.dropout(F.relu(self.bn1(total), inplace=True))
        return fused


class ASPPDeformable(_Pyramid):
    """Deformable branches of several kernels beside a pooled one (paper: reconstruction block)."""

    def __init__(
        self,
        channels: int,
        branch: int,
        kernels: Sequence[int],
        *,
        batch_norm: bool = True,
        branch_norm: bool = True,
        dropout: float = 0.5,
    ) -> None:
        super().__init__(channels, branch, 1 + len(kernels), batch_norm=batch_norm, dropout=dropout)
        self.aspp1 = DeformableBranch(channels, branch, 1, batch_norm=branch_norm)
        self.aspp_deforms = nn.ModuleList(
            DeformableBranch(channels, branch, k, batch_norm=branch_norm) for k in kernels
        )

    def branches(self, x: Tensor) -> Iterator[Iterable[Tensor]]:
        """Give the 1×1 branch, then the deformable ones by kernel."""
        for branch in (self.aspp1, *self.aspp_deforms):
            assert isinstance(branch, DeformableBranch)
            yield branch.strips(x)


class ASPP(_Pyramid):
    """Dilated branches beside a pooled one: the light form without deformable sampling."""

    def __init__(
        self,
        channels: int,
        branch: int,
        dilations: Sequence[int],
        *,
        batch_norm: bool = True,
        branch_norm: bool = True,
        dropout: float = 0.5,
    ) -> None:
        super().__init__(
            channels, branch, 1 + len(dilations), batch_norm=batch_norm, dropout=dropout
        )
        self.aspp1 = DilatedBranch(channels, branch, 1, 1, batch_norm=branch_norm)
        for i, dilation in enumerate(dilations, start=2):
            dilated = DilatedBranch(channels, branch, 3, dilation, batch_norm=branch_norm)
            self.add_module(f"aspp{i}", dilated)
        self.count = 1 + len(dilations)

    def branches(self, x: Tensor) -> Iterator[Iterable[Tensor]]:
        """Give the 1×1 branch, then the dilated ones."""
        for i in range(1, self.count + 1):
            yield [self.get_submodule(f"aspp{i}")(x)]


class BasicDecBlk(nn.Module):
    """Convolve in, reconstruct over several receptive fields, convolve out; no last activation."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        inner: int = 64,
        attention: nn.Module | None = None,
        batch_norm: bool = True,
    ) -> None:
        super().__init__()
        self.conv_in = nn.Conv2d(in_channels, inner, 3, padding=1)
        self.dec_att = attention or ASPPDeformable(inner, 256, (1, 3, 7), batch_norm=batch_norm)
        self.conv_out = nn.Conv2d(inner, out_channels, 3, padding=1)
        self.bn_in = norm(inner, batch_norm=batch_norm)
        self.bn_out = norm(out_channels, batch_norm=batch_norm)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, in_channels, H, W) to (N, out_channels, H, W)."""
        x = F.relu(self.bn_in(self.conv_in(x)), inplace=True)
        x = self.dec_att(x)
        out: Tensor = self.bn_out(self.conv_out(x))
        return out


class BasicLatBlk(nn.Module):
    """A 1×1 convolution that carries a backbone map across to the decoder."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, in_channels, H, W) to (N, out_channels, H, W)."""
        out: Tensor = self.conv(x)
        return out


class SimpleConvs(nn.Module):
    """Two 3×3 convolutions with nothing between them: the picture's tiles become features."""

    def __init__(self, in_channels: int, out_channels: int, inner: int = 64) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, inner, 3, padding=1)
        self.conv_out = nn.Conv2d(inner, out_channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, in_channels, H, W) to (N, out_channels, H, W)."""
        out: Tensor = self.conv_out(self.conv1(x))
        return out
