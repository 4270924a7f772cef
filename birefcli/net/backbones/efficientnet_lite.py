"""EfficientNet-Lite2 (Tan and Le 2019, "EfficientNet"; Google's Lite models of 2020: no squeeze and
excitation, ReLU6), under the names of timm's `tf_efficientnet_lite2`."""

from collections.abc import Mapping

from torch import Tensor, nn

from birefcli.net.backbones.mobilenet import SameConv2d
from birefcli.net.backbones.table import Backbone

STEM = 32
# Kernel, stride of the first block, expansion, channels and blocks of each stage after the stem.
STAGES = (
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 3),
    (5, 2, 6, 48, 3),
    (3, 2, 6, 88, 4),
    (5, 1, 6, 120, 4),
    (5, 2, 6, 208, 5),
    (3, 1, 6, 352, 1),
)
OUTPUTS = (1, 2, 4, 6)  # stages whose maps leave at strides 4, 8, 16, 32
EPS = 1e-3


class EfficientNetLite2(nn.Module):
    """The convolutional part of EfficientNet-Lite2 up to the 352-channel map; 4.36 M weights."""

    def __init__(self) -> None:
        super().__init__()
        self.conv_stem = SameConv2d(3, STEM, 3, 2, bias=False)
        self.bn1 = nn.BatchNorm2d(STEM, EPS)
        self.relu = nn.ReLU6(inplace=True)
        stages: list[nn.Module] = []
        cin = STEM
        for kernel, first_stride, expansion, cout, count in STAGES:
            blocks: list[nn.Module] = []
            for i in range(count):
                stride = first_stride if i == 0 else 1
                if expansion == 1:
                    blocks.append(SeparableConv(cin, cout, kernel, stride))
                else:
                    blocks.append(EfficientNetResidual(cin, cout, kernel, stride, expansion))
                cin = cout
            stages.append(nn.Sequential(*blocks))
        self.blocks = nn.ModuleList(stages)

    def forward(self, image: Tensor) -> list[Tensor]:
        """Map (N, 3, H, W) to maps of 24, 48, 120, 352 channels at strides 4, 8, 16, 32."""
        maps = []
        x = self.relu(self.bn1(self.conv_stem(image)))
        for i, stage in enumerate(self.blocks):
            x = stage(x)
            if i in OUTPUTS:
                maps.append(x)
        return maps

    def parts_to_stride(self, count: int) -> list[nn.Module]:
        """List the modules up to the `count`-th of the four maps that leave."""
        return [self.conv_stem, self.bn1, *self.blocks[: OUTPUTS[count - 1] + 1]]


class SeparableConv(nn.Module):
    """Filter each channel, project linearly: the first block, which has no expansion."""

    def __init__(self, cin: int, cout: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.adds = stride == 1 and cin == cout
        self.conv_dw = SameConv2d(cin, cin, kernel, stride, groups=cin, bias=False)
        self.bn1 = nn.BatchNorm2d(cin, EPS)
        self.conv_pw = SameConv2d(cin, cout, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(cout, EPS)
        self.relu = nn.ReLU6(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, cin, H, W) to (N, cout, ceil(H/stride), ceil(W/stride))."""
        y = self.relu(self.bn1(self.conv_dw(x)))
        out: Tensor = self.bn2(self.conv_pw(y))
        return x + out if self.adds else out


class EfficientNetResidual(nn.Module):
    """Expand, filter each channel, project linearly; added to the input where shapes allow."""

    def __init__(self, cin: int, cout: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        inner = cin * expansion
        self.adds = stride == 1 and cin == cout
        self.conv_pw = SameConv2d(cin, inner, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(inner, EPS)
        self.conv_dw = SameConv2d(inner, inner, kernel, stride, groups=inner, bias=False)
        self.bn2 = nn.BatchNorm2d(inner, EPS)
        self.conv_pwl = SameConv2d(inner, cout, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(cout, EPS)
        self.relu = nn.ReLU6(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, cin, H, W) to (N, cout, ceil(H/stride), ceil(W/stride))."""
        y = self.relu(self.bn1(self.conv_pw(x)))
        y = self.relu(self.bn2(self.conv_dw(y)))
        out: Tensor = self.bn3(self.conv_pwl(y))
        return x + out if self.adds else out


def detect(weights: Mapping[str, Tensor]) -> str | None:
    """Tell the backbone of this file from others by a weight that only it has."""
    return "efficientnet_lite2" if "conv_stem.weight" in weights else None


BACKBONES = (
    Backbone(
        name="efficientnet_lite2",
        widths=(24, 48, 120, 352),
        build=EfficientNetLite2,
        detect=detect,
        recomputed=(EfficientNetResidual,),
    ),
)
