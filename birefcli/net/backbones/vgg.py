"""VGG-16 (Simonyan and Zisserman 2015), with and without batch norm."""

from torch import nn

from birefcli.net.backbones.stages import Stages

# Channels of the convolutions of each stage, and where maps are halved (Table 1, column D).
HALVE = 0
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
