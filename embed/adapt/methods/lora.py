"""Low-rank updates (Hu et al. 2022, "LoRA: Low-Rank Adaptation of Large Language Models"), by peft."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

import torch
from torch import Tensor, nn

from ....store.errors import UsageError
from .base import Backbone, Method, Moving, put

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)


@final
class Lora(Method):
    """Updates of the linear layers of blocks: query, key, value and output projections, MLPs; of networks without, their convolutions."""

    name = "lora"

    def prepare(self, backbone: Backbone, moving: Moving) -> tuple[nn.Module, ...]:
        from peft.tuners.lora import LoraLayer

        _injected(backbone, moving)
        for name, parameter in backbone.model.named_parameters():
            parameter.requires_grad = "lora_" in name
        layers = [module for module in backbone.model.modules() if isinstance(module, LoraLayer)]
        return tuple(part for layer in layers for part in layer.lora_dropout.modules())

    def restore(self, backbone: Backbone, moving: Moving, tensors: Mapping[str, Tensor]) -> None:
        tuner = _injected(backbone, moving)
        put(backbone.model, tensors)
        _merge_convolutions(backbone.model)
        tuner.merge_and_unload()


def targets(backbone: Backbone, moving: Moving) -> tuple[str, ...]:
    """Names of the layers that get updates.

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
                continue  # its output projection: peft takes attention as one
            if attention or isinstance(part, nn.Linear) or (isinstance(part, _CONVOLUTIONS) and part.groups == 1):
                found.append(name)
    if not found:
        raise UsageError(f"encoder {backbone.name!r} has no linear layer or convolution in its blocks; methods that fit: partial, full")
    return tuple(found)


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


def _injected(backbone: Backbone, moving: Moving) -> Any:
    """The tuner; its layers are in the model."""
    from peft import LoraConfig
    from peft.tuners.lora import LoraModel

    if moving.rank < 1:
        raise UsageError(f"--rank {moving.rank}: expected 1 or more")
    names = targets(backbone, moving)
    attention = [name for name in names if isinstance(backbone.model.get_submodule(name), nn.MultiheadAttention)]
    dropout = 0.0 if attention else moving.dropout  # torch's attention has no place for it
    config = LoraConfig(r=moving.rank, lora_alpha=int(moving.alpha), lora_dropout=dropout, target_modules=list(names), bias="none")
    return LoraModel(backbone.model, config, "default")
