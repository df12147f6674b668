"""Bottleneck adapters after blocks (Houlsby et al. 2019, "Parameter-Efficient Transfer Learning for NLP")."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, final

from torch import Tensor, nn
from torch.nn import functional

from ....store.errors import UsageError
from ..moving import Moving
from .base import Backbone, Method, put_new

_NAME = "block_adapter"


@final
class Bottleneck(nn.Module):
    """x + up(GELU(down(x))) over the last axis; `up` begins at zero, so that at first nothing changes."""

    def __init__(self, dim: int, inner: int) -> None:
        super().__init__()
        self.down, self.up = nn.Linear(dim, inner), nn.Linear(inner, dim)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(..., D) to the same."""
        return x + self.up(functional.gelu(self.down(x)))


@final
class BlockAdapters(Method):
    """An adapter after each chosen block of a transformer."""

    name = "adapters"
    mergeable = False

    def prepare(self, backbone: Backbone, moving: Moving) -> tuple[nn.Module, ...]:
        return tuple(_attached(backbone, moving).values())

    def restore(self, backbone: Backbone, moving: Moving, tensors: Mapping[str, Tensor]) -> None:
        attached = _attached(backbone, moving)
        for adapter in attached.values():
            adapter.eval().requires_grad_(requires_grad=False)
        put_new(backbone.model, tensors, *(f"{name}." for name in attached))


def _attached(backbone: Backbone, moving: Moving) -> dict[str, Bottleneck]:
    """By name of module."""
    if moving.bottleneck < 1:
        raise UsageError(f"--bottleneck {moving.bottleneck}: expected 1 or more")
    found: dict[str, Bottleneck] = {}
    for name, block in backbone.blocks(moving).items():
        linear = [module for module in block.modules() if isinstance(module, nn.Linear)]
        if not linear or any(isinstance(module, nn.Conv1d | nn.Conv2d) for module in block.modules()):
            raise UsageError(
                f"encoder {backbone.name!r}: block {name} is no transformer's, and adapters come after those; "
                "methods that fit: lora, partial, full"
            )
        adapter = Bottleneck(linear[-1].out_features, moving.bottleneck).to(next(block.parameters()).device)
        held = sum(name.startswith(_NAME) for name, _ in block.named_children())  # of what it was adapted from
        own = f"{_NAME}{held or ''}"
        block.add_module(own, adapter)
        block.register_forward_hook(partial(_after, adapter))
        found[f"{name}.{own}"] = adapter
    return found


def _after(adapter: Bottleneck, block: nn.Module, given: Any, output: Any) -> Any:
    """What the block gives, through its adapter; of a tuple, the first."""
    del block, given
    return (adapter(output[0]), *output[1:]) if isinstance(output, tuple) else adapter(output)
