"""BERT's encoder (Devlin et al., arXiv:1810.04805) with the names of weights that Hugging Face gives; without its pooler, as CT-CLIP."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...store.errors import EncoderError
from .config import BertConfig


@final
class Embeddings(nn.Module):
    """Word, place and segment (always the first) of each piece."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        dim = config.hidden_size
        self.word_embeddings = nn.Embedding(config.vocab_size, dim)
        self.position_embeddings = nn.Embedding(config.max_position_embeddings, dim)
        self.token_type_embeddings = nn.Embedding(config.type_vocab_size, dim)
        self.LayerNorm = nn.LayerNorm(dim, eps=config.layer_norm_eps)
        for table in (self.word_embeddings, self.position_embeddings, self.token_type_embeddings):
            nn.init.normal_(table.weight, std=0.02)

    def forward(self, ids: Tensor) -> Tensor:
        places = self.position_embeddings.weight[: ids.shape[1]]
        # summed in the library's order: float addition is not associative
        return self.LayerNorm(self.word_embeddings(ids) + self.token_type_embeddings.weight[0] + places)


@final
class Output(nn.Module):
    """A projection, added to what went in, normalized."""

    def __init__(self, inner: int, config: BertConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(inner, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

    def forward(self, x: Tensor, before: Tensor) -> Tensor:
        return self.LayerNorm(self.dense(x) + before)


@final
class Layer(nn.Module):
    """Attention and feed-forward."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        dim = config.hidden_size
        self.heads = config.num_attention_heads or 1
        own = nn.ModuleDict({name: nn.Linear(dim, dim) for name in ("query", "key", "value")})
        self.attention = nn.ModuleDict({"self": own, "output": Output(dim, config)})
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(dim, config.intermediate_size)})
        self.output = Output(config.intermediate_size, config)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        q, k, v = (project(x).unflatten(-1, (self.heads, -1)).transpose(1, 2) for project in self.attention["self"].children())
        mixed = functional.scaled_dot_product_attention(q, k, v, attn_mask=mask.to(q.dtype))
        x = self.attention["output"](mixed.transpose(1, 2).flatten(2), x)
        return self.output(functional.gelu(self.intermediate["dense"](x)), x)


@final
class Bert(nn.Module):
    """The text tower."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.config = config
        self.embeddings = Embeddings(config)
        self.encoder = nn.ModuleDict({"layer": nn.ModuleList(Layer(config) for _ in range(config.num_hidden_layers))})

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Hidden states (B, L, hidden_size) of pieces (B, L), int64; `mask` (B, L) is 0 on padding.

        Raises:
            EncoderError: nobody told how many heads it has.
        """
        if self.config.num_attention_heads is None:
            raise EncoderError(
                f"weights do not tell the heads of this text tower of hidden_size {self.config.hidden_size}; "
                "texts need bert.num_attention_heads in a config.json (volumes do not)"
            )
        x = self.embeddings(ids)
        # a great number and not infinity: a row without a piece stays finite
        hidden = torch.zeros(mask.shape, device=x.device).masked_fill(mask == 0, torch.finfo(torch.float32).min)[:, None, None]
        for layer in self.encoder["layer"].children():
            x = layer(x, hidden)
        return x
