"""The names of weights in the published files: prefixes, nesting, the head of LiPro, and what no vector depends on."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, final

from torch import Tensor

from ...store.errors import EncoderError

ANCHOR = "visual_transformer.to_patch_emb.2.weight"
"""Every CT-CLIP has it; what stands before it in a file is a prefix of all its names (`module.`, `trained_model.`, ...)."""

_UNUSED = re.compile(
    r"to_(text|visual)_latent_extra\."  # CLOOB's second projection: it enters the training loss alone
    r"|text_transformer\.(pooler\.|embeddings\.(position_ids|token_type_ids)$)"
    r"|visual_transformer\.(to_pixels|to_pixels_first_frame|discr|vgg|dec_spatial_transformer|dec_temporal_transformer)\."
    r"|visual_transformer\.vq\._codebook\.(initted|cluster_size)$"
    r"|visual_transformer\.enc_(spatial|temporal)_transformer\.layers\.\d+\.1\.context_norm\."  # normalizes a context, and there is none
    r"|(mlm|visual_ssl)\."
)


def unfit(text: str) -> EncoderError:
    """The error for tensors that are no CT-CLIP, or not the one that was said."""
    return EncoderError(f"CT-CLIP state dict {text}")


@final
@dataclass(frozen=True)
class Weights:
    """The tensors of a file, by CT-CLIP's own names."""

    backbone: dict[str, Tensor]
    head: dict[str, Tensor]
    """`weight` (classes, dim_latent) and `bias` (classes,) of a classifier of image latents; empty where there is none."""


def split(state: Mapping[str, Any]) -> Weights:
    """Sort the tensors of a checkpoint; what no vector depends on is left out.

    Raises:
        EncoderError: there is no CT-CLIP in it.
    """
    found = next(_states(state), None)
    if found is None:
        names = [str(name) for name in list(state)[:3]]
        raise unfit(f"holds no CT-CLIP: looked for {ANCHOR!r}, found {', '.join(map(repr, names)) or 'nothing'}")
    prefix = min((name for name in found if name.endswith(ANCHOR)), key=len).removesuffix(ANCHOR)
    own = {name.removeprefix(prefix): value for name, value in found.items() if name.startswith(prefix)}
    backbone = {name: value for name, value in own.items() if not _UNUSED.match(name) and not _of_head(name)}
    head = {name.rpartition(".")[2]: value for name, value in found.items() if _of_head(name)}
    return Weights(backbone, head)


def _of_head(name: str) -> bool:
    return name.split(".")[-2:] in (["classifier", "weight"], ["classifier", "bias"])


def _states(state: Mapping[str, Any], depth: int = 3) -> Iterator[dict[str, Tensor]]:
    """Dictionaries of tensors with a CT-CLIP in them: this one, or one under `model`, `state_dict` and the like."""
    tensors = {name: value for name, value in state.items() if isinstance(name, str) and isinstance(value, Tensor)}
    if any(name == ANCHOR or name.endswith("." + ANCHOR) for name in tensors):
        yield tensors
    elif depth:
        for value in state.values():
            if isinstance(value, Mapping):
                yield from _states(value, depth - 1)
