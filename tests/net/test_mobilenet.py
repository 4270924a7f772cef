"""The light backbone: TensorFlow's padding, its strides and widths, its published size."""

import math

import pytest
import torch
import torch.nn.functional as F

from birefcli.net.backbones.mobilenet import MobileNetV2, SameConv2d


def padded_like_tensorflow(x: torch.Tensor, conv: SameConv2d) -> torch.Tensor:
    """The slow, obvious form: pad each axis for itself, the odd pixel at its end."""
    k, s = conv.kernel_size[0], conv.stride[0]
    pads = []
    for n in (x.shape[-1], x.shape[-2]):
        total = max((math.ceil(n / s) - 1) * s + k - n, 0)
        pads += [total // 2, total - total // 2]
    return F.conv2d(F.pad(x, pads), conv.weight, None, s, 0, 1, conv.groups)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("kernel", [1, 3])
@pytest.mark.parametrize("size", [(8, 8), (7, 7), (8, 7), (7, 8), (1, 2)])
def test_same_padding_is_tensorflows(stride, kernel, size):
    conv = SameConv2d(2, 3, kernel, stride, bias=False)
    x = torch.randn(1, 2, *size)
    assert torch.allclose(conv(x), padded_like_tensorflow(x, conv), atol=1e-6)


def test_the_maps_have_the_strides_and_widths_the_decoder_expects():
    maps = MobileNetV2().eval()(torch.randn(1, 3, 64, 96))
    assert [tuple(m.shape[1:]) for m in maps] == [
        (24, 16, 24),
        (32, 8, 12),
        (96, 4, 6),
        (320, 2, 3),
    ]


def test_it_has_the_published_number_of_parameters():
    # 3.50 M in the paper, less the last convolution (320 × 1280 + norm) and the classifier.
    count = sum(p.numel() for p in MobileNetV2().parameters())
    assert count == 3_504_872 - (320 * 1280 + 2 * 1280) - (1280 * 1000 + 1000)
