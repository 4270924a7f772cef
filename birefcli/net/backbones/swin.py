"""Swin Transformer v1 (Liu et al. 2021) as BiRefNet uses it: any size, four normed maps."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from birefcli.errors import WeightsError
from birefcli.net.backbones.table import Backbone
from birefcli.net.blocks import DropPath
from birefcli.net.slices import slices

PATCH = 4
MLP_RATIO = 4
DROP_PATH = 0.2


@dataclass(frozen=True)
class SwinShape:
    """The numbers that tell the four sizes apart."""

    width: int
    depths: tuple[int, int, int, int]
    heads: tuple[int, int, int, int]
    window: int


SHAPES = {
    "swin_v1_t": SwinShape(96, (2, 2, 6, 2), (3, 6, 12, 24), 7),
    "swin_v1_s": SwinShape(96, (2, 2, 18, 2), (3, 6, 12, 24), 7),
    "swin_v1_b": SwinShape(128, (2, 2, 18, 2), (4, 8, 16, 32), 12),
    "swin_v1_l": SwinShape(192, (2, 2, 18, 2), (6, 12, 24, 48), 12),
}


class Swin(nn.Module):
    """Four stages of windowed attention; what leaves is normed, what goes on is not."""

    def __init__(self, shape: SwinShape) -> None:
        super().__init__()
        self.patch_embed = SwinPatchEmbedding(shape.width)
        drops = iter(torch.linspace(0, DROP_PATH, sum(shape.depths), device="cpu").tolist())
        self.layers = nn.ModuleList()
        for i, (depth, heads) in enumerate(zip(shape.depths, shape.heads, strict=True)):
            width = shape.width * 2**i
            rates = [next(drops) for _ in range(depth)]
            self.layers.append(SwinStage(width, heads, shape.window, rates, merges=i < 3))
            self.add_module(f"norm{i}", nn.LayerNorm(width))

    def forward(self, image: Tensor) -> list[Tensor]:
        """Map (N, 3, H, W) to four maps at strides 4, 8, 16, 32, each twice as wide."""
        x = self.patch_embed(image)  # (N, H/4, W/4, width)
        maps = []
        for i, stage in enumerate(self.layers):
            assert isinstance(stage, SwinStage)
            x = stage(x)
            maps.append(self.get_submodule(f"norm{i}")(x).permute(0, 3, 1, 2))
            if stage.downsample is not None:
                x = stage.downsample(x)
        return maps


class SwinPatchEmbedding(nn.Module):
    """Turn each 4×4 patch into a normed token."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, width, PATCH, stride=PATCH)
        self.norm = nn.LayerNorm(width)

    def forward(self, image: Tensor) -> Tensor:
        """Map (N, 3, H, W) to tokens (N, ceil(H/4), ceil(W/4), width)."""
        height, width = image.shape[-2:]
        tokens = self.proj(F.pad(image, (0, -width % PATCH, 0, -height % PATCH)))
        out: Tensor = self.norm(tokens.permute(0, 2, 3, 1))
        return out


class SwinStage(nn.Module):
    """Blocks at one resolution, every second one with shifted windows, and their downsampling."""

    def __init__(
        self, width: int, heads: int, window: int, drops: list[float], *, merges: bool
    ) -> None:
        super().__init__()
        self.window = window
        self.blocks = nn.ModuleList(
            SwinBlock(width, heads, window, shift=window // 2 * (i % 2), drop=drop)
            for i, drop in enumerate(drops)
        )
        self.downsample = PatchMerging(width) if merges else None

    def forward(self, x: Tensor) -> Tensor:
        """Map tokens (N, H, W, C) to the same shape."""
        blocked = shift_mask(x.shape[1], x.shape[2], self.window, x.device)
        for block in self.blocks:
            x = block(x, blocked)
        return x


class SwinBlock(nn.Module):
    """Attention within windows, then a perceptron on each token."""

    def __init__(self, width: int, heads: int, window: int, *, shift: int, drop: float) -> None:
        super().__init__()
        self.window, self.shift = window, shift
        self.norm1 = nn.LayerNorm(width)
        self.attn = WindowAttention(width, heads, window)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = SwinMlp(width)
        self.drop_path = DropPath(drop)

    def forward(self, x: Tensor, blocked: Tensor) -> Tensor:
        """Map tokens (N, H, W, C) to the same shape."""
        height, width = x.shape[1:3]
        # Padding follows the norm, so that padded tokens are zeros; nothing hides them as keys.
        y = F.pad(self.norm1(x), (0, 0, 0, -width % self.window, 0, -height % self.window))
        padded = y.shape
        # The windows of odd blocks lie across the borders of the even ones.
        if self.shift:
            y = y.roll((-self.shift, -self.shift), (1, 2))
        y = self.attn(cut_windows(y, self.window), blocked if self.shift else None)
        y = join_windows(y, padded, self.window)
        if self.shift:
            y = y.roll((self.shift, self.shift), (1, 2))
        x = x + self.drop_path(y[:, :height, :width])
        out: Tensor = x + self.drop_path(self.mlp(self.norm2(x)))
        return out


class WindowAttention(nn.Module):
    """Multi-head attention inside each window, with a learned bias per relative position."""

    relative_position_index: Tensor

    def __init__(self, width: int, heads: int, window: int) -> None:
        super().__init__()
        self.heads = heads
        self.relative_position_bias_table = nn.Parameter(torch.zeros((2 * window - 1) ** 2, heads))
        nn.init.trunc_normal_(self.relative_position_bias_table, std=0.02)
        self.register_buffer("relative_position_index", relative_positions(window))
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor, blocked: Tensor | None) -> Tensor:
        """Map windows (N, K, T, C) of T tokens to the same shape; `blocked` is (K, T, T)."""
        # Windows know nothing of each other.
        n, windows, tokens, width = x.shape
        window_bytes = n * tokens * (4 * width + self.heads * tokens) * x.element_size()
        return torch.cat(
            [
                self._attend(x[:, here], None if blocked is None else blocked[here])
                for here in slices(windows, window_bytes, x.device)
            ],
            1,
        )

    def _attend(self, x: Tensor, blocked: Tensor | None) -> Tensor:
        n, windows, tokens, width = x.shape
        qkv = self.qkv(x).view(n * windows, tokens, 3, self.heads, width // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # (N·K, heads, T, C/heads)
        bias = self.relative_position_bias_table[self.relative_position_index]
        bias = bias.permute(2, 0, 1).to(q.dtype)[None]  # (1, heads, T, T)
        if blocked is not None:
            bias = bias.masked_fill(blocked[:, None], -torch.inf).repeat(n, 1, 1, 1)
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=bias)
        out: Tensor = self.proj(y.transpose(1, 2).reshape(x.shape))
        return out


class SwinMlp(nn.Module):
    """Two linear layers with a GELU between them."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, MLP_RATIO * width)
        self.fc2 = nn.Linear(MLP_RATIO * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Map tokens (N, H, W, C) to the same shape."""
        n, height, width, c = x.shape
        row_bytes = 2 * n * width * MLP_RATIO * c * x.element_size()
        rows = [
            self.fc2(F.gelu(self.fc1(x[:, here]))) for here in slices(height, row_bytes, x.device)
        ]
        return torch.cat(rows, 1)


class PatchMerging(nn.Module):
    """Join each 2×2 neighbourhood into one token, twice as wide."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.reduction = nn.Linear(4 * width, 2 * width, bias=False)
        self.norm = nn.LayerNorm(4 * width)

    def forward(self, x: Tensor) -> Tensor:
        """Map tokens (N, H, W, C) to (N, ceil(H/2), ceil(W/2), 2C)."""
        x = F.pad(x, (0, 0, 0, x.shape[2] % 2, 0, x.shape[1] % 2))
        even, odd = x[:, 0::2], x[:, 1::2]
        # Down the column first: the order of the published weights.
        four = (even[:, :, 0::2], odd[:, :, 0::2], even[:, :, 1::2], odd[:, :, 1::2])
        out: Tensor = self.reduction(self.norm(torch.cat(four, -1)))
        return out


def cut_windows(x: Tensor, window: int) -> Tensor:
    """Cut (N, H, W, C) into windows (N, K, window², C), row by row; sides must be multiples."""
    n, height, width, c = x.shape
    grid = x.view(n, height // window, window, width // window, window, c)
    return grid.transpose(2, 3).reshape(n, -1, window * window, c)


def join_windows(windows: Tensor, shape: torch.Size, window: int) -> Tensor:
    """Lay windows (N, K, window², C) back into a map of `shape` (N, H, W, C)."""
    n, height, width, c = shape
    grid = windows.view(n, height // window, width // window, window, window, c)
    return grid.transpose(2, 3).reshape(shape)


def shift_mask(height: int, width: int, window: int, device: torch.device | str = "cpu") -> Tensor:
    """Say which tokens of a shifted window must not see each other, (K, window², window²).

    After the roll a window may hold tokens from opposite borders: they are kept apart. It holds
    even where one window covers the whole map.
    """
    sides = []
    for n in (height, width):
        padded = n + -n % window
        # Regions 0, 1, 2 along a side, cut at a window and at a shift before the end.
        position = torch.arange(padded, device=device)
        sides.append((position >= padded - window).int() + (position >= padded - window // 2).int())
    region = 3 * sides[0][:, None] + sides[1]  # (H, W)
    regions = cut_windows(region[None, ..., None], window)[0, ..., 0]  # (K, window²)
    return regions[:, :, None] != regions[:, None, :]


def relative_positions(window: int) -> Tensor:
    """Number the offset between any two tokens of a window, (window², window²) from 0."""
    y, x = torch.meshgrid(torch.arange(window), torch.arange(window), indexing="ij")
    y, x = y.flatten(), x.flatten()
    dy, dx = y[:, None] - y[None], x[:, None] - x[None]
    return (dy + window - 1) * (2 * window - 1) + dx + window - 1


def detect_swin(weights: Mapping[str, Tensor]) -> str | None:
    """Name the Swin whose weights these are; other sizes than the four raise WeightsError."""
    if "patch_embed.proj.weight" not in weights:
        return None
    width = len(weights["patch_embed.proj.weight"])
    blocks = {key.split(".")[3] for key in weights if key.startswith("layers.2.blocks.")}
    table = weights.get("layers.0.blocks.0.attn.relative_position_bias_table", ())
    for name, shape in SHAPES.items():
        sizes = shape.width, shape.depths[2], (2 * shape.window - 1) ** 2
        if sizes == (width, len(blocks), len(table)):
            return name
    raise WeightsError(f"its Swin backbone of width {width} is none of swin_v1_t/s/b/l")


BACKBONES = tuple(
    Backbone(
        name=name,
        widths=(shape.width, 2 * shape.width, 4 * shape.width, 8 * shape.width),
        build=partial(Swin, shape),
        detect=detect_swin,
        recomputed=(SwinBlock,),
    )
    for name, shape in SHAPES.items()
)
