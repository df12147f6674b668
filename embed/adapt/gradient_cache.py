"""Gradients of a loss over more examples than a device holds at once.

Gao et al. 2021, "Scaling Deep Contrastive Learning Batch Size under Memory Limited Setup": everything is encoded without gradients, part by
part; the loss gives the gradients of the vectors; then each part is encoded again, and the gradients of its vectors go on from there. What
comes out is the gradient of the whole, at the cost of one forward pass more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

Encode = Callable[[], tuple[Tensor, ...]]


@final
@dataclass(frozen=True)
class _Kept:
    encode: Encode
    leaves: tuple[Tensor, ...]
    states: tuple[Tensor, Tensor | None]


@final
class GradientCache:
    """Of one step."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._kept: list[_Kept] = []

    def run(self, encode: Encode, *, trains: bool = True) -> tuple[Tensor, ...]:
        """What a part gives, as leaves of the loss's graph.

        `encode` is called once more in `backward`, and must do the same again; unless nothing behind it `trains`.
        """
        states = torch.get_rng_state(), torch.cuda.get_rng_state(self.device) if self.device.type == "cuda" else None
        # autocast would keep the weights that it casts here, without gradients, for the second pass
        kind = self.device.type
        autocast = torch.autocast(kind, torch.get_autocast_dtype(kind), enabled=torch.is_autocast_enabled(kind), cache_enabled=False)
        with torch.no_grad(), autocast:
            given = encode()
        if not trains:
            return given
        leaves = tuple(one.detach().requires_grad_(one.is_floating_point()) for one in given)
        self._kept.append(_Kept(encode, leaves, states))
        return leaves

    def backward(self) -> None:
        """Take the gradients that the leaves have on to what gave them. What a part drew at random is drawn again alike."""
        with torch.random.fork_rng([self.device] if self.device.type == "cuda" else []):
            for part in self._kept:
                torch.set_rng_state(part.states[0])
                if part.states[1] is not None:
                    torch.cuda.set_rng_state(part.states[1], self.device)
                given = part.encode()
                used = [(one, leaf.grad) for one, leaf in zip(given, part.leaves, strict=True) if one.requires_grad]
                pairs = [(one, gradient) for one, gradient in used if gradient is not None]
                if pairs:
                    torch.autograd.backward([one for one, _ in pairs], [gradient for _, gradient in pairs])
        self._kept.clear()
