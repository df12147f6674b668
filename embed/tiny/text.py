"""The text side of `tiny`: word pieces and a small transformer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional


@final
@dataclass(frozen=True)
class TextConfig:
    """Everything that decides the shapes of the weights."""

    vocabulary: int
    width: int = 128
    layers: int = 2
    heads: int = 4
    context: int = 192
    """Word pieces; longer texts are cut."""
    dim: int = 128


@final
class TextEncoder(nn.Module):
    """Word pieces (B, T) to unit vectors (B, D): the mean over a bidirectional transformer."""

    def __init__(self, config: TextConfig) -> None:
        super().__init__()
        self.embedding = nn.Embedding(config.vocabulary, config.width, padding_idx=0)
        self.position = nn.Parameter(0.02 * torch.randn(config.context, config.width))
        nn.init.normal_(self.embedding.weight, std=0.02)
        layer = nn.TransformerEncoderLayer(
            config.width, config.heads, 4 * config.width, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        # the "fast path" of inference gives other digits than training, and warns
        self.layers = nn.TransformerEncoder(layer, config.layers, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(config.width)
        self.head = nn.Linear(config.width, config.dim)

    def forward(self, pieces: Tensor) -> Tensor:
        """Unit vectors (B, D) of word pieces (B, T), int64, 0 where a text has ended."""
        ended = pieces == 0
        x = self.embedding(pieces) + self.position[: pieces.shape[1]]
        x = self.norm(self.layers(x, src_key_padding_mask=ended))
        kept = (~ended)[..., None].to(x.dtype)
        return functional.normalize(self.head((x * kept).sum(1) / kept.sum(1).clamp_min(1)), dim=-1)


def whole(tokenizer: Tokenizer, texts: list[str], context: int) -> list[bool]:
    """Of each text, whether it has at most so many word pieces."""
    return [len(encoding.ids) <= context for encoding in tokenizer.encode_batch(texts)]


def pieces_of(tokenizer: Tokenizer, texts: list[str], context: int) -> Tensor:
    """Word pieces (B, T) of texts, int64, T the longest of them or `context`. An empty text is one unknown piece."""
    rows = [encoding.ids[:context] or [1] for encoding in tokenizer.encode_batch(texts)]
    out = torch.zeros(len(rows), max(map(len, rows)), dtype=torch.int64)
    for place, row in enumerate(rows):
        out[place, : len(row)] = torch.tensor(row)
    return out
