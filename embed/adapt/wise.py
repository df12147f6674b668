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

ALPHAS = tuple(step / 10 for step in range(11))
"""A path from the parent (0) to the child (1)."""
_LORA_UP = ".lora_B."


def interpolated(parent: Mapping[str, Tensor], child: Mapping[str, Tensor], alpha: float) -> dict[str, Tensor]:
    """(1 - alpha) parent + alpha child, tensor by tensor, in new ones; at 0 and 1 the parent's and the child's, bit for bit.

    Args:
        parent: State of a model.
        child: State of a model of the same layout; what LoRA changed, merged into it.
        alpha: From 0 to 1.

    Raises:
        UsageError: the two differ in layout, or alpha lies outside of 0 to 1.
    """
    _check(alpha)
    if set(parent) != set(child):
        lacking = sorted(set(parent) ^ set(child))
        raise UsageError(f"parent and child are of different layouts: only one of them has {', '.join(map(repr, lacking[:3]))}")
    return {name: _between(name, parent[name], child[name], alpha) for name in parent}


def interpolated_update(parent: Mapping[str, Tensor], update: Mapping[str, Tensor], alpha: float) -> dict[str, Tensor]:
    """The same of what an adapter holds, which can then be put back by its method: cheaper than whole states.

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
