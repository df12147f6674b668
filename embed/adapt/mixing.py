"""Mixup (Zhang et al. 2018, "mixup: Beyond Empirical Risk Minimization") of a batch that comes in parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from torch import Tensor

from ...store.errors import UsageError
from .objective import Batch, Part


@final
@dataclass(frozen=True)
class Mix:
    """Each example is mixed with the one `shift` places on, the last ones with the first; the order of a batch is random already."""

    own: float = 1.0
    """Share of the example itself, from 0.5."""
    shift: int = 0

    @classmethod
    def drawn(cls, alpha: float, count: int, generator: np.random.Generator) -> Mix:
        """The share follows Beta(alpha, alpha), the larger of it and the rest, so that an example stays mostly itself. 0 mixes nothing."""
        if not alpha or count < 2:
            return cls()
        share = float(generator.beta(alpha, alpha))
        return cls(max(share, 1 - share), int(generator.integers(1, count)))

    @property
    def mixes(self) -> bool:
        return self.own < 1

    def shares(self, count: int, device: torch.device) -> Tensor:
        """(B, B) of what each mixture is made of."""
        one = torch.eye(count, device=device)
        return self.own * one + (1 - self.own) * self.partners(one) if self.mixes else one

    def partners(self, values: Tensor) -> Tensor:
        """(B, ...) of the examples that each is mixed with."""
        return values.roll(-self.shift, 0)

    def of_vectors(self, values: Tensor) -> Tensor:
        """(B, ...) mixed; not of unit length any more."""
        return self.own * values + (1 - self.own) * self.partners(values) if self.mixes else values


def mixed_part(parts: Sequence[Part], number: int, mix: Mix) -> Batch:
    """A part of a step, each of its examples mixed with its partner, which other parts may hold.

    Where a scan is several planes, its first is mixed with the partner's first, and so on; a partner with fewer begins again.

    Raises:
        UsageError: pixels of two parts differ in shape.
    """
    batch = parts[number].take()
    if not mix.mixes:
        return batch
    sizes = [part.size for part in parts]
    starts = np.cumsum([0, *sizes])
    places = (np.arange(starts[number], starts[number + 1]) + mix.shift) % starts[-1]
    holders = np.searchsorted(starts, places, side="right") - 1
    taken = {holder: batch if holder == number else parts[holder].take() for holder in dict.fromkeys(holders.tolist())}
    pixels = torch.empty_like(batch.pixels)
    for at, (place, holder) in enumerate(zip(places.tolist(), holders.tolist(), strict=True)):
        other = taken[holder]
        own, theirs = _planes(batch, at), _planes(other, place - int(starts[holder]))
        if batch.pixels.shape[1:] != other.pixels.shape[1:]:
            raise UsageError(
                f"mixup mixes pixels of shape {tuple(batch.pixels.shape[1:])} with {tuple(other.pixels.shape[1:])}; "
                "choose a view of one size, or mixup 0"
            )
        pixels[own] = mix.own * batch.pixels[own] + (1 - mix.own) * other.pixels[theirs[torch.arange(len(own)) % len(theirs)]]
    return Batch(batch.rows, pixels, batch.owner)


def _planes(batch: Batch, example: int) -> Tensor:
    return (batch.owner == example).nonzero()[:, 0]
