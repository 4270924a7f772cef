"""Four convolutional stages in a row, named conv1 to conv4 as in published files."""

from torch import Tensor, nn


class Stages(nn.Module):
    """A convolutional backbone cut where its maps leave, at strides 4, 8, 16 and 32."""

    def __init__(
        self, conv1: nn.Module, conv2: nn.Module, conv3: nn.Module, conv4: nn.Module
    ) -> None:
        super().__init__()
        self.conv1, self.conv2, self.conv3, self.conv4 = conv1, conv2, conv3, conv4

    def forward(self, image: Tensor) -> list[Tensor]:
        """Map (N, 3, H, W) to the maps of the four stages."""
        maps = []
        x = image
        for stage in (self.conv1, self.conv2, self.conv3, self.conv4):
            x = stage(x)
            maps.append(x)
        return maps
