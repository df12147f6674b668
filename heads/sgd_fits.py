"""Softmax classifiers trained by SGD on few rows, many at once: the recipe of Chen et al. 2019, step for step.

Chen, Liu, Kira, Wang, Huang: A Closer Look at Few-shot Classification (arXiv:1904.04232). As in the authors' code: 100 epochs of
batches of 4, learning rate 0.01, momentum 0.9, dampening 0.9, weight decay 0.001 on all parameters, from the initial values of torch's
linear layer.

Every gradient is a sum of rows, so that weights stay a sum of the rows and of what they were at first: a fit holds the factors of that sum,
and the products of the weights with each row, and steps from those of n rows instead of from D features. The same but for rounding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor
from torch.nn.functional import pad

from .vectors import Floats, Ints

EPOCHS, BATCH = 100, 4
LEARNING_RATE, MOMENTUM, DAMPENING, WEIGHT_DECAY = 0.01, 0.9, 0.9, 0.001
COSINE_SCALE = 2.0
"""What cosines are multiplied by besides the learned length of a class's weights, for up to 200 classes."""
_ALIGNED, _LANES = 8, 16
"""Padding, of rows and of fits, so that what a fit gives does not depend on the fits beside it, to the bit."""


@final
@dataclass(frozen=True)
class SGDFits:
    """F classifiers of C classes."""

    weights: Tensor
    """(F, C, D): of cosine classifiers with their lengths and `COSINE_SCALE`."""
    biases: Tensor
    """(F, C): 0 of cosine classifiers."""


def sgd_fits(rows: Tensor, labels: Tensor, weight: Tensor, orders: Tensor, first: Tensor, biases: Tensor | None) -> SGDFits:
    """Train all at once.

    Args:
        rows: (F, n, D) float64; of unit length for cosine classifiers.
        labels: (F, n) int64, 0 to C - 1.
        weight: (F, n) of each row's loss; a batch's loss is the mean of weighted losses.
        orders: (F, epochs, n) int64: in which order each epoch takes the rows.
        first: (F, C, D): the weights at first.
        biases: (F, C) at first; None: cosine classifiers, whose weights are a direction and a length by class (Salimans and Kingma 2016,
            "Weight Normalization"), and which have no bias.
    """
    fits, n = labels.shape
    whole = torch.arange(fits + -fits % _LANES, device=rows.device).clamp_max(fits - 1)
    state = _State.begin(rows[whole], labels[whole], weight[whole], first[whole], None if biases is None else biases[whole])
    size = state.gram.shape[1]
    rows_of = torch.arange(len(whole), device=rows.device)[:, None] * size
    for epoch in range(orders.shape[1]):
        order = orders[whole, epoch]
        # whole rows of the products are copied, in the order of the epoch
        taken = state.gram.reshape(-1, size).index_select(0, (rows_of + order).ravel()).reshape(len(whole), n, size)
        for start in range(0, n, BATCH):
            state.step(order[:, start : start + BATCH], taken[:, start : start + BATCH])
    return state.result(rows, first)


class _State:
    """Parameters and momenta, changed in place: 2 for the factors and the products with all rows, M = n + C and padding."""

    def __init__(self, gram: Tensor, labels: Tensor, weight: Tensor, held: Tensor, biases: Tensor | None) -> None:
        self.gram, self.labels, self.weight, self.held = gram, labels, weight, held
        self.cosine = biases is None
        # of cosine classifiers the lengths, of others the biases: one number a class either way
        self.single = (held[0] * held[1]).sum(2).sqrt() if biases is None else biases.clone()
        self.held_momentum, self.single_momentum = torch.zeros_like(held), torch.zeros_like(self.single)
        self.steps = 0

    @classmethod
    def begin(cls, rows: Tensor, labels: Tensor, weight: Tensor, first: Tensor, biases: Tensor | None) -> _State:
        frame = torch.cat([rows, first], 1)
        size = frame.shape[1]
        more = -size % _ALIGNED
        gram = pad(torch.bmm(frame, frame.transpose(1, 2)), (0, more, 0, more))
        factors = pad(torch.eye(size, dtype=rows.dtype, device=rows.device)[-first.shape[1] :], (0, more)).expand(len(rows), -1, -1)
        of_rows = gram[:, size - first.shape[1] : size]
        return cls(gram, labels, weight, torch.stack([factors, of_rows]), biases)

    def step(self, batch: Tensor, taken: Tensor) -> None:
        """Of one batch (F, B) of rows, whose products with all are `taken` (F, B, M)."""
        classes = self.held.shape[2]
        at = batch[:, None].expand(-1, classes, -1)
        products = self.held[1].gather(2, at)
        if self.cosine:
            norm = (self.held[0] * self.held[1]).sum(2).sqrt().clamp_min(1e-300)
            cosines = products / norm[..., None]
            logits = COSINE_SCALE * self.single[..., None] * cosines
        else:
            norm, cosines, logits = self.single, products, products + self.single[..., None]
        wrong = torch.softmax(logits, 1)
        wrong.scatter_add_(1, self.labels.gather(1, batch)[:, None], torch.full_like(wrong[:, :1], -1.0))
        wrong *= (self.weight.gather(1, batch) / batch.shape[1])[:, None]
        kept, new = (MOMENTUM, 1 - DAMPENING) if self.steps else (0.0, 1.0)
        self.held_momentum *= kept
        if self.cosine:
            of_single = COSINE_SCALE * (wrong * cosines).sum(2)
            wrong *= (COSINE_SCALE * self.single / norm)[..., None]
            # what a row pulls along the weights themselves changes their length, which the loss does not see
            along = new * (WEIGHT_DECAY - (wrong * cosines).sum(2) / norm)
            self.held_momentum.addcmul_(self.held, along[None, ..., None])
        else:
            of_single = wrong.sum(2)
            self.held_momentum.add_(self.held, alpha=new * WEIGHT_DECAY)
        wrong *= new
        self.held_momentum[0].scatter_add_(2, at, wrong)
        self.held_momentum[1].baddbmm_(wrong, taken)
        self.single_momentum.mul_(kept).add_(of_single + WEIGHT_DECAY * self.single, alpha=new)
        self.held.sub_(self.held_momentum, alpha=LEARNING_RATE)
        self.single.sub_(self.single_momentum, alpha=LEARNING_RATE)
        self.steps += 1

    def result(self, rows: Tensor, first: Tensor) -> SGDFits:
        frame = torch.cat([rows, first], 1)
        fits, size = frame.shape[:2]
        weights, single = torch.bmm(self.held[0, :fits, :, :size], frame), self.single[:fits]
        if self.cosine:
            norm = (self.held[0] * self.held[1]).sum(2).sqrt().clamp_min(1e-300)[:fits]
            return SGDFits(weights * (COSINE_SCALE * single / norm)[..., None], torch.zeros_like(single))
        return SGDFits(weights, single)


def orders_of(seed: int, rows: int) -> Ints:
    """(epochs, n): in which order each epoch takes the rows."""
    import numpy as np

    random = np.random.default_rng([seed, 1])
    return np.stack([random.permutation(rows) for _ in range(EPOCHS)])


def first_weights(seed: int, classes: int, width: int) -> tuple[Floats, Floats]:
    """(C, D) and (C,): as torch's linear layer begins, uniform within 1 / sqrt(D)."""
    import numpy as np

    random, bound = np.random.default_rng([seed, 0]), width**-0.5
    return random.uniform(-bound, bound, (classes, width)), random.uniform(-bound, bound, classes)
