"""The transformer of CTViT (Villegas et al., Phenaki, arXiv:2210.02399), in the variant that CT-CLIP was published with.

Three things are unlike what one would write today, and have to stay: keys and values come from the tokens before their normalization,
cosine similarities are multiplied by 8, and the depthwise convolution reads whatever layout the tokens are in as (B, T, H, W).
"""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional

CHUNK_VALUES = 1 << 24
"""Values that an intermediate result may hold at once: 64 MB as float32. Rows are worked off in parts of that size."""
_SCALE = 8.0


@final
class LayerNorm(nn.Module):
    """Layer normalization whose shift is stored and never learned."""

    beta: Tensor

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(dim))
        self.register_buffer("beta", torch.zeros(dim))

    def forward(self, x: Tensor) -> Tensor:
        return functional.layer_norm(x, x.shape[-1:], self.gamma, self.beta)


@final
class ContinuousPositionBias(nn.Module):
    """A bias of attention from the offset of two patches, through a small network on its logarithm (Swin v2, arXiv:2111.09883)."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        layers = (nn.Sequential(nn.Linear(n, dim), nn.LeakyReLU(0.1)) for n in (2, dim))
        self.net = nn.Sequential(*layers, nn.Linear(dim, heads))

    def forward(self, height: int, width: int) -> Tensor:
        """(heads, N, N) for the N = height * width patches of a plane, row after row."""
        weight = next(self.parameters())
        device = weight.device
        rows, columns = (torch.arange(1 - n, n, device=device) for n in (height, width))
        # one row for each offset that occurs, not for each pair of patches: 2,209 instead of 331,776 at the published size
        offsets = torch.stack(torch.meshgrid(rows, columns, indexing="ij"), -1).flatten(0, 1)
        table = self.net((torch.sign(offsets) * torch.log(offsets.abs() + 1)).to(weight.dtype))
        at = torch.arange(height * width, device=device)
        row, column = at // width, at % width
        pair = (row[:, None] - row + height - 1) * (2 * width - 1) + column[:, None] - column + width - 1
        return table[pair].permute(2, 0, 1).contiguous()


@final
class PositionGenerator(nn.Module):
    """A depthwise convolution of 3 x 3 x 3 over the tokens, looking back along the first axis (PEG, arXiv:2102.10882)."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dsconv = nn.Conv3d(dim, dim, 3, groups=dim)

    def forward(self, x: Tensor, shape: tuple[int, int, int, int]) -> Tensor:
        """(R, N, D), its memory read as (*shape, D) and written back so.

        For the temporal transformer, whose tokens lie as (B, H, W, T), that mixes places; published so, trained so.
        """
        grid = functional.pad(x.reshape(*shape, -1).movedim(-1, 1), (1, 1, 1, 1, 2, 0))
        return self.dsconv(grid).movedim(1, -1).reshape(x.shape)


@final
class Attention(nn.Module):
    """Self-attention by cosine, with learned scales of its axes."""

    def __init__(self, dim: int, heads: int, dim_head: int, null_kv: int) -> None:
        super().__init__()
        self.heads, inner = heads, heads * dim_head
        self.norm = LayerNorm(dim)
        self.null_kv = nn.Parameter(torch.randn(heads, 2 * null_kv, dim_head))
        self.to_q = nn.Linear(dim, inner, bias=False)
        self.to_kv = nn.Linear(dim, 2 * inner, bias=False)
        self.q_scale, self.k_scale = nn.Parameter(torch.ones(dim_head)), nn.Parameter(torch.ones(dim_head))
        self.to_out = nn.Linear(inner, dim, bias=False)

    def forward(self, x: Tensor, bias: Tensor | None) -> Tensor:
        """(R, N, D) to the same; `bias` (heads, N, N) is added to the similarities."""
        q = self._heads(self.to_q(self.norm(x)))
        k, v = (self._heads(part) for part in self.to_kv(x).chunk(2, dim=-1))
        if nulls := self.null_kv.shape[1] // 2:
            k, v = (torch.cat((self.null_kv[:, first::2].expand(len(x), -1, -1, -1), own), dim=-2) for first, own in ((0, k), (1, v)))
            bias = None if bias is None else functional.pad(bias, (nulls, 0))
        q, k = functional.normalize(q, dim=-1) * self.q_scale, functional.normalize(k, dim=-1) * self.k_scale
        mask = None if bias is None else bias[None].to(q.dtype)
        found = functional.scaled_dot_product_attention(q, k, v, attn_mask=mask, scale=_SCALE)
        return self.to_out(found.transpose(1, 2).flatten(2))

    def _heads(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)


@final
class GatedGelu(nn.Module):
    """The second half, through GELU, times the first (GEGLU, arXiv:2002.05202)."""

    def forward(self, x: Tensor) -> Tensor:
        value, gate = x.chunk(2, dim=-1)
        return functional.gelu(gate) * value


def feed_forward_dim(dim: int) -> int:
    """Width of the feed-forward's inside, rounded as published."""
    return int(4 * (2 / 3) * dim)


@final
class Block(nn.ModuleDict):
    """Convolution, attention and feed-forward, each added to what it is given."""

    def __init__(self, dim: int, heads: int, dim_head: int, null_kv: int) -> None:
        inner = feed_forward_dim(dim)
        feed = (nn.LayerNorm(dim), nn.Linear(dim, 2 * inner, bias=False), GatedGelu(), nn.Identity(), nn.Linear(inner, dim, bias=False))
        # the published blocks are lists whose third place, cross-attention, is empty, and whose feed-forward has a dropout in its fourth
        super().__init__({"0": PositionGenerator(dim), "1": Attention(dim, heads, dim_head, null_kv), "3": nn.Sequential(*feed)})

    def forward(self, x: Tensor, shape: tuple[int, int, int, int], bias: Tensor | None, rows: int) -> Tensor:
        """(R, N, D) to the same, `rows` of R at once after the convolution."""
        x = self["0"](x, shape) + x
        parts = []
        for part in x.split(rows):
            mixed = self["1"](part, bias) + part
            parts.append(self["3"](mixed) + mixed)
        return torch.cat(parts)


@final
class Transformer(nn.Module):
    """Blocks of convolution, attention and feed-forward on (R, N, D), R rows at a time."""

    def __init__(self, dim: int, depth: int, heads: int, dim_head: int, null_kv: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Block(dim, heads, dim_head, null_kv) for _ in range(depth))
        self.norm_out = LayerNorm(dim)
        self._row_values = 2 * feed_forward_dim(dim), heads

    def forward(self, x: Tensor, shape: tuple[int, int, int, int], bias: Tensor | None = None, rows: int | None = None) -> Tensor:
        """(R, N, D) to the same.

        `shape` is that of the convolution's grid, `rows` how many of R are worked off at once; what memory allows when None.
        """
        inner, heads = self._row_values
        rows = rows or max(1, CHUNK_VALUES // (x.shape[1] * (inner + heads * x.shape[1])))
        for block in self.layers:
            x = block(x, shape, bias, rows)
        return self.norm_out(x)
