"""Gradient descent on the supports of many fits in one loop; nothing of a fit depends on the fits beside it.

Rows of fits are stacked, parameters too, and steps are taken number by number, so that the sum of all losses teaches each fit as its own
loss would. Torch's batched products, decompositions and softmax give the same bits whatever the batch holds (on a CPU; on a GPU the library
may choose another kernel for another number of fits).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Self, final

import numpy as np
import torch
from torch import Tensor

from .class_texts import texts_of
from .steps import Steps
from .support import Support
from .vectors import Floats, Ints

WARM = 1e-5
"""Learning rate of the first epoch in CoOp's settings."""


@final
@dataclass(frozen=True)
class Stack:
    """F fits on n rows each, of C classes, float64."""

    rows: Tensor
    """(F, n, D)."""
    codes: Tensor
    """(F, n) of int64: the class of each row."""
    texts: Tensor
    """(F, C, D)."""
    scale: Tensor
    """(F,): the logit scale."""
    seeds: tuple[int, ...]

    @classmethod
    def of(cls, U: Floats, supports: Sequence[Support], device: str) -> Self:
        """Of supports of one size, with rows of U (N, D) and unit vectors of their texts."""
        return cls(
            torch.from_numpy(U[np.stack([s.rows for s in supports])]).to(device),
            torch.from_numpy(np.stack([s.y for s in supports]).astype(np.int64)).to(device),
            torch.from_numpy(np.stack([texts_of(s) for s in supports])).to(device),
            torch.tensor([s.logit_scale for s in supports], dtype=torch.float64, device=device),
            tuple(s.seed for s in supports),
        )

    @classmethod
    def one(cls, U: Floats, codes: Ints, texts: Floats, scale: float, seed: int) -> Self:
        """Of one fit: unit rows (n, D), their classes (n,) and unit texts (C, D)."""
        rows, prompts = (torch.from_numpy(np.ascontiguousarray(given))[None] for given in (U, texts))
        classes = torch.from_numpy(codes.astype(np.int64))[None]
        return cls(rows, classes, prompts, torch.tensor([scale], dtype=torch.float64), (seed,))

    def to(self, device: str | torch.device) -> Self:
        """The same fits on a device."""
        return type(self)(self.rows.to(device), self.codes.to(device), self.texts.to(device), self.scale.to(device), self.seeds)

    @property
    def member(self) -> Tensor:
        """(F, n, C): 1 for a row's class."""
        return torch.nn.functional.one_hot(self.codes, self.texts.shape[1]).to(self.rows.dtype)

    def turned(self) -> tuple[Self, Tensor]:
        """The same fits with axes turned into the space that rows and texts span, and these axes (F, D, D').

        What is learned by steps along rows and texts never leaves that space, so that few rows of any width are a small problem,
        exactly the same one. Where rows and texts are not fewer than D nothing is gained, and axes are as they were.
        """
        n, width = self.rows.shape[1:]
        if n + self.texts.shape[1] >= width:
            return self, torch.eye(width, dtype=self.rows.dtype, device=self.rows.device).expand(len(self.rows), -1, -1)
        axes, coordinates = torch.linalg.qr(torch.cat([self.rows, self.texts], 1).transpose(1, 2))
        inside = coordinates.transpose(1, 2).contiguous()
        return replace(self, rows=inside[:, :n].contiguous(), texts=inside[:, n:].contiguous()), axes


def descend(steps: Steps, rates: Sequence[float], stack: Stack, batch: int, loss: Callable[[Tensor, Tensor], Tensor]) -> None:
    """Take a step at each of `rates`, on all rows of a fit, or on shuffled batches of them where there are more than `batch`.

    Args:
        steps: of the parameters, each (F, ...), that are trained.
        rates: learning rates of all steps; `steps_of` says how many make an epoch.
        stack: what is learned from; its seeds say how rows are shuffled.
        batch: rows in a step.
        loss: from rows (F, b, D) and classes (F, b) to losses (F,).
    """
    taken = _batches(stack, batch)
    with torch.enable_grad():
        for rate in rates:
            steps.step(torch.autograd.grad(loss(*next(taken)).sum(), list(steps.parameters)), rate)


def steps_of(rows: int, batch: int) -> int:
    """Steps in an epoch."""
    return max(1, math.ceil(rows / batch))


def warmed_cosine(rate: float, epochs: int, steps: int) -> list[float]:
    """CoOp's schedule: an epoch at 1e-5, then a half cosine from `rate` towards 0, which changes from epoch to epoch."""
    return [WARM if e == 0 else rate / 2 * (1 + math.cos(math.pi * (e - 1) / epochs)) for e in range(epochs) for _ in range(steps)]


def cross_entropy(logits: Tensor, codes: Tensor) -> Tensor:
    """(F,): the mean over rows of minus the log probability of the row's class, of logits (F, n, C)."""
    return -torch.log_softmax(logits, -1).gather(2, codes[..., None])[..., 0].mean(1)


def _batches(stack: Stack, batch: int) -> Iterator[tuple[Tensor, Tensor]]:
    n, epoch = stack.rows.shape[1], 0
    while n <= batch:
        yield stack.rows, stack.codes
    while True:
        orders = np.stack([np.random.default_rng([seed, epoch]).permutation(n) for seed in stack.seeds])
        for start in range(0, n, batch):
            picked = torch.from_numpy(orders[:, start : start + batch]).to(stack.rows.device)
            yield stack.rows.gather(1, picked[..., None].expand(-1, -1, stack.rows.shape[2])), stack.codes.gather(1, picked)
        epoch += 1
