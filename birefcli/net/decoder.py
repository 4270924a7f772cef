"""The decoder: four stages that use tiles of the picture (inward reference) and its edges (outward
reference), as the paper calls them."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from birefcli.net.blocks import (
    ASPP,
    ASPPDeformable,
    BasicDecBlk,
    BasicLatBlk,
    SimpleConvs,
    norm,
    resize,
)
from birefcli.net.config import BiRefNetConfig, KnownTileOrder

GRIDS = (32, 16, 8, 4, 1)  # tiles a side at ipt_blk5..1
GRADIENT_CHANNELS = 16


@dataclass(frozen=True)
class GradientPair:
    """One stage of gradient supervision, raw logits of shape (N, 1, h, w) and (N, 1, H, W)."""

    prediction: Tensor
    label: Tensor


@dataclass(frozen=True)
class Prediction:
    """What the network gives back; the last three are empty unless supervision was asked for."""

    logits: Tensor  # (N, 1, H, W)
    side_logits: tuple[Tensor, ...] = ()  # at strides 32, 16, 8
    gradients: tuple[GradientPair, ...] = ()  # of stages 4, 3, 2
    class_logits: Tensor | None = None


def image_tiles(image: Tensor, size: Sequence[int], order: KnownTileOrder = "new") -> Tensor:
    """Cut (N, C, H, W) into tiles of `size` and stack them as channels (paper: inward reference).

    The order is colour, tile row, tile column from slowest to fastest; checkpoints trained before
    November 2024 have tile column, tile row, colour ("old").
    """
    n, c, height, width = image.shape
    h, w = size
    rows, columns = height // h, width // w
    grid = image.reshape(n, c, rows, h, columns, w)
    turned = grid.permute(0, 4, 2, 1, 3, 5) if order == "old" else grid.permute(0, 1, 2, 4, 3, 5)
    return turned.reshape(n, c * rows * columns, h, w)


def laplacian(image: Tensor) -> Tensor:
    """Give the 5×5 Laplacian of the channels' mean, (N, 1, H, W), with reflected borders."""
    kernel = torch.full((1, 1, 5, 5), 1 / 48, dtype=image.dtype, device=image.device)
    kernel[..., 2, 2] = -0.5
    grey = F.pad(image.mean(1, keepdim=True), (2, 2, 2, 2), mode="reflect")
    return F.conv2d(grey, kernel)


def reconstruction(config: BiRefNetConfig, stage: int) -> nn.Module:
    """Build the pyramid inside block `stage` (0 is the squeeze module, then decoder_block4..1)."""
    inner, branch = config.block_inner[stage], config.branch_channels[stage]
    is_dilated = config.reconstruction == "dilated"
    return (ASPP if is_dilated else ASPPDeformable)(
        inner,
        branch,
        config.dilations if is_dilated else config.kernels,
        batch_norm=config.batch_norm,
        branch_norm=config.branch_norm,
        dropout=config.dropout,
    )


def decoder_block(config: BiRefNetConfig, stage: int, cin: int, cout: int) -> BasicDecBlk:
    """Build the block of `stage` with its reconstruction."""
    return BasicDecBlk(
        cin,
        cout,
        inner=config.block_inner[stage],
        attention=reconstruction(config, stage),
        batch_norm=config.batch_norm,
    )


class Decoder(nn.Module):
    """Turn the squeezed map and three lateral maps into one logit map at the picture's size."""

    def __init__(self, config: BiRefNetConfig) -> None:
        super().__init__()
        self.config = config
        d4, d3, d2, d1 = config.decoder_channels
        t5, t4, t3, t2, t1 = config.tile_channels
        x4, x3, x2, x1 = config.decoder_widths

        # Maps of one stride are first made a pyramid.
        if config.pyramid:
            widths = (config.squeeze_channels, *config.encoder_widths[2::-1])
            for level, cin, cout in zip((4, 3, 2, 1), widths, config.pyramid, strict=True):
                self.add_module(f"pyramid_neck_x{level}", BasicLatBlk(cin, cout))

        # Inward reference: the picture's own pixels, cut to each stage's size.
        self.stages = (4, 3, 2) if config.deepest_reference else (3, 2)
        if config.deepest_reference:
            self.ipt_blk5 = self._tile_block(0, t5)
        else:
            t5 = 0
        self.ipt_blk4 = self._tile_block(1, t4)
        self.ipt_blk3 = self._tile_block(2, t3)
        self.ipt_blk2 = self._tile_block(3, t2)
        self.ipt_blk1 = self._tile_block(4, t1)

        self.decoder_block4 = decoder_block(config, 1, x4 + t5, d4)
        self.decoder_block3 = decoder_block(config, 2, d4 + t4, d3)
        self.decoder_block2 = decoder_block(config, 3, d3 + t3, d2)
        self.decoder_block1 = decoder_block(config, 4, d2 + t2, d1)
        self.conv_out1 = nn.Sequential(nn.Conv2d(d1 + t1, 1, 1))

        self.lateral_block4 = BasicLatBlk(x3, d4)
        self.lateral_block3 = BasicLatBlk(x2, d3)
        self.lateral_block2 = BasicLatBlk(x1, d2)

        # Side outputs, and the outward reference: gradient prediction and attention.
        stage_widths = {4: d4, 3: d3, 2: d2}
        for stage in (4, 3, 2):
            self.add_module(f"conv_ms_spvn_{stage}", nn.Conv2d(stage_widths[stage], 1, 1))
        for stage in self.stages:
            self.add_module(
                f"gdt_convs_{stage}",
                nn.Sequential(
                    nn.Conv2d(stage_widths[stage], GRADIENT_CHANNELS, 3, padding=1),
                    norm(GRADIENT_CHANNELS, batch_norm=config.batch_norm),
                    nn.ReLU(inplace=True),
                ),
            )
            for head in ("pred", "attn"):
                self.add_module(
                    f"gdt_convs_{head}_{stage}",
                    nn.Sequential(nn.Conv2d(GRADIENT_CHANNELS, 1, 1)),
                )

    def _tile_block(self, index: int, out_channels: int) -> SimpleConvs:
        return SimpleConvs(3 * GRIDS[index] ** 2, out_channels, self.config.tile_inner)

    def forward(
        self, image: Tensor, features: list[Tensor], *, supervise: bool = False
    ) -> Prediction:
        """Decode x1..x3 and the squeezed x4, from the deepest stage to the picture's size.

        Each map is taken off the list when its turn comes, so that it does not outlive its use.
        """
        sides: list[Tensor] = []
        gradients: list[GradientPair] = []
        edges = laplacian(image) if supervise else None

        # Stage 4, H/32
        y = self._next_map(features, image)
        if self.config.deepest_reference:
            y = self._with_tiles(y, image, self.ipt_blk5)
        y = self._gated(4, self.decoder_block4(y), edges, sides, gradients)

        # Stage 3, H/16
        y = self._with_lateral(y, self._next_map(features, image), self.lateral_block4)
        y = self._with_tiles(y, image, self.ipt_blk4)
        y = self._gated(3, self.decoder_block3(y), edges, sides, gradients)

        # Stage 2, H/8
        y = self._with_lateral(y, self._next_map(features, image), self.lateral_block3)
        y = self._with_tiles(y, image, self.ipt_blk3)
        y = self._gated(2, self.decoder_block2(y), edges, sides, gradients)

        # Stage 1, H/4
        y = self._with_lateral(y, self._next_map(features, image), self.lateral_block2)
        y = self._with_tiles(y, image, self.ipt_blk2)
        y = self.decoder_block1(y)

        return Prediction(self._head(y, image), tuple(sides), tuple(gradients))

    def _next_map(self, features: list[Tensor], image: Tensor) -> Tensor:
        """Take the deepest map off the list, in a pyramid resized to its level and widened."""
        level = len(features)
        x = features.pop()
        if not self.config.pyramid:
            return x
        size = [side >> (level + 1) for side in image.shape[-2:]]
        out: Tensor = self.get_submodule(f"pyramid_neck_x{level}")(resize(x, size))
        return out

    def _with_lateral(self, y: Tensor, x: Tensor, lateral: nn.Module) -> Tensor:
        carried: Tensor = lateral(x)
        return carried.add_(resize(y, x.shape[-2:]))

    def _with_tiles(self, x: Tensor, image: Tensor, block: nn.Module) -> Tensor:
        tiles = image_tiles(image, x.shape[-2:], self.config.tile_order)
        return torch.cat((x, block(tiles)), 1)

    def _gated(
        self,
        stage: int,
        p: Tensor,
        edges: Tensor | None,
        sides: list[Tensor],
        gradients: list[GradientPair],
    ) -> Tensor:
        """Gate a stage's map by its gradient attention; collect what supervision compares."""
        side = None
        if edges is not None:
            side = self.get_submodule(f"conv_ms_spvn_{stage}")(p)
            sides.append(side)
        if stage not in self.stages:
            return p
        gradient = self.get_submodule(f"gdt_convs_{stage}")(p)
        if edges is not None and side is not None:
            # The label is the picture's edges under the stage's own raw map, and not detached.
            gradients.append(
                GradientPair(
                    self.get_submodule(f"gdt_convs_pred_{stage}")(gradient),
                    edges * resize(side, edges.shape[-2:]),
                )
            )
        attention: Tensor = self.get_submodule(f"gdt_convs_attn_{stage}")(gradient)
        return p * attention.sigmoid()

    def _head(self, y1: Tensor, image: Tensor) -> Tensor:
        """Give conv_out1 of the upsampled y1 joined with ipt_blk1 of the picture, from small maps.

        The 1×1 convolution and the upsampling are linear, so they trade places.
        """
        conv = self.conv_out1[0]
        assert isinstance(conv, nn.Conv2d)
        widths = [y1.shape[1], conv.in_channels - y1.shape[1]]
        from_y1, from_tiles = torch.split(conv.weight, widths, 1)
        coarse = resize(F.conv2d(y1, from_y1, conv.bias), image.shape[-2:])
        return coarse + _fused_convs(image, self.ipt_blk1, from_tiles)


def _fused_convs(image: Tensor, convs: SimpleConvs, last: Tensor) -> Tensor:
    """Apply two 3×3 convolutions and a last 1×1 to one channel, as a single 5×5 convolution."""
    first, second = convs.conv1, convs.conv_out
    assert first.bias is not None and second.bias is not None
    kernel = torch.einsum("o,oihw->ihw", last[0, :, 0, 0], second.weight)[None]  # (1, inner, 3, 3)
    bias = last[0, :, 0, 0] @ second.bias

    def two_steps(part: Tensor) -> Tensor:
        return F.conv2d(first(part), kernel, bias[None], padding=1)

    fused_kernel = F.conv_transpose2d(kernel, first.weight)  # (1, 3, 5, 5)
    fused_bias = bias + kernel.sum((2, 3))[0] @ first.bias
    out = F.conv2d(image, fused_kernel, fused_bias[None], padding=2)
    # Between the two steps zeros are padded, which the single one cannot know: only the outermost
    # pixels see them.
    out[..., :1, :] = two_steps(image[..., :3, :])[..., :1, :]
    out[..., -1:, :] = two_steps(image[..., -3:, :])[..., -1:, :]
    out[..., :1] = two_steps(image[..., :3])[..., :1]
    out[..., -1:] = two_steps(image[..., -3:])[..., -1:]
    return out
