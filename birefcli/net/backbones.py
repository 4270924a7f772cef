"""The table of backbones: each gives four maps at strides 4, 8, 16 and 32."""

from torch import nn

from birefcli.net.cnn import MobileNetV2


def build_backbone(name: str) -> nn.Module:
    """Build the backbone called `name` with fresh weights; unknown names raise KeyError."""
    if name.startswith("swin"):
        from birefcli.net.swin import build_swin

        return build_swin(name)
    if name.startswith("pvt"):
        from birefcli.net.pvt import build_pvt

        return build_pvt(name)
    return {"mobilenet_v2": MobileNetV2}[name]()
