"""BiRefNet, the whole network: backbone at two resolutions, squeezed context, decoder."""

import torch
from torch import Tensor, nn

from birefcli.net.backbones.table import build_backbone
from birefcli.net.blocks import resize
from birefcli.net.config import BiRefNetConfig
from birefcli.net.decoder import Decoder, Prediction, decoder_block

STRIDE = 32  # sides of the input are multiples of this


class BiRefNet(nn.Module):
    """The bilateral reference network (Zheng et al. 2024, "Bilateral Reference for
    High-Resolution Dichotomous Image Segmentation").
    """

    def __init__(self, config: BiRefNetConfig) -> None:
        super().__init__()
        self.config = config
        x1, x2, x3, x4 = config.encoder_widths
        self.bb = build_backbone(config.backbone)
        if config.classes:
            self.cls_head = nn.Sequential(nn.Linear(x4, config.classes))
        self.squeeze_module = nn.Sequential(
            decoder_block(config, 0, x1 + x2 + x3 + x4, config.squeeze_channels)
        )
        self.decoder = Decoder(config)

    def forward(self, image: Tensor, supervise: bool = False) -> Prediction:
        """Map a normalised image (N, 3, H, W) to logits (N, 1, H, W).

        H and W are multiples of 32; other sizes raise ValueError.
        """
        if image.shape[-2] % STRIDE or image.shape[-1] % STRIDE:
            raise ValueError(f"sides must be multiples of {STRIDE}, not {tuple(image.shape[-2:])}")
        maps = self.encode(image)
        x4 = maps[-1]
        classes = self.cls_head(x4.mean((2, 3))) if supervise and self.config.classes else None

        # Context: every finer map, shrunk to the deepest one, in front of it.
        context = torch.cat([resize(x, x4.shape[-2:]) for x in maps], 1)
        maps[-1] = self.squeeze_module(context)

        out: Prediction = self.decoder(image, maps, supervise=supervise)
        return Prediction(out.logits, out.side_logits, out.gradients, classes)

    def encode(self, image: Tensor) -> list[Tensor]:
        """Give x1..x4, finest first: the full picture's maps, then the half-size ones."""
        full: list[Tensor] = self.bb(image)
        if not self.config.multi_scale:
            return full
        half: list[Tensor] = self.bb(resize(image, (image.shape[-2] // 2, image.shape[-1] // 2)))
        return [torch.cat((f, resize(h, f.shape[-2:])), 1) for f, h in zip(full, half, strict=True)]
