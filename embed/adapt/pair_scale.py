"""The temperature and bias that turn cosines into logits, learned: the model's own where it has them."""

from __future__ import annotations

import math
from typing import final

import torch
from torch import Tensor, nn

from ..torch_encoder import TorchEncoder
from ..towers import Towers

_HIGHEST = math.log(100)
"""CLIP (Radford et al. 2021, 2.5) scales cosines by no more than 100, which keeps training stable."""


@final
class PairScale(nn.Module):
    """scale * cosine + bias.

    Args:
        encoder: Whose model a method has prepared: its parameters of that name are made to train from here on.
        bias: Whether there is a bias; it begins at -10, as SigLIP's does (Zhai et al. 2023), where the model has none of its own.
        start: The scale to begin with, where the model has none of its own.
    """

    def __init__(self, encoder: TorchEncoder, *, bias: bool, start: float) -> None:
        super().__init__()
        towers = encoder.towers or Towers()
        # in tuples: the model's parameters are not this module's too
        self._scale = _own(encoder, towers.log_scale)
        self._bias = _own(encoder, towers.bias) if bias else ()
        if not self._scale:
            self.log_scale = nn.Parameter(torch.tensor(math.log(start), device=encoder.device))
            self._scale = (self.log_scale,)
        if bias and not self._bias:
            self.bias = nn.Parameter(torch.tensor(-10.0, device=encoder.device))
            self._bias = (self.bias,)
        self._highest = max(_HIGHEST, float(self._scale[0].detach()))

    def scale(self) -> Tensor:
        """What cosines are multiplied by, a scalar; 100 at most, or what it began with."""
        log = self._scale[0].squeeze()
        return (log + (log.clamp_max(self._highest) - log).detach()).exp()  # at the limit it can still go down

    def forward(self, cosines: Tensor) -> Tensor:
        logits = self.scale() * cosines
        return logits + self._bias[0].squeeze() if self._bias else logits


def _own(encoder: TorchEncoder, name: str) -> tuple[nn.Parameter, ...]:
    if not name:
        return ()
    parameter = encoder.model.get_parameter(name)
    parameter.requires_grad = True
    return (parameter,)
