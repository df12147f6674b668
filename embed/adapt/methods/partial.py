"""Chosen blocks, or whole sides, train; the rest is frozen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import final

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ..moving import Moving
from .base import Backbone, Method, put


@final
class Partial(Method):
    """Blocks by name or by fraction, such as the lower half of each transformer."""

    name = "partial"

    def prepare(self, backbone: Backbone, moving: Moving) -> tuple[nn.Module, ...]:
        return _trained(backbone.blocks(moving).values())

    def restore(self, backbone: Backbone, moving: Moving, tensors: Mapping[str, Tensor]) -> None:
        del moving
        put(backbone.model, tensors)


@final
class Full(Method):
    """Everything of the sides."""

    name = "full"

    def prepare(self, backbone: Backbone, moving: Moving) -> tuple[nn.Module, ...]:
        roots = backbone.roots(moving)
        for name, parameter in backbone.model.named_parameters():
            if any(not root or name == root or name.startswith(f"{root}.") for root in roots):
                parameter.requires_grad = True
        modules = dict(backbone.model.named_modules())
        return _trained([modules[root] for root in roots if root in modules])

    def restore(self, backbone: Backbone, moving: Moving, tensors: Mapping[str, Tensor]) -> None:
        del moving
        put(backbone.model, tensors)


def _trained(modules: Iterable[nn.Module]) -> tuple[nn.Module, ...]:
    """The modules, their parameters training; normalization by batches keeps the statistics that it has.

    Batches of a fine-tuning are small, and what is kept of it are parameters alone.
    """
    found: list[nn.Module] = []
    for module in modules:
        module.requires_grad_(requires_grad=True)
        found += [part for part in module.modules() if not isinstance(part, _BatchNorm)]
    return tuple(found)
