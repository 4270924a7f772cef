"""VGG-16 (Simonyan and Zisserman 2015), with and without batch norm."""

from collections.abc import Mapping

from torch import Tensor, nn

from birefcli.net.backbones.stages import Stages
from birefcli.net.backbones.table import Backbone

# Channels of the convolutions of each stage, and where maps are halved (Table 1, column D).
HALVE = 0
WIDTHS = (128, 256, 512, 512)
SHAPES = (
    (64, 64, HALVE, 128, 128, HALVE),
    (256, 256, 256, HALVE),
    (512, 512, 512, HALVE),
    (512, 512, 512, HALVE),
)


def build_vgg16() -> Stages:
    """Build the convolutional part: four maps of 128, 256, 512 and 512 channels."""
    return _build(batch_norm=False)


def build_vgg16bn() -> Stages:
    """Build the same with a batch norm after every convolution."""
    return _build(batch_norm=True)


def _build(*, batch_norm: bool) -> Stages:
    """Build the stages; layers are numbered through all of them, as in the published weights."""
    stages = []
    cin, number = 3, 0
    for shape in SHAPES:
        stage = nn.Sequential()
        for cout in shape:
            for layer in _convolution(cin, cout, batch_norm) if cout else [nn.MaxPool2d(2)]:
                stage.add_module(str(number), layer)
                number += 1
            cin = cout or cin
        stages.append(stage)
    return Stages(*stages)


def _convolution(cin: int, cout: int, batch_norm: bool) -> list[nn.Module]:
    """Make a 3×3 convolution, its norm if there is one, and the rectifier."""
    norms = [nn.BatchNorm2d(cout)] if batch_norm else []
    return [nn.Conv2d(cin, cout, 3, padding=1), *norms, nn.ReLU(inplace=True)]


def detect(weights: Mapping[str, Tensor]) -> str | None:
    """Tell both VGGs by the number of their last convolution."""
    for name, last in (("vgg16", "conv4.28.weight"), ("vgg16bn", "conv4.40.weight")):
        if last in weights:
            return name
    return None


BACKBONES = (
    Backbone(name="vgg16", widths=WIDTHS, build=build_vgg16, detect=detect),
    Backbone(name="vgg16bn", widths=WIDTHS, build=build_vgg16bn, detect=detect),
)
