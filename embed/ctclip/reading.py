"""Dimensions from the shapes of weights, with what a configuration says beside them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, final

from .config import PUBLISHED, PUBLISHED_HEADS, BertConfig, CTCLIPConfig, Said
from .layout import split, unfit

_VISUAL = "visual_transformer."
_BERT = "text_transformer."


def read_config(state_dict: Mapping[str, Any], said: Said) -> CTCLIPConfig:
    """What `CTCLIPConfig.from_weights` does, and raises."""
    shapes = Shapes({name: tuple(value.shape) for name, value in split(state_dict).backbone.items()})
    dim, volume = shapes.of(f"{_VISUAL}to_patch_emb.2.weight", 2)
    patch, temporal = _patch(shapes, said, volume)
    dim_latent, flat = shapes.of("to_visual_latent.weight", 2)
    if flat % dim:
        raise unfit(f"has to_visual_latent.weight for {flat} values; expected a multiple of dim {dim}, one token for each patch")
    (dim_head,) = shapes.of(f"{_VISUAL}enc_spatial_transformer.layers.0.1.q_scale", 1)
    heads, null_rows, _ = shapes.of(f"{_VISUAL}enc_spatial_transformer.layers.0.1.null_kv", 3)
    read = {
        "dim": dim,
        "codebook_size": shapes.of(f"{_VISUAL}vq._codebook.embed", 3)[1],
        "spatial_depth": shapes.depth(f"{_VISUAL}enc_spatial_transformer.layers."),
        "temporal_depth": shapes.depth(f"{_VISUAL}enc_temporal_transformer.layers."),
        "dim_head": dim_head,
        "heads": heads,
        "null_kv": null_rows // 2,
    }
    _agree("ctvit.", read, said.ctvit)
    _agree("", {"dim_latent": dim_latent}, said.top)
    frames, assumed = _frames(said, temporal)
    bert, guess = _bert(shapes, said)
    return CTCLIPConfig(
        **read,
        image_size=_image_size(said, patch, flat // dim),
        patch_size=patch,
        temporal_patch_size=temporal,
        dim_latent=dim_latent,
        frames=frames,
        bert=bert,
        assumed=(*assumed, *guess),
    )


@final
class Shapes:
    """Shapes of weights by name; a missing one is told in one line."""

    def __init__(self, shapes: dict[str, tuple[int, ...]]) -> None:
        self._shapes = shapes

    def of(self, name: str, axes: int) -> tuple[int, ...]:
        found = self._shapes.get(name)
        if found is None:
            raise unfit(f"lacks the weight {name!r}; expected a CT-CLIP with {axes} axes there")
        # an axis without a value is right in null_kv alone, where there are none
        if len(found) != axes or (0 in found and not name.endswith("null_kv")):
            raise unfit(f"has {name!r} of shape {found}; expected {axes} axes with values along each")
        return found

    def has(self, name: str) -> bool:
        return name in self._shapes

    def depth(self, prefix: str) -> int:
        """How many layers there are, numbered from 0."""
        numbers = {int(match[1]) for name in self._shapes if (match := re.match(re.escape(prefix) + r"(\d+)\.", name))}
        if numbers != set(range(len(numbers))) or not numbers:
            raise unfit(f"has the layers {sorted(numbers)} under {prefix!r}; expected 0 and on, without a gap")
        return len(numbers)


def _patch(shapes: Shapes, said: Said, volume: int) -> tuple[tuple[int, int], int]:
    """((height, width), planes) of a patch of `volume` voxels."""
    first = f"{_VISUAL}to_patch_emb_first_frame.2.weight"
    patch, temporal = said.ctvit.get("patch_size"), said.ctvit.get("temporal_patch_size")
    area = None
    if shapes.has(first):
        area = shapes.of(first, 2)[1]
    elif temporal is not None:
        area = volume // temporal
    elif patch is not None:
        area = patch[0] * patch[1]
    if area is None:
        raise unfit(
            f"lacks to_patch_emb_first_frame, so that its patches of {volume} voxels may have any thickness; "
            "give ctvit.temporal_patch_size in a config.json"
        )
    if patch is None:
        side = math.isqrt(area)
        if side * side != area:
            raise unfit(f"has patches of {area} voxels a plane, which is no square; give ctvit.patch_size as [height, width]")
        patch = side, side
    temporal = volume // area if temporal is None else temporal
    if patch[0] * patch[1] != area or area * temporal != volume:
        expected = f"patch_size {patch[0]}x{patch[1]} and temporal_patch_size {temporal}"
        raise unfit(f"has patches of {volume} voxels, {area} a plane; the configuration says {expected}, {math.prod(patch) * temporal}")
    return patch, temporal


def _image_size(said: Said, patch: tuple[int, int], tokens: int) -> tuple[int, int]:
    size = said.ctvit.get("image_size")
    if size is None:
        side = math.isqrt(tokens)
        if side * side != tokens:
            raise unfit(f"has {tokens} patches a plane, which is no square; give ctvit.image_size as [height, width]")
        return side * patch[0], side * patch[1]
    if size[0] % patch[0] or size[1] % patch[1] or (size[0] // patch[0]) * (size[1] // patch[1]) != tokens:
        raise unfit(
            f"has {tokens} patches a plane (from to_visual_latent); the configuration says image_size {size[0]}x{size[1]} "
            f"in patches of {patch[0]}x{patch[1]}"
        )
    return size


def _frames(said: Said, temporal: int) -> tuple[int, tuple[str, ...]]:
    if "frames" in said.top:
        return said.top["frames"], ()
    frames = max(temporal, PUBLISHED.frames - PUBLISHED.frames % temporal)
    if temporal == PUBLISHED.temporal_patch_size:
        return frames, ()
    return frames, (f"weights do not tell the number of frames: {frames} taken, as near as can be to the published; a config.json can say",)


def _bert(shapes: Shapes, said: Said) -> tuple[BertConfig, tuple[str, ...]]:
    vocab, hidden = shapes.of(f"{_BERT}embeddings.word_embeddings.weight", 2)
    read: dict[str, Any] = {
        "hidden_size": hidden,
        "num_hidden_layers": shapes.depth(f"{_BERT}encoder.layer."),
        "intermediate_size": shapes.of(f"{_BERT}encoder.layer.0.intermediate.dense.weight", 2)[0],
        "vocab_size": vocab,
        "max_position_embeddings": shapes.of(f"{_BERT}embeddings.position_embeddings.weight", 2)[0],
        "type_vocab_size": shapes.of(f"{_BERT}embeddings.token_type_embeddings.weight", 2)[0],
    }
    _agree("bert.", read, said.bert)
    heads, assumed = said.bert.get("num_attention_heads"), ()
    if heads is None:
        heads = PUBLISHED_HEADS
        if hidden % heads:
            assumed = (
                f"weights do not tell the heads of the text tower, and hidden_size {hidden} does not go into the published {heads}: "
                "texts need bert.num_attention_heads in a config.json",
            )
            heads = None
        elif hidden != PUBLISHED.bert.hidden_size:
            assumed = (f"weights do not tell the heads of the text tower: {heads} taken, as published; a config.json can say",)
    eps = said.bert.get("layer_norm_eps", PUBLISHED.bert.layer_norm_eps)
    return BertConfig(**read, num_attention_heads=heads, layer_norm_eps=eps), assumed


def _agree(part: str, read: Mapping[str, Any], said: Mapping[str, Any]) -> None:
    for name, found in read.items():
        if said.get(name, found) != found:
            raise unfit(f"has {part}{name} {found} (from its weights); the configuration says {said[name]}")
