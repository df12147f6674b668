"""Weights between those of a parent and of its child.

WiSE-FT (Wortsman et al. 2022, "Robust fine-tuning of zero-shot models"): what fine-tuning gained on the data it saw is often kept, and what
it lost elsewhere regained, somewhere on the line between the two.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from ...store.errors import UsageError

_LORA_UP = ".lora_B."


def interpolated_update(parent: Mapping[str, Tensor], update: Mapping[str, Tensor], alpha: float) -> dict[str, Tensor]:
    """(1 - alpha) parent + alpha child of what an adapter holds, for its method to put back; at 1 the adapter, bit for bit.

    Args:
        parent: State of the parent, with what the update replaces.
        update: What changed, by name: parameters of the parent's layout, or LoRA's. Of LoRA's two factors the second is scaled, so that
            their product, which is added to the parent's weights, is alpha times what it was.
        alpha: From 0 to 1.

    Raises:
        UsageError: the update holds what is neither; block adapters lie on no line to their parent.
    """
    _check(alpha)
    found: dict[str, Tensor] = {}
    for name, value in update.items():
        if name in parent:
            found[name] = _between(name, parent[name], value, alpha)
        elif ".lora_" in name:
            found[name] = value * alpha if _LORA_UP in name else value.clone()
        else:
            raise UsageError(f"the parent has no {name!r} to go back to; weights can be interpolated after lora, partial and full")
    return found


def _check(alpha: float) -> None:
    if not (math.isfinite(alpha) and 0 <= alpha <= 1):
        raise UsageError(f"alpha {alpha}: expected a number from 0 (the parent) to 1 (the child)")


def _between(name: str, parent: Tensor, child: Tensor, alpha: float) -> Tensor:
    if parent.shape != child.shape:
        raise UsageError(f"{name!r} has shape {tuple(parent.shape)} in the parent and {tuple(child.shape)} in the child")
    if alpha in (0, 1) or not child.is_floating_point():  # counts and places lie on no line: those of the nearer
        return (child if alpha >= 0.5 else parent).clone()
    return torch.lerp(parent.double(), child.double(), alpha).to(child.dtype)
