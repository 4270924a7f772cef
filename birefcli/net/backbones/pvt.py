"""Pyramid Vision Transformer v2 (Wang et al. 2022): attention against a shrunken map."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from birefcli.errors import WeightsError
from birefcli.net.backbones.table import Backbone, Widths
from birefcli.net.blocks import DropPath

HEADS = (1, 2, 5, 8)
REDUCTIONS = (8, 4, 2, 1)  # the side of the patch that becomes one key
DROP_PATH = 0.1
EPS = 1e-6  # of block and stage norms; the other norms have 1e-5


@dataclass(frozen=True)
class PvtShape:
    """The numbers that tell the sizes apart."""

    widths: Widths
    depths: tuple[int, int, int, int]
    mlp_ratios: tuple[int, int, int, int]


SHAPES = {
    "pvt_v2_b0": PvtShape((32, 64, 160, 256), (2, 2, 2, 2), (8, 8, 4, 4)),
    "pvt_v2_b1": PvtShape((64, 128, 320, 512), (2, 2, 2, 2), (8, 8, 4, 4)),
    "pvt_v2_b2": PvtShape((64, 128, 320, 512), (3, 4, 6, 3), (8, 8, 4, 4)),
    "pvt_v2_b5": PvtShape((64, 128, 320, 512), (3, 6, 40, 3), (4, 4, 4, 4)),
}


class Pvt(nn.Module):
    """Four stages of attention; each stage's normed map leaves and also goes on."""

    def __init__(self, shape: PvtShape) -> None:
        super().__init__()
        drops = iter(torch.linspace(0, DROP_PATH, sum(shape.depths), device="cpu").tolist())
        cin = 3
        for i, width in enumerate(shape.widths):
            blocks = nn.ModuleList(
                PvtBlock(width, HEADS[i], REDUCTIONS[i], shape.mlp_ratios[i], next(drops))
                for _ in range(shape.depths[i])
            )
            kernel, stride = (7, 4) if i == 0 else (3, 2)
            self.add_module(f"patch_embed{i + 1}", PvtPatchEmbedding(cin, width, kernel, stride))
            self.add_module(f"block{i + 1}", blocks)
            self.add_module(f"norm{i + 1}", nn.LayerNorm(width, eps=EPS))
            cin = width

    def forward(self, image: Tensor) -> list[Tensor]:
        """Map (N, 3, H, W) to four maps at strides 4, 8, 16, 32."""
        maps = []
        x = image
        for i in range(1, 5):
            tokens = self.get_submodule(f"patch_embed{i}")(x)  # (N, H', W', C)
            blocks = self.get_submodule(f"block{i}")
            assert isinstance(blocks, nn.ModuleList)
            for block in blocks:
                tokens = block(tokens)
            x = self.get_submodule(f"norm{i}")(tokens).permute(0, 3, 1, 2)
            maps.append(x)
        return maps


class PvtPatchEmbedding(nn.Module):
    """Turn overlapping patches into normed tokens."""

    def __init__(self, cin: int, width: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(cin, width, kernel, stride, padding=kernel // 2)
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to tokens (N, H/stride, W/stride, width)."""
        out: Tensor = self.norm(self.proj(x).permute(0, 2, 3, 1))
        return out


class PvtBlock(nn.Module):
    """Attention over the whole map, then a perceptron that looks at neighbours."""

    def __init__(self, width: int, heads: int, reduction: int, mlp_ratio: int, drop: float) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=EPS)
        self.attn = ReducedAttention(width, heads, reduction)
        self.norm2 = nn.LayerNorm(width, eps=EPS)
        self.mlp = PvtMlp(width, mlp_ratio * width)
        self.drop_path = DropPath(drop)

    def forward(self, x: Tensor) -> Tensor:
        """Map tokens (N, H, W, C) to the same shape."""
        x = x + self.drop_path(self.attn(self.norm1(x)))
        out: Tensor = x + self.drop_path(self.mlp(self.norm2(x)))
        return out


class ReducedAttention(nn.Module):
    """Multi-head attention of every token with a map shrunk by `reduction`."""

    def __init__(self, width: int, heads: int, reduction: int) -> None:
        super().__init__()
        self.heads, self.reduction = heads, reduction
        self.q = nn.Linear(width, width)
        self.kv = nn.Linear(width, 2 * width)
        self.proj = nn.Linear(width, width)
        if reduction > 1:
            self.sr = nn.Conv2d(width, width, reduction, stride=reduction)
            self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        """Map tokens (N, H, W, C) to the same shape."""
        n, height, width, c = x.shape
        keys = x
        if self.reduction > 1:
            # Rows and columns that do not fill a patch are dropped.
            keys = self.norm(self.sr(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1))
        q = self.q(x).view(n, height * width, self.heads, -1).transpose(1, 2)
        k, v = self.kv(keys).view(n, -1, 2, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v)  # (N, heads, H·W, C/heads)
        out: Tensor = self.proj(y.transpose(1, 2).reshape(x.shape))
        return out


class PvtMlp(nn.Module):
    """Two linear layers with a depthwise 3×3 convolution and a GELU between them."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, inner)
        self.dwconv = DepthwiseConv(inner)
        self.fc2 = nn.Linear(inner, width)

    def forward(self, x: Tensor) -> Tensor:
        """Map tokens (N, H, W, C) to the same shape."""
        out: Tensor = self.fc2(F.gelu(self.dwconv(self.fc1(x))))
        return out


class DepthwiseConv(nn.Module):
    """A 3×3 convolution of each channel alone, on tokens."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.dwconv = nn.Conv2d(width, width, 3, padding=1, groups=width)

    def forward(self, x: Tensor) -> Tensor:
        """Map tokens (N, H, W, C) to the same shape."""
        out: Tensor = self.dwconv(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        return out


def detect_pvt(weights: Mapping[str, Tensor]) -> str | None:
    """Name the PVT whose weights these are; other sizes than the four raise WeightsError."""
    if "patch_embed1.proj.weight" not in weights:
        return None
    width = len(weights["patch_embed1.proj.weight"])
    blocks = {key.split(".")[1] for key in weights if key.startswith("block3.")}
    for name, shape in SHAPES.items():
        if (shape.widths[0], shape.depths[2]) == (width, len(blocks)):
            return name
    raise WeightsError(f"its PVT backbone of width {width} is none of pvt_v2_b0/b1/b2/b5")


BACKBONES = tuple(
    Backbone(
        name=name,
        widths=shape.widths,
        build=partial(Pvt, shape),
        detect=detect_pvt,
        recomputed=(PvtBlock,),
    )
    for name, shape in SHAPES.items()
)
