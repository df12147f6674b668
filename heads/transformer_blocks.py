"""A small transformer encoder as a function of its weights: pre-norm blocks (Xiong et al., arXiv:2002.04745) and a class token.

The position of a vector is its place in the scan from 0 to 1, by sines and cosines (Vaswani et al., arXiv:1706.03762, with frequencies for
that range), so that scans of any number of slices lie on one scale.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

FEED = 2
"""Width of a block's feed-forward layer, in widths of the block."""


def weight_shapes(inputs: int, width: int, blocks: int, classes: int) -> dict[str, tuple[int, ...]]:
    """All weights by name. Matrices are (outputs, inputs); those of blocks have a first axis of blocks."""
    return {
        "embed": (width, inputs),
        "embed_bias": (width,),
        "token": (width,),
        "norm_attention": (blocks, width),
        "norm_attention_bias": (blocks, width),
        "qkv": (blocks, 3 * width, width),
        "qkv_bias": (blocks, 3 * width),
        "out": (blocks, width, width),
        "out_bias": (blocks, width),
        "norm_feed": (blocks, width),
        "norm_feed_bias": (blocks, width),
        "up": (blocks, FEED * width, width),
        "up_bias": (blocks, FEED * width),
        "down": (blocks, width, FEED * width),
        "down_bias": (blocks, width),
        "norm": (width,),
        "norm_bias": (width,),
        "coef": (classes, width),
        "intercept": (classes,),
    }


def forward(weights: Mapping[str, Tensor], X: Tensor, place: Tensor, mask: Tensor, heads: int) -> Tensor:
    """(B, C) logits.

    Args:
        weights: as `weight_shapes` names them.
        X: (B, T, D).
        place: (B, T), from 0 to 1.
        mask: (B, T) bool, False where a vector is padding.
        heads: of attention.
    """
    import torch
    from torch.nn.functional import gelu, layer_norm, linear, scaled_dot_product_attention

    w = weights
    width = w["token"].shape[0]
    h = linear(X, w["embed"], w["embed_bias"]) + positions(place, width)
    h = torch.cat([w["token"].expand(len(X), 1, width), h], dim=1)
    seen = torch.nn.functional.pad(mask, (1, 0), value=True)[:, None, None, :]
    for b in range(w["qkv"].shape[0]):
        normed = layer_norm(h, (width,), w["norm_attention"][b], w["norm_attention_bias"][b])
        qkv = linear(normed, w["qkv"][b], w["qkv_bias"][b])
        q, k, v = qkv.unflatten(-1, (3, heads, width // heads)).permute(2, 0, 3, 1, 4)
        attended = scaled_dot_product_attention(q, k, v, attn_mask=seen).transpose(1, 2).flatten(2)
        h = h + linear(attended, w["out"][b], w["out_bias"][b])
        normed = layer_norm(h, (width,), w["norm_feed"][b], w["norm_feed_bias"][b])
        h = h + linear(gelu(linear(normed, w["up"][b], w["up_bias"][b])), w["down"][b], w["down_bias"][b])
    return linear(layer_norm(h[:, 0], (width,), w["norm"], w["norm_bias"]), w["coef"], w["intercept"])


def positions(place: Tensor, width: int) -> Tensor:
    """(B, T, width): sines, then cosines, of `place` (B, T) at width / 2 frequencies from half a turn to 32 turns over a scan."""
    import torch

    count = width // 2
    turns = 0.5 * 64.0 ** (torch.arange(count, dtype=place.dtype) / max(count - 1, 1))
    angle = 2 * math.pi * place[..., None] * turns
    return torch.cat([angle.sin(), angle.cos()], dim=-1)
