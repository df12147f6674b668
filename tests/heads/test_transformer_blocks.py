"""The encoder as a function of its weights against torch's own module."""

from __future__ import annotations

import math

import pytest
import torch

from scanbank.heads.transformer_blocks import FEED, forward, positions, weight_shapes

WIDTH, HEADS, INPUTS, CLASSES = 8, 2, 5, 3
TORCH = {
    "self_attn.in_proj_weight": "qkv",
    "self_attn.in_proj_bias": "qkv_bias",
    "self_attn.out_proj.weight": "out",
    "self_attn.out_proj.bias": "out_bias",
    "linear1.weight": "up",
    "linear1.bias": "up_bias",
    "linear2.weight": "down",
    "linear2.bias": "down_bias",
    "norm1.weight": "norm_attention",
    "norm1.bias": "norm_attention_bias",
    "norm2.weight": "norm_feed",
    "norm2.bias": "norm_feed_bias",
}


def test_is_torchs_pre_norm_encoder() -> None:
    random = torch.Generator().manual_seed(0)
    shapes = weight_shapes(INPUTS, WIDTH, 2, CLASSES)
    weights = {name: torch.randn(shape, generator=random, dtype=torch.float64) for name, shape in shapes.items()}
    X = torch.randn(4, 6, INPUTS, generator=random, dtype=torch.float64)
    place = torch.rand(4, 6, generator=random, dtype=torch.float64)
    mask = torch.arange(6) < torch.tensor([[6], [1], [4], [6]])

    h = X @ weights["embed"].T + weights["embed_bias"] + positions(place, WIDTH)
    h = torch.cat([weights["token"].expand(4, 1, WIDTH), h], dim=1)
    padding = torch.cat([torch.zeros(4, 1, dtype=torch.bool), ~mask], dim=1)
    for block in range(2):
        layer = torch.nn.TransformerEncoderLayer(
            WIDTH, HEADS, FEED * WIDTH, 0.0, "gelu", batch_first=True, norm_first=True, dtype=torch.float64
        )
        layer.load_state_dict({theirs: weights[ours][block] for theirs, ours in TORCH.items()})
        h = layer.train()(h, src_key_padding_mask=padding)
    final = torch.nn.LayerNorm(WIDTH, dtype=torch.float64)
    final.load_state_dict({"weight": weights["norm"], "bias": weights["norm_bias"]})
    expected = final(h[:, 0]) @ weights["coef"].T + weights["intercept"]
    found = forward(weights, X, place, mask, HEADS)
    assert found.numpy() == pytest.approx(expected.detach().numpy(), abs=1e-10)

    X[~mask] = 99.0  # padding is not looked at
    assert forward(weights, X, place, mask, HEADS).numpy() == pytest.approx(found.numpy(), abs=1e-12)


def test_positions_tell_places_apart() -> None:
    found = positions(torch.tensor([[0.0, 0.25, 0.5]], dtype=torch.float64), 4)[0]
    assert found[0].tolist() == [0.0, 0.0, 1.0, 1.0]
    assert found[1].tolist() == pytest.approx([math.sin(math.pi / 4), 0.0, math.cos(math.pi / 4), 1.0], abs=1e-12)
    assert found[2].tolist() == pytest.approx([1.0, 0.0, 0.0, 1.0], abs=1e-12)
