"""Backbones that timm builds: DINOv3 (Siméoni et al. 2025) as the official code takes it, and any
of timm's own by name."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import Tensor, nn

from birefcli.errors import DeviceError, WeightsError
from birefcli.net.backbones.table import TIMM, Backbone, Widths
from birefcli.net.backbones.timm_import import import_timm

STRIDES = [4, 8, 16, 32]
DINO_SINCE = "1.0.20"  # the first timm with DINOv3
# Channels of x4 to x1 that the official decoder makes of DINOv3's maps of one stride.
DINO_PYRAMID: Widths = (3072, 1536, 768, 384)


@dataclass(frozen=True)
class DinoShape:
    """What timm calls a size, its width, and the blocks whose tokens leave as maps."""

    size: str
    width: int
    taps: tuple[int, int, int, int]


DINO = {
    "dino_v3_s": DinoShape("small", 384, (3, 5, 7, 11)),
    "dino_v3_s_plus": DinoShape("small_plus", 384, (3, 5, 7, 11)),
    "dino_v3_b": DinoShape("base", 768, (3, 5, 7, 11)),
    "dino_v3_l": DinoShape("large", 1024, (5, 11, 17, 23)),
    "dino_v3_h_plus": DinoShape("huge_plus", 1280, (7, 15, 23, 31)),
    "dino_v3_7b": DinoShape("7b", 4096, (9, 19, 29, 39)),
}


def build_dino(shape: DinoShape) -> nn.Module:
    """Build a DINOv3 transformer with fresh weights, which training leaves as they are."""
    transformer: nn.Module = _create(
        f"vit_{shape.size}_patch16_dinov3", shape.taps, dynamic_img_size=True
    )
    transformer.requires_grad_(False)
    return transformer


def build_timm(name: str) -> nn.Module:
    """Build the model that timm calls `name`, cut to its last four maps, with fresh weights.

    A model without maps at strides 4, 8, 16 and 32, or for one size only, is a DeviceError.
    """
    features = _create(name, (-4, -3, -2, -1))
    strides = features.feature_info.reduction()
    if strides != STRIDES:
        raise DeviceError(
            f"timm's {name} gives maps at strides {strides}; a backbone needs {STRIDES}"
        )
    if getattr(getattr(features.model, "patch_embed", None), "strict_img_size", False):
        raise DeviceError(f"timm's {name} takes pictures of one size only; a backbone needs any")
    backbone: nn.Module = features
    return backbone


def timm_widths(name: str) -> Widths:
    """Give the channels of the maps of the model that timm calls `name`, by building it."""
    features: Any = build_timm(name)
    x1, x2, x3, x4 = features.feature_info.channels()
    return x1, x2, x3, x4


def _create(name: str, taps: tuple[int, ...], **options: Any) -> Any:
    """Have timm build a model that gives its maps at `taps`, as (N, C, H, W)."""
    timm = import_timm()
    # Only models that timm itself has: other names would be looked for on the hub.
    if not timm.is_model(name):
        older = f"; timm {DINO_SINCE} brought it: pip install -U timm" if "dinov3" in name else ""
        raise DeviceError(f"timm {timm.__version__} has no model called {name}{older}")
    try:
        return timm.create_model(
            name, features_only=True, feature_cls="getter", out_indices=taps, **options
        )
    # Each of timm's models refuses in its own way.
    except Exception as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise DeviceError(f"timm's {name} is no backbone: {reason}") from error


def detect_dino(weights: Mapping[str, Tensor]) -> str | None:
    """Name the DINOv3 whose weights these are; other models of timm raise WeightsError."""
    if not any(key.startswith("model.") for key in weights):
        return None
    token = weights.get("model.cls_token")
    # At this width only s_plus gates its inner layers.
    is_gated = "model.blocks.0.mlp.fc1_g.weight" in weights
    for name, shape in DINO.items():
        if token is not None and shape.width == token.shape[-1]:
            return "dino_v3_s_plus" if name == "dino_v3_s" and is_gated else name
    raise WeightsError(
        "its backbone is a timm model that the file does not name, as files of birefcli do"
    )


BACKBONES = tuple(
    Backbone(
        name=name,
        widths=(shape.width, shape.width, shape.width, shape.width),
        build=partial(build_dino, shape),
        detect=detect_dino,
        pyramid=DINO_PYRAMID,
        needs_timm=True,
    )
    for name, shape in DINO.items()
)


def timm_backbone(name: str) -> Backbone:
    """Give the record of the backbone that timm calls `name`, whose widths only timm knows."""
    return Backbone(
        name=TIMM + name,
        widths=None,
        build=partial(build_timm, name),
        detect=detect_dino,
        needs_timm=True,
    )
