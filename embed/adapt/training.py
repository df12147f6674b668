"""How long and how fast a backbone trains."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

from ...store.errors import UsageError


@final
@dataclass(frozen=True)
class Training:
    """Everything of the loop that decides the outcome, and what does not but is worth keeping with it."""

    epochs: int = 10
    batch: int = 8
    """Examples of a step."""
    micro: int = 0
    """Of these at once on the device, their gradients added up; 0 is all of them."""
    learning_rate: float = 1e-4
    head_rate: float = 1e-3
    """Of what the objective brings: a head, a temperature."""
    weight_decay: float = 0.01
    warmup: float = 0.1
    """Share of the steps in which the rate rises linearly; then it falls to zero along half a cosine."""
    layer_decay: float = 1.0
    """Each block learns this much slower than the one after it (0.8 in BEiT, Bao et al. 2022)."""
    clip: float = 1.0
    """Gradients are cut to this norm; 0 leaves them."""
    precision: str = "float32"
    """Or `bf16`, `fp16`: of matrix products, by autocast."""
    checkpointing: bool = False
    """Blocks are computed again for their gradients, which takes a third more time and much less memory."""
    patience: int = 5
    """Epochs without a better validation before it ends; 0 never ends early."""
    seed: int = 0

    def __post_init__(self) -> None:
        least = {"epochs": 1, "batch": 1, "micro": 0, "patience": 0, "seed": 0}
        for name, low in least.items():
            if getattr(self, name) < low:
                raise UsageError(f"--{name} {getattr(self, name)}: expected {low} or more")
        for name in ("learning_rate", "head_rate", "weight_decay", "clip"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise UsageError(f"--{name.replace('_', '-')} {value}: expected a number from 0")
        if not 0 < self.layer_decay <= 1:
            raise UsageError(f"--layer-decay {self.layer_decay}: expected a number over 0 and up to 1")
        if not 0 <= self.warmup < 1:
            raise UsageError(f"--warmup {self.warmup}: expected a share from 0 to below 1")

    def rate_at(self, step: int, steps: int) -> float:
        """The factor of all learning rates at a step (from 0) of `steps`: linear warm-up, half a cosine (Loshchilov and Hutter 2017)."""
        warm = math.ceil(self.warmup * steps)
        if step < warm:
            return (step + 1) / warm
        return 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))
