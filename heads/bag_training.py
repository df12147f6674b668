"""How heads on bags learn by gradients: AdamW on batches of bags, the same from the same seed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from .bags import Bags, check_sub_bag, sub_bags
from .vectors import Floats, Ints

if TYPE_CHECKING:
    from torch import Tensor

BATCH_VECTORS = 2048
"""Vectors in a batch, and more only where one bag has more. Few-shot supports are one batch: then order has no say."""


_BETAS, _EPSILON = (0.9, 0.999), 1e-8


def standardisation(bags: Bags) -> tuple[Floats, Floats]:
    """Mean and standard deviation (D,) over all vectors of bags, 1 where a value never varies; a block at a time."""
    total = np.zeros(bags.width)
    for _, block in bags.blocks():
        total += block.sum(axis=0)
    mean, squares = total / len(bags.X), np.zeros(bags.width)
    for _, block in bags.blocks():
        squares += ((block - mean) ** 2).sum(axis=0)
    spread = np.sqrt(squares / len(bags.X))
    return mean, np.where(spread > 0, spread, 1.0)


def started(shapes: Mapping[str, tuple[int, ...]], seed: int) -> dict[str, Tensor]:
    """Float64 weights from N(0, 1 / inputs), by name; inputs are the last axis."""
    import torch

    random = torch.Generator().manual_seed(seed)
    return {name: torch.randn(shape, generator=random, dtype=torch.float64) / shape[-1] ** 0.5 for name, shape in shapes.items()}


def constant(shapes: Mapping[str, tuple[int, ...]], value: float = 0.0) -> dict[str, Tensor]:
    """Float64 weights of one value, by name."""
    import torch

    return {name: torch.full(shape, value, dtype=torch.float64) for name, shape in shapes.items()}


@contextmanager
def one_thread() -> Iterator[None]:
    """Torch computes in one thread meanwhile: sums of several come in an order that depends on their number."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def descend(
    weights: Sequence[Tensor],
    logits: Callable[[Bags], Tensor],
    bags: Bags,
    codes: Ints,
    *,
    steps: int,
    learning_rate: float,
    weight_decay: float,
    sub_bag: int | None,
    seed: int,
) -> None:
    """Lower the mean cross-entropy of bags by AdamW (Loshchilov and Hutter, arXiv:1711.05101), the rate falling to 0 by a cosine.

    Args:
        weights: what is learned, changed in place.
        logits: (B, C) of B bags.
        bags: N bags.
        codes: (N,).
        steps: each on one batch.
        learning_rate: at the start.
        weight_decay: of AdamW.
        sub_bag: each step sees a run of at most so many neighbouring vectors of a bag, at a new random place; None: all of them.
        seed: of batches and places.
    """
    import torch

    if sub_bag is not None:
        check_sub_bag(sub_bag)
    random = np.random.default_rng(seed)
    sizes = bags.sizes if sub_bag is None else np.minimum(bags.sizes, sub_bag)
    in_turn = batches(sizes, random, BATCH_VECTORS)
    first, second = ([torch.zeros_like(one) for one in weights] for _ in range(2))
    for one in weights:
        one.requires_grad_()
    with one_thread():
        for step in range(steps):
            rows = next(in_turn)
            part = bags.of(rows)
            if sub_bag is not None:
                part = sub_bags(part, sub_bag, random)
            loss = torch.nn.functional.cross_entropy(logits(part), torch.from_numpy(codes[rows]))
            slopes = torch.autograd.grad(loss, weights)
            rate = learning_rate * (1 + math.cos(math.pi * step / steps)) / 2
            # by hand: torch.optim imports 900 modules, two seconds before the first step
            with torch.no_grad():
                for one, slope, m, v in zip(weights, slopes, first, second, strict=True):
                    m.lerp_(slope, 1 - _BETAS[0])
                    v.mul_(_BETAS[1]).addcmul_(slope, slope, value=1 - _BETAS[1])
                    root = (v / (1 - _BETAS[1] ** (step + 1))).sqrt_().add_(_EPSILON)
                    one.mul_(1 - rate * weight_decay).addcdiv_(m, root, value=-rate / (1 - _BETAS[0] ** (step + 1)))
    for one in weights:
        one.requires_grad_(False)


def batches(sizes: Ints, random: np.random.Generator, most: int) -> Iterator[Ints]:
    """Rows of bags, all of them once before any twice, in a new order each time; in one batch, in their own order, where they fit.

    A batch has `most` vectors, more only where one bag has more.
    """
    if sizes.sum() <= most:
        while True:
            yield np.arange(len(sizes))
    while True:
        order = random.permutation(len(sizes))
        batch = (np.cumsum(sizes[order]) - 1) // most
        yield from np.split(order, np.flatnonzero(np.diff(batch)) + 1)
