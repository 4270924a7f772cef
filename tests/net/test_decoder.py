"""The decoder on a pyramid: maps of one stride are brought to the strides and widths it wants."""

from dataclasses import replace

import torch
import torch.nn.functional as F

from birefcli.net.config import compact_config
from birefcli.net.decoder import Decoder

PYRAMID = (24, 20, 16, 12)  # of x4..x1
FLAT = replace(
    compact_config(64),
    backbone="flat",
    widths=(8, 9, 10, 11),
    pyramid=PYRAMID,
    squeeze_channels=13,
)


def test_a_pyramid_resizes_and_widens_the_maps_first() -> None:
    decoder = Decoder(FLAT).eval()
    image = torch.randn(2, 3, 64, 96)
    maps = [torch.randn(2, width, 4, 6) for width in (8, 9, 10, 13)]
    with torch.inference_mode():
        logits = decoder(image, list(maps)).logits

        widened = []
        for level, size in ((1, (16, 24)), (2, (8, 12)), (3, (4, 6)), (4, (2, 3))):
            conv = decoder.get_submodule(f"pyramid_neck_x{level}.conv")
            x = F.interpolate(maps[level - 1], size, mode="bilinear", align_corners=True)
            widened.append(F.conv2d(x, conv.weight, conv.bias))
        p4, p3, p2, p1 = PYRAMID
        plain = replace(FLAT, pyramid=None, widths=(p1, p2, p3, p4), squeeze_channels=p4)
        rest = {k: v for k, v in decoder.state_dict().items() if "pyramid" not in k}
        same = Decoder(plain).eval()
        same.load_state_dict(rest)
        assert torch.equal(logits, same(image, widened).logits)
