"""Small CT-CLIPs with random weights, and their files."""

from __future__ import annotations

from dataclasses import replace

import torch

from scanbank.embed.ctclip import CTCLIP, BertConfig, CTCLIPConfig

BERT = BertConfig(
    hidden_size=24, num_hidden_layers=2, num_attention_heads=12, intermediate_size=40, vocab_size=50, max_position_embeddings=20
)
CONFIG = CTCLIPConfig(
    dim=20,
    codebook_size=30,
    image_size=(24, 24),
    patch_size=(6, 6),
    temporal_patch_size=3,
    spatial_depth=2,
    temporal_depth=1,
    dim_head=4,
    heads=3,
    dim_latent=16,
    frames=9,
    bert=BERT,
)
WIDE = replace(CONFIG, image_size=(12, 30))
OBLONG = replace(WIDE, patch_size=(4, 6), null_kv=2)
CONFIGS = {
    "square": CONFIG,
    "deep": replace(CONFIG, spatial_depth=1, temporal_depth=3, dim=12, dim_head=8, heads=2),
    "thin": replace(CONFIG, temporal_patch_size=1, frames=4, codebook_size=7),
    "nulls": replace(CONFIG, null_kv=3),
    "wide": WIDE,
    "oblong": OBLONG,
    "text": replace(CONFIG, dim_latent=8, bert=replace(BERT, hidden_size=36, num_hidden_layers=1, type_vocab_size=1)),
}


def small(config: CTCLIPConfig = CONFIG, seed: int = 0, classes: int | None = None) -> CTCLIP:
    """A model whose norms, scales and codebook are none of the neutral values that they start with."""
    torch.manual_seed(seed)
    model = CTCLIP(config, classes).eval()
    with torch.no_grad():
        for name, value in model.state_dict().items():
            if value.ndim == 1:
                value.add_(0.3 * torch.randn_like(value))
            if name.endswith("_codebook.embed"):
                value.mul_(0.5 + torch.rand_like(value[..., :1]))
    return model


def volumes(config: CTCLIPConfig = CONFIG, count: int = 2, seed: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 2 * torch.rand(count, 1, config.frames, *config.image_size, generator=generator) - 1


def published_state(model: CTCLIP) -> dict[str, torch.Tensor]:
    """The model's weights, with those beside them that the published files hold and no vector depends on."""
    state = {name: value.clone() for name, value in model.state_dict().items()}
    vision, text = "visual_transformer.", "text_transformer."
    codes = model.config.codebook_size
    state |= {
        "to_text_latent_extra.weight": state["to_text_latent.weight"].clone(),
        "to_visual_latent_extra.weight": state["to_visual_latent.weight"].clone(),
        text + "embeddings.position_ids": torch.arange(model.config.bert.max_position_embeddings)[None],
        text + "pooler.dense.weight": torch.zeros(2, 2),
        text + "pooler.dense.bias": torch.zeros(2),
        vision + "to_pixels.0.weight": torch.zeros(2, 2),
        vision + "to_pixels_first_frame.0.bias": torch.zeros(2),
        vision + "vq._codebook.initted": torch.ones(1),
        vision + "vq._codebook.cluster_size": torch.ones(1, codes),
        vision + "enc_spatial_transformer.layers.0.1.context_norm.gamma": torch.ones(model.config.dim),
    }
    return state
