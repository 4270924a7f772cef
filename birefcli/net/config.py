"""The description of one BiRefNet: its backbone, widths and switches, and how input is prepared."""

import json
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal

from birefcli.net.backbones.table import TIMM, Widths, find_backbone

Reconstruction = Literal["deformable", "dilated"]
KnownTileOrder = Literal["new", "old"]

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
    tile_order: KnownTileOrder = "new"
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
        return find_backbone(self.backbone).needs_timm

    @property
    def backbone_widths(self) -> Widths:
        """Channels of the backbone's maps at strides 4, 8, 16, 32."""
        widths = self.widths or find_backbone(self.backbone).widths
        if widths is None:
            raise ValueError(f"the widths of {self.backbone} are not given")
        return widths

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


def published_config(backbone: str) -> BiRefNetConfig:
    """Describe the network every official checkpoint with this backbone uses (reference 1, 5).

    Of a `timm:NAME` timm is asked for the widths; unknown names raise KeyError.
    """
    record = find_backbone(backbone)
    widths = record.widths or _widths_from_timm(backbone)
    c3, c2, c1, c0 = (2 * width for width in widths)
    _, d4, d3, d2 = record.pyramid or (c0, c1, c2, c3)
    return BiRefNetConfig(
        backbone=backbone,
        widths=None if record.widths else widths,
        pyramid=record.pyramid,
        squeeze_channels=c0,
        decoder_channels=(d4, d3, d2, d2 // 2),
        tile_channels=(c0 // 8, c0 // 8, c1 // 8, c2 // 8, c3 // 8),
    )


def _widths_from_timm(backbone: str) -> Widths:
    from birefcli.net.backbones.timm import timm_widths

    return timm_widths(backbone.removeprefix(TIMM))


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
