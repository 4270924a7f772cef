"""MobileNetV2 (Sandler et al. 2018), the light backbone of the bundled models."""

from collections.abc import Mapping

import torch.nn.functional as F
from torch import Tensor, nn

from birefcli.net.backbones.table import Backbone

# Expansion, channels, repeats and first stride of each group of inverted residuals (Table 2).
GROUPS = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
OUTPUTS = (3, 6, 13, 17)  # features whose maps leave at strides 4, 8, 16, 32


class SameConv2d(nn.Conv2d):
    """A convolution padded as TensorFlow's "same": the odd pixel goes to the bottom and right."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, out, ceil(H/stride), ceil(W/stride))."""
        kernel, stride = self.kernel_size[0], self.stride[0]
        extra = [max((-(-n // stride) - 1) * stride + kernel - n, 0) for n in x.shape[-2:]]
        rows, columns = extra
        if rows % 2 == 0 and rows == columns:
            return F.conv2d(x, self.weight, self.bias, stride, rows // 2, 1, self.groups)
        x = F.pad(x, (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2))
        return F.conv2d(x, self.weight, self.bias, stride, 0, 1, self.groups)


def conv_norm_relu6(
    cin: int, cout: int, kernel: int, stride: int = 1, groups: int = 1
) -> nn.Module:
    """Make a convolution, its batch norm and the clipped rectifier."""
    return nn.Sequential(
        SameConv2d(cin, cout, kernel, stride, groups=groups, bias=False),
        nn.BatchNorm2d(cout),
        nn.ReLU6(inplace=True),
    )


class MobileNetResidual(nn.Module):
    """Expand, filter each channel, project linearly; added to the input where shapes allow."""

    def __init__(self, cin: int, cout: int, stride: int, expansion: int) -> None:
        super().__init__()
        inner = cin * expansion
        self.adds = stride == 1 and cin == cout
        self.conv = nn.Sequential(
            *([conv_norm_relu6(cin, inner, 1)] if expansion > 1 else []),
            conv_norm_relu6(inner, inner, 3, stride, groups=inner),
            SameConv2d(inner, cout, 1, bias=False),
            nn.BatchNorm2d(cout),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, cin, H, W) to (N, cout, H/stride, W/stride)."""
        out: Tensor = self.conv(x)
        return x + out if self.adds else out


class MobileNetV2(nn.Module):
    """The convolutional part of MobileNetV2 at width 1.0, up to the 320-channel map."""

    def __init__(self) -> None:
        super().__init__()
        features = [conv_norm_relu6(3, 32, 3, 2)]
        cin = 32
        for expansion, cout, repeats, first_stride in GROUPS:
            for i in range(repeats):
                stride = first_stride if i == 0 else 1
                features.append(MobileNetResidual(cin, cout, stride, expansion))
                cin = cout
        self.features = nn.ModuleList(features)

    def forward(self, image: Tensor) -> list[Tensor]:
        """Map (N, 3, H, W) to maps of 24, 32, 96, 320 channels at strides 4, 8, 16, 32."""
        maps = []
        x = image
        for i, feature in enumerate(self.features):
            x = feature(x)
            if i in OUTPUTS:
                maps.append(x)
        return maps

    def parts_to_stride(self, count: int) -> list[nn.Module]:
        """List the modules up to the `count`-th of the four maps that leave."""
        return list(self.features[: OUTPUTS[count - 1] + 1])


def detect(weights: Mapping[str, Tensor]) -> str | None:
    """Tell the backbone of this file from others by a weight that only it has."""
    return "mobilenet_v2" if "features.1.conv.0.0.weight" in weights else None


BACKBONES = (
    Backbone(
        name="mobilenet_v2",
        widths=(24, 32, 96, 320),
        build=MobileNetV2,
        detect=detect,
        recomputed=(MobileNetResidual,),
    ),
)
