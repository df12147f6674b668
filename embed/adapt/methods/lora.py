"""Low-rank updates (Hu et al. 2022, "LoRA: Low-Rank Adaptation of Large Language Models"), by peft.

Of torch's own attention alone they are made here: peft 0.21 adds an update to its weights before each pass and takes it away again after,
which leaves the weights a little different each time, so that a run that went on after a kill would not be the run.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from ....store.errors import UsageError
from ..moving import Moving
from .base import Backbone, Method, put_new

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_OF_ATTENTION = ("in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight")


@final
class Lora(Method):
    """Updates of the linear layers of blocks: query, key, value and output projections, MLPs; of networks without, their convolutions."""

    name = "lora"

    def prepare(self, backbone: Backbone, moving: Moving) -> tuple[nn.Module, ...]:
        from peft.tuners.lora import LoraLayer

        _injected(backbone, moving)
        for name, parameter in backbone.model.eval().named_parameters():  # peft's modules come in training mode
            parameter.requires_grad = "lora_" in name
        for module in backbone.model.modules():
            if isinstance(module, nn.TransformerEncoderLayer):
                module.linear1.register_forward_pre_hook(_seen)
        layers = [module for module in backbone.model.modules() if isinstance(module, LoraLayer)]
        return tuple(part for layer in layers for part in layer.lora_dropout.modules())

    def restore(self, backbone: Backbone, moving: Moving, tensors: Mapping[str, Tensor]) -> None:
        tuner = _injected(backbone, moving)
        put_new(backbone.model, tensors, "lora_")
        _merge_convolutions(backbone.model)
        _merge_attention(backbone.model)
        if tuner is not None:
            tuner.merge_and_unload()


@final
class LowRank(nn.Module):
    """W + scaling * B A, of a weight W (O, I); B begins at zero, so that at first nothing changes. It has no dropout: there is no input."""

    def __init__(self, weight: Tensor, rank: int, scaling: float) -> None:
        super().__init__()
        self.scaling = scaling
        self.lora_A = nn.Parameter(weight.new_empty(rank, weight.shape[1]))
        self.lora_B = nn.Parameter(weight.new_zeros(weight.shape[0], rank))
        nn.init.kaiming_uniform_(self.lora_A, a=math.sqrt(5))  # as peft does

    def forward(self, weight: Tensor) -> Tensor:
        return weight + self.scaling * (self.lora_B @ self.lora_A)


def targets(backbone: Backbone, moving: Moving) -> tuple[str, ...]:
    """Names of the layers that get updates; of torch's attention, the names of the whole.

    Raises:
        UsageError: there is none.
    """
    found: list[str] = []
    within: tuple[str, ...] = ()
    for block, module in backbone.blocks(moving).items():
        for name, part in module.named_modules(prefix=block):
            attention = isinstance(part, nn.MultiheadAttention)
            if attention:
                within = (*within, name)
            elif any(name.startswith(f"{one}.") for one in within):
                continue  # its output projection goes with it
            if attention or isinstance(part, nn.Linear) or (isinstance(part, _CONVOLUTIONS) and part.groups == 1):
                found.append(name)
    if not found:
        raise UsageError(f"encoder {backbone.name!r} has no linear layer or convolution in its blocks; methods that fit: partial, full")
    return tuple(found)


def _seen(module: nn.Module, given: Any) -> None:
    """Nothing; but where torch's transformer layer sees a hook, it goes through its modules, and not past them and what they became."""
    del module, given


def _merge_convolutions(model: nn.Module) -> None:
    """As peft merges linear layers: what it does for those of three axes and kernels of 1 is wrong (peft 0.21)."""
    from peft.tuners.lora import LoraLayer

    for name, layer in list(model.named_modules()):
        if isinstance(layer, LoraLayer) and isinstance(base := layer.get_base_layer(), _CONVOLUTIONS):
            updates: Any = layer.lora_A["default"], layer.lora_B["default"]
            down, up = (update.weight for update in updates)
            with torch.no_grad():
                base.weight += layer.scaling["default"] * torch.tensordot(up.flatten(1), down, 1)
            model.set_submodule(name, base)


def _merge_attention(model: nn.Module) -> None:
    for module in list(model.modules()):
        for weight in (*_OF_ATTENTION, "weight"):
            if parametrize.is_parametrized(module, weight) and isinstance(module.parametrizations[weight][0], LowRank):  # pyright: ignore
                parametrize.remove_parametrizations(module, weight)


def _injected(backbone: Backbone, moving: Moving) -> Any:
    """The tuner, whose layers are in the model; None where all of them are made here."""
    from peft import LoraConfig
    from peft.tuners.lora import LoraModel

    if moving.rank < 1:
        raise UsageError(f"--rank {moving.rank}: expected 1 or more")
    if not 0 <= moving.dropout < 1:
        raise UsageError(f"--dropout {moving.dropout}: expected a share from 0 to below 1")
    names, plain = targets(backbone, moving), list[str]()
    for name in names:
        module = backbone.model.get_submodule(name)
        if not isinstance(module, nn.MultiheadAttention):
            plain.append(name)
            continue
        for holder, weight in [(module, one) for one in _OF_ATTENTION] + [(module.out_proj, "weight")]:
            if (value := getattr(holder, weight)) is not None:
                parametrize.register_parametrization(holder, weight, LowRank(value, moving.rank, moving.alpha / moving.rank))
    if not plain:
        return None
    config = LoraConfig(
        r=moving.rank,
        lora_alpha=moving.alpha,  # pyright: ignore[reportArgumentType] - used in a division alone
        lora_dropout=moving.dropout,
        target_modules="|".join(map(re.escape, plain)),  # a list would be matched with the ends of names, those of the other side too
        bias="none",
    )
    return LoraModel(backbone.model, config, "default")
