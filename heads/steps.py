"""Steps of gradient descent on stacked parameters, number by number as torch's optimizers take them: importing those takes two seconds, as
they bring torch's compiler along.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, final

import torch
from torch import Tensor


class Steps(Protocol):
    """A way to move parameters."""

    parameters: Sequence[Tensor]

    def step(self, gradients: Sequence[Tensor], rate: float) -> None:
        """Move the parameters in place against their gradients."""
        ...


@final
class SGD:
    """With momentum and L2 decay, as `torch.optim.SGD`."""

    def __init__(self, parameters: Sequence[Tensor], momentum: float, decay: float = 0.0) -> None:
        self.parameters = parameters
        self._momentum, self._decay = momentum, decay
        self._speeds = [torch.zeros_like(p) for p in parameters]

    @torch.no_grad()
    def step(self, gradients: Sequence[Tensor], rate: float) -> None:
        for parameter, gradient, speed in zip(self.parameters, gradients, self._speeds, strict=True):
            speed.mul_(self._momentum).add_(gradient)
            if self._decay:
                speed.add_(parameter, alpha=self._decay)
            parameter.sub_(speed, alpha=rate)


@final
class AdamW:
    """Adam with decoupled decay (Loshchilov and Hutter, arXiv:1711.05101), as `torch.optim.AdamW` with its usual betas and decay."""

    def __init__(self, parameters: Sequence[Tensor], eps: float) -> None:
        self.parameters = parameters
        self._eps, self._taken = eps, 0
        self._means = [torch.zeros_like(p) for p in parameters]
        self._squares = [torch.zeros_like(p) for p in parameters]

    @torch.no_grad()
    def step(self, gradients: Sequence[Tensor], rate: float) -> None:
        self._taken += 1
        first, second = 1 - _BETA1**self._taken, 1 - _BETA2**self._taken
        for parameter, gradient, mean, square in zip(self.parameters, gradients, self._means, self._squares, strict=True):
            parameter.mul_(1 - rate * _DECAY)
            mean.mul_(_BETA1).add_(gradient, alpha=1 - _BETA1)
            square.mul_(_BETA2).addcmul_(gradient, gradient, value=1 - _BETA2)
            parameter.addcdiv_(mean, square.sqrt().div_(second**0.5).add_(self._eps), value=-rate / first)


_BETA1, _BETA2, _DECAY = 0.9, 0.999, 0.01
