"""Parameters in groups of one learning rate and one decay."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from ..towers import Towers
from .stacks import stacks_of
from .training import Training


def parameter_groups(model: nn.Module, towers: Towers, objective: nn.Module, training: Training) -> list[dict[str, Any]]:
    """Those that train, for an optimizer: each has `rate`, what the schedule's factor is multiplied by, and `names`.

    With layer-wise decay, the last block of a side learns at the full rate, each before it slower by the factor, what lies before the
    first block as one more; what stands outside of blocks and after them (final norms, projections) at the full rate. Norms, biases and
    scales (one axis or none) are not decayed.
    """
    factors = _factors(model, towers, training.layer_decay)
    grouped: dict[tuple[float, float], dict[str, Any]] = {}

    def add(name: str, parameter: nn.Parameter, rate: float) -> None:
        if parameter.requires_grad:
            decay = training.weight_decay if parameter.ndim > 1 else 0.0
            group = grouped.setdefault((rate, decay), {"params": [], "names": [], "rate": rate, "lr": rate, "weight_decay": decay})
            group["params"].append(parameter)
            group["names"].append(name)

    for name, parameter in model.named_parameters():
        add(name, parameter, training.learning_rate * _factor(name, factors, towers, training.layer_decay))
    for name, parameter in objective.named_parameters():
        add(f"objective.{name}", parameter, training.head_rate)
    return list(grouped.values())


def _factors(model: nn.Module, towers: Towers, decay: float) -> dict[str, float]:
    """Block to factor; under the empty name of each side, what lies before its blocks."""
    found: dict[str, float] = {}
    for roots in (towers.image, towers.text):
        blocks = [block for stack in stacks_of(model, roots) for block in stack.blocks]
        found |= {block: decay ** (len(blocks) - 1 - place) for place, block in enumerate(blocks)}
    return found


def _factor(name: str, factors: Mapping[str, float], towers: Towers, decay: float) -> float:
    for block, factor in factors.items():
        if name.startswith(f"{block}."):
            return factor
    if not any(word in name for word in ("embed", "patch", "stem", "conv1", "position", "class_token", "cls_token")):
        return 1.0
    own = [factor for block, factor in factors.items() if towers.of_image(block) == towers.of_image(name)]
    return min(own, default=1.0) * decay
