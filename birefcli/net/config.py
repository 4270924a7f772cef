"""The numbers that describe one BiRefNet: backbone, widths, switches, how input is prepared."""

import json
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal

Reconstruction = Literal["deformable", "dilated"]
TileOrder = Literal["new", "old"]

Widths = tuple[int, int, int, int]

# Channels of the feature maps at strides 4, 8, 16 and 32.
BACKBONE_WIDTHS: dict[str, Widths] = {
    "swin_v1_t": (96, 192, 384, 768),
    "swin_v1_s": (96, 192, 384, 768),
    "swin_v1_b": (128, 256, 512, 1024),
    "swin_v1_l": (192, 384, 768, 1536),
    "pvt_v2_b0": (32, 64, 160, 256),
    "pvt_v2_b1": (64, 128, 320, 512),
    "pvt_v2_b2": (64, 128, 320, 512),
    "pvt_v2_b5": (64, 128, 320, 512),
    "mobilenet_v2": (24, 32, 96, 320),
    "efficientnet_lite2": (24, 48, 120, 352),
    "resnet50": (256, 512, 1024, 2048),
    "vgg16": (128, 256, 512, 512),
    "vgg16bn": (128, 256, 512, 512),
    # All four at stride 16.
    "dino_v3_s": (384, 384, 384, 384),
    "dino_v3_s_plus": (384, 384, 384, 384),
    "dino_v3_b": (768, 768, 768, 768),
    "dino_v3_l": (1024, 1024, 1024, 1024),
    "dino_v3_h_plus": (1280, 1280, 1280, 1280),
    "dino_v3_7b": (4096, 4096, 4096, 4096),
}
TIMM = "timm:"  # begins the names of all other backbones: timm:NAME

# What the maps of DINOv3 become, from x4 to x1.
DINO_PYRAMID: Widths = (3072, 1536, 768, 384)

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True, kw_only=True)
class BiRefNetConfig:
    """Everything needed to build one network; tuples run from the deepest stage to the finest."""

    backbone: str
    # Channels of the maps of a backbone that the table does not hold.
    widths: Widths | None = None
    # Maps of one stride are resized to strides 32, 16, 8, 4 and brought to these channels.
    pyramid: Widths | None = None
    # Encode the half-size picture too and join both (paper: multi-scale input).
    multi_scale: bool = True
    # Out of the squeeze module, and of decoder_block4..1.
    squeeze_channels: int
    decoder_channels: Widths
    # Out of ipt_blk5..1 and inside them: the picture's tiles as features (inward reference).
    tile_channels: tuple[int, int, int, int, int]
    tile_inner: int = 64
    # Inside the squeeze module and decoder_block4..1, and in each branch of their reconstruction.
    block_inner: tuple[int, int, int, int, int] = (64, 64, 64, 64, 64)
    branch_channels: tuple[int, int, int, int, int] = (256, 256, 256, 256, 256)
    reconstruction: Reconstruction = "deformable"
    # Kernels of the deformable branches after the first 1×1, or dilations of the dilated ones.
    kernels: tuple[int, ...] = (1, 3, 7)
    dilations: tuple[int, ...] = (1, 3)
    # Tiles and gradient attention at the deepest stage too (absent before May 2024).
    deepest_reference: bool = True
    dropout: float = 0.5
    batch_norm: bool = True
    classes: int = 0
    tile_order: TileOrder = "new"
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    # Inference size (height, width) in pixels; or, keeping the aspect, the area it stands for.
    size: tuple[int, int] = (1024, 1024)
    keeps_aspect: bool = False

    @property
    def branch_norm(self) -> bool:
        """Whether the pyramids' branches are normalised; before May 2024 they always were."""
        return self.batch_norm or not self.deepest_reference

    @property
    def needs_timm(self) -> bool:
        """Whether timm builds the backbone."""
        return self.backbone.startswith(("dino", TIMM))

    @property
    def backbone_widths(self) -> Widths:
        """Channels of the backbone's maps at strides 4, 8, 16, 32."""
        return self.widths or BACKBONE_WIDTHS[self.backbone]

    @property
    def encoder_widths(self) -> Widths:
        """Channels of x1..x4 once both resolutions are joined."""
        factor = 2 if self.multi_scale else 1
        c1, c2, c3, c4 = self.backbone_widths
        return factor * c1, factor * c2, factor * c3, factor * c4

    @property
    def decoder_widths(self) -> Widths:
        """Channels of the squeezed x4 and of x3..x1 as the decoder takes them."""
        x1, x2, x3, _ = self.encoder_widths
        return self.pyramid or (self.squeeze_channels, x3, x2, x1)

    def to_json(self) -> str:
        """Write the configuration as one line of JSON, for a checkpoint's metadata."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "BiRefNetConfig":
        """Read what `to_json` wrote; unknown or missing fields raise TypeError."""
        values: dict[str, Any] = json.loads(text)
        unknown = set(values) - {field.name for field in fields(cls)}
        if unknown:
            raise TypeError(f"unknown fields {sorted(unknown)}")
        frozen: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in values.items()
        }
        return cls(**frozen)


def published_config(backbone: str, widths: Widths | None = None) -> BiRefNetConfig:
    """Describe the network every official checkpoint with this backbone uses (reference 1, 5).

    `widths` are the backbone's channels where the table does not know them.
    """
    c3, c2, c1, c0 = (2 * width for width in widths or BACKBONE_WIDTHS[backbone])
    pyramid = DINO_PYRAMID if backbone.startswith("dino") else None
    _, d4, d3, d2 = pyramid or (c0, c1, c2, c3)
    return BiRefNetConfig(
        backbone=backbone,
        widths=widths,
        pyramid=pyramid,
        squeeze_channels=c0,
        decoder_channels=(d4, d3, d2, d2 // 2),
        tile_channels=(c0 // 8, c0 // 8, c1 // 8, c2 // 8, c3 // 8),
    )


def compact_config(size: int = 384) -> BiRefNetConfig:
    """Describe the small network that ships in the package: same shape, smaller numbers."""
    return BiRefNetConfig(
        backbone="mobilenet_v2",
        multi_scale=False,
        squeeze_channels=160,
        decoder_channels=(96, 64, 48, 32),
        tile_channels=(24, 24, 16, 16, 16),
        tile_inner=16,
        block_inner=(96, 96, 64, 48, 32),
        branch_channels=(128, 128, 96, 64, 32),
        reconstruction="dilated",
        dropout=0.1,
        mean=(0.5, 0.5, 0.5),
        std=(0.5, 0.5, 0.5),
        size=(size, size),
        keeps_aspect=True,
    )


def compact_lite2_config(size: int = 384) -> BiRefNetConfig:
    """Describe the compact network around EfficientNet-Lite2, which sees (value - 127) / 128."""
    return replace(
        compact_config(size),
        backbone="efficientnet_lite2",
        mean=(127 / 255, 127 / 255, 127 / 255),
        std=(128 / 255, 128 / 255, 128 / 255),
    )
