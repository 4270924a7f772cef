"""The table of backbones: their names, and where everything else about each of them is written.

A new backbone is a file beside this one that ends with its record, and a line in `FILES`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor, nn

Widths = tuple[int, int, int, int]

# The file of each backbone; only the file that is asked for is loaded, and torch with it.
FILES = {
    "swin_v1_t": "swin",
    "swin_v1_s": "swin",
    "swin_v1_b": "swin",
    "swin_v1_l": "swin",
    "pvt_v2_b0": "pvt",
    "pvt_v2_b1": "pvt",
    "pvt_v2_b2": "pvt",
    "pvt_v2_b5": "pvt",
    "mobilenet_v2": "mobilenet",
    "efficientnet_lite2": "efficientnet_lite",
    "resnet50": "resnet",
    "vgg16": "vgg",
    "vgg16bn": "vgg",
    "dino_v3_s": "timm",
    "dino_v3_s_plus": "timm",
    "dino_v3_b": "timm",
    "dino_v3_l": "timm",
    "dino_v3_h_plus": "timm",
    "dino_v3_7b": "timm",
}
TIMM = "timm:"  # begins the names of all other backbones: timm:NAME


@dataclass(frozen=True, kw_only=True)
class Backbone:
    """What the network, its checkpoints and its training need to know of one backbone."""

    name: str
    # Channels of its four maps, at strides 4, 8, 16 and 32; None where only timm knows them.
    widths: Widths | None
    # Builds it with fresh weights: pictures (N, 3, H, W) to a list of four maps, finest first.
    build: "Callable[[], nn.Module]"
    # Names the backbone of its family whose weights these are (by name, without `bb.`); None where
    # they are of another family, WeightsError where they are of none of its sizes.
    detect: "Callable[[Mapping[str, Tensor]], str | None]"
    # Its blocks that are computed again in the backward pass where memory is short.
    recomputed: "tuple[type[nn.Module], ...]" = ()
    # Channels of x4 to x1 that the official decoder makes of maps of one stride.
    pyramid: Widths | None = None
    needs_timm: bool = False


def backbone_names() -> tuple[str, ...]:
    """List the backbones by name, beside which there is every `timm:NAME`."""
    return tuple(FILES)


def find_backbone(name: str) -> Backbone:
    """Give the record of a backbone; a name that is not in the table raises KeyError."""
    if name.startswith(TIMM):
        record: Backbone = _module("timm").timm_backbone(name.removeprefix(TIMM))
        return record
    return next(backbone for backbone in _records(FILES[name]) if backbone.name == name)


def build_backbone(name: str) -> "nn.Module":
    """Build the backbone called `name` with fresh weights; unknown names raise KeyError.

    It maps (N, 3, H, W) to four maps at strides 4, 8, 16 and 32; those of DINOv3 are all at 16.
    Where timm is needed and missing, or refuses, it raises DeviceError.
    """
    return find_backbone(name).build()


def detect_backbone(weights: "Mapping[str, Tensor]") -> str | None:
    """Name the backbone whose weights these are, named without `bb.`; None where no one knows.

    Weights of a known family in an unknown size raise WeightsError.
    """
    for file in dict.fromkeys(FILES.values()):
        for detect in dict.fromkeys(backbone.detect for backbone in _records(file)):
            if name := detect(weights):
                return name
    return None


def _records(file: str) -> tuple[Backbone, ...]:
    records: tuple[Backbone, ...] = _module(file).BACKBONES
    return records


def _module(file: str) -> Any:
    return import_module(f"birefcli.net.backbones.{file}")
