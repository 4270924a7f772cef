"""ResNet-50 (He et al. 2016, "Deep Residual Learning for Image Recognition")."""

from collections.abc import Mapping

from torch import Tensor, nn

from birefcli.net.backbones.stages import Stages
from birefcli.net.backbones.table import Backbone

EXPANSION = 4
# Inner width, blocks and first stride of each stage (Table 1).
SHAPES = ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2))


def build_resnet50() -> Stages:
    """Build the convolutional part: four maps of 256, 512, 1024 and 2048 channels."""
    stages = []
    cin = 64
    for inner, blocks, stride in SHAPES:
        first = Bottleneck(cin, inner, stride)
        cin = inner * EXPANSION
        stages.append([first, *(Bottleneck(cin, inner, 1) for _ in range(blocks - 1))])
    stem = nn.Sequential(
        nn.Conv2d(3, 64, 7, 2, padding=3, bias=False),
        nn.BatchNorm2d(64),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, 2, padding=1),
        nn.Sequential(*stages[0]),
    )
    return Stages(stem, *(nn.Sequential(*stage) for stage in stages[1:]))


class Bottleneck(nn.Module):
    """Narrow, filter with the stride, widen; added to the input, which is projected to fit."""

    def __init__(self, cin: int, inner: int, stride: int) -> None:
        super().__init__()
        cout = inner * EXPANSION
        self.conv1 = nn.Conv2d(cin, inner, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, inner, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(inner)
        self.conv3 = nn.Conv2d(inner, cout, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(cout)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = nn.Sequential()
        if cin != cout or stride > 1:
            self.downsample.append(nn.Conv2d(cin, cout, 1, stride, bias=False))
            self.downsample.append(nn.BatchNorm2d(cout))

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, cin, H, W) to (N, 4·inner, H/stride, W/stride)."""
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        out: Tensor = self.relu(self.bn3(self.conv3(y)) + self.downsample(x))
        return out


def detect(weights: Mapping[str, Tensor]) -> str | None:
    """Tell the backbone of this file from others by a weight that only it has."""
    return "resnet50" if "conv1.4.0.conv3.weight" in weights else None


BACKBONES = (
    Backbone(
        name="resnet50",
        widths=(256, 512, 1024, 2048),
        build=build_resnet50,
        detect=detect,
        recomputed=(Bottleneck,),
    ),
)
