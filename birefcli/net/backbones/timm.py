"""Backbones that timm builds: DINOv3 (Siméoni et al. 2025) as the official code takes it, and any
of timm's own by name."""

from typing import Any

from torch import nn

from birefcli.errors import DeviceError
from birefcli.net.backbones.timm_import import import_timm
from birefcli.net.config import TIMM, BiRefNetConfig, published_config

STRIDES = [4, 8, 16, 32]
DINO_SINCE = "1.0.20"  # the first timm with DINOv3
# What timm calls each size, and the blocks whose tokens leave as maps, all at stride 16.
DINO = {
    "dino_v3_s": ("small", (3, 5, 7, 11)),
    "dino_v3_s_plus": ("small_plus", (3, 5, 7, 11)),
    "dino_v3_b": ("base", (3, 5, 7, 11)),
    "dino_v3_l": ("large", (5, 11, 17, 23)),
    "dino_v3_h_plus": ("huge_plus", (7, 15, 23, 31)),
    "dino_v3_7b": ("7b", (9, 19, 29, 39)),
}


def build_dino(name: str) -> nn.Module:
    """Build a DINOv3 transformer with fresh weights, which training leaves as they are."""
    size, taps = DINO[name]
    transformer: nn.Module = _create(f"vit_{size}_patch16_dinov3", taps, dynamic_img_size=True)
    transformer.requires_grad_(False)
    return transformer


def build_timm(name: str) -> nn.Module:
    """Build the model that timm calls `name`, cut to its last four maps, with fresh weights."""
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


def timm_config(name: str) -> BiRefNetConfig:
    """Describe the published network around the backbone that timm calls `name`."""
    features: Any = build_timm(name)
    x1, x2, x3, x4 = features.feature_info.channels()
    return published_config(TIMM + name, (x1, x2, x3, x4))


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
