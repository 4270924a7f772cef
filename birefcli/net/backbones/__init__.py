"""The table of backbones: each gives four maps at strides 4, 8, 16 and 32."""

from torch import nn

from birefcli.net.config import TIMM


def build_backbone(name: str) -> nn.Module:
    """Build the backbone called `name` with fresh weights; unknown names raise KeyError.

    The maps of DINOv3 are all at stride 16.
    """
    if name.startswith("swin"):
        from birefcli.net.backbones.swin import build_swin

        return build_swin(name)
    if name.startswith("pvt"):
        from birefcli.net.backbones.pvt import build_pvt

        return build_pvt(name)
    if name.startswith("dino"):
        from birefcli.net.backbones.timm import build_dino

        return build_dino(name)
    if name.startswith(TIMM):
        from birefcli.net.backbones.timm import build_timm

        return build_timm(name.removeprefix(TIMM))
    return _build_convolutional(name)


def _build_convolutional(name: str) -> nn.Module:
    from birefcli.net.backbones.efficientnet_lite import EfficientNetLite2
    from birefcli.net.backbones.mobilenet import MobileNetV2
    from birefcli.net.backbones.resnet import build_resnet50
    from birefcli.net.backbones.vgg import build_vgg16, build_vgg16bn

    return {
        "mobilenet_v2": MobileNetV2,
        "efficientnet_lite2": EfficientNetLite2,
        "resnet50": build_resnet50,
        "vgg16": build_vgg16,
        "vgg16bn": build_vgg16bn,
    }[name]()
