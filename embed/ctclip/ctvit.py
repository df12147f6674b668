"""CTViT's encoder: patches of a volume, attention within planes of them, then along depth, then a codebook of directions."""

from __future__ import annotations

from typing import Any, final

import torch
from torch import Tensor, nn
from torch.nn import functional

from .attention import CHUNK_VALUES, ContinuousPositionBias, Transformer
from .config import CTCLIPConfig


@final
class Patches(nn.Module):
    """(B, 1, D, H, W) to (B, T, h, w, values of a patch: plane after plane, row after row)."""

    def __init__(self, planes: int, size: tuple[int, int]) -> None:
        super().__init__()
        self.planes, self.size = planes, size

    def forward(self, x: Tensor) -> Tensor:
        height, width = self.size
        split = x[:, 0].unflatten(1, (-1, self.planes)).unflatten(3, (-1, height)).unflatten(5, (-1, width))
        return split.permute(0, 1, 3, 5, 2, 4, 6).flatten(4)


@final
class Codebook(nn.Module):
    """The vectors that tokens are replaced by."""

    embed: Tensor

    def __init__(self, size: int, dim: int) -> None:
        super().__init__()
        self.register_buffer("embed", functional.normalize(torch.randn(1, size, dim), dim=-1))


@final
class Quantizer(nn.Module):
    """Each token becomes the codebook's vector of the nearest direction, as vector-quantize-pytorch 1.1.2 does in evaluation."""

    def __init__(self, size: int, dim: int) -> None:
        super().__init__()
        self._codebook = Codebook(size, dim)

    def forward(self, x: Tensor) -> Tensor:
        """(..., D) to the same. The nearest is found in float32; what is given is the vector as stored, which need not have unit length."""
        embed = self._codebook.embed[0]
        directions = functional.normalize(embed.float(), dim=-1)
        flat = functional.normalize(x.float(), dim=-1).flatten(0, -2)
        with torch.autocast(x.device.type, enabled=False):
            nearest = [(part @ directions.T).argmax(-1) for part in flat.split(max(1, CHUNK_VALUES // len(embed)))]
        return _StraightThrough.apply(x, embed[torch.cat(nearest)].view(x.shape))


class _StraightThrough(torch.autograd.Function):
    """The codebook's vectors forward, the tokens' gradient backward (van den Oord et al. 2017, arXiv:1711.00937, 3.2)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, quantized: Tensor) -> Tensor:
        del ctx, x
        return quantized

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        del ctx
        return gradients[0], None


@final
class CTViT(nn.Module):
    """The published module of that name without its decoder."""

    def __init__(self, config: CTCLIPConfig) -> None:
        super().__init__()
        dim, patch, planes = config.dim, config.patch_size, config.temporal_patch_size
        self.config = config
        blocks = {"heads": config.heads, "dim_head": config.dim_head, "null_kv": config.null_kv}
        self.spatial_rel_pos_bias = ContinuousPositionBias(dim, config.heads)
        # never used by the published model either; kept for its width, which tells how thick a patch is
        self.to_patch_emb_first_frame: nn.Module | None = _embedding(1, patch, dim)
        self.to_patch_emb = _embedding(planes, patch, dim)
        self.enc_spatial_transformer = Transformer(dim, config.spatial_depth, **blocks)
        self.enc_temporal_transformer = Transformer(dim, config.temporal_depth, **blocks)
        self.vq = Quantizer(config.codebook_size, dim)

    def forward(self, x: Tensor, rows: int | None = None) -> Tensor:
        """Encoded tokens (B, T, h, w, dim) of volumes (B, 1, D, H, W) in -1..1: vectors of the codebook.

        `rows` is how many rows of tokens a transformer works off at once; what memory allows when None.
        """
        return self.vq(self.tokens(x, rows))

    def tokens(self, x: Tensor, rows: int | None = None) -> Tensor:
        """The same before the codebook."""
        planes = self.config.temporal_patch_size
        steps = max(1, CHUNK_VALUES // (planes * x[:, :, 0].numel()))
        tokens = torch.cat([self.to_patch_emb(part) for part in x.split(steps * planes, dim=2)], dim=1)
        batch, depth, height, width, _ = tokens.shape
        shape = batch, depth, height, width
        bias = self.spatial_rel_pos_bias(height, width)
        tokens = self.enc_spatial_transformer(tokens.flatten(2, 3).flatten(0, 1), shape, bias, rows)
        tokens = tokens.view(batch, depth, height * width, -1).transpose(1, 2).flatten(0, 1)
        tokens = self.enc_temporal_transformer(tokens, shape, rows=rows)
        return tokens.view(batch, height, width, depth, -1).movedim(3, 1)


def _embedding(planes: int, patch: tuple[int, int], dim: int) -> nn.Sequential:
    values = planes * patch[0] * patch[1]
    return nn.Sequential(Patches(planes, patch), nn.LayerNorm(values), nn.Linear(values, dim), nn.LayerNorm(dim))
