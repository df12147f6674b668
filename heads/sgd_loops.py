"""The steps of `sgd_fits`, one after the other, compiled."""

from __future__ import annotations

import numpy as np

from .compiled import compiled
from .vectors import Floats, Ints

BATCH = 4
LEARNING_RATE, MOMENTUM, DAMPENING, WEIGHT_DECAY = 0.01, 0.9, 0.9, 0.001
COSINE_SCALE = 2.0
"""What cosines are multiplied by besides the learned length of a class's weights, for up to 200 classes."""
_LEAST = 1e-300
"""The smallest squared length of weights that a cosine is taken of."""


@compiled
def train(vectors: Floats, codes: Ints, weight: Floats, orders: Ints, held: Floats, factors: Floats, single: Floats, cosine: bool) -> None:
    """Train one classifier, on the rows themselves or on their products.

    Args:
        vectors: (n, M) what a row adds to `held`: the rows themselves, or their products with M vectors whose sums the weights are, of
            which the rows are the first.
        codes: (n,) classes, 0 to C - 1.
        weight: (n,) of the rows' losses.
        orders: (epochs, n) in which order each epoch takes the rows.
        held: (C, M) the weights, or their products with these M vectors; changed in place.
        factors: (C, M) of the sums, changed in place; (C, 0) where `held` are the weights.
        single: (C,) biases, or lengths of cosine classifiers; changed in place.
        cosine: which of the two.
    """
    classes, size = held.shape
    summed = factors.shape[1] > 0
    momentum, factor_momentum, single_momentum = np.zeros_like(held), np.zeros_like(factors), np.zeros_like(single)
    wrong, along, pull = np.empty((classes, BATCH)), np.empty(classes), np.empty(classes)
    norm = np.ones(classes)
    kept, new = 0.0, 1.0
    for epoch in range(len(orders)):
        for start in range(0, orders.shape[1], BATCH):
            batch = orders[epoch, start : start + BATCH]
            for c in range(classes):
                if cosine:
                    norm[c] = np.sqrt(max(_product(factors[c] if summed else held[c], held[c]), _LEAST))
                for place in range(len(batch)):
                    row = batch[place]
                    wrong[c, place] = held[c, row] if summed else _product(held[c], vectors[row])
            _errors(wrong, norm, single, codes, weight, batch, cosine, along, pull)
            for c in range(classes):
                for m in range(size):
                    momentum[c, m] = kept * momentum[c, m] + new * along[c] * held[c, m]
                for m in range(factors.shape[1]):
                    factor_momentum[c, m] = kept * factor_momentum[c, m] + new * along[c] * factors[c, m]
                for place in range(len(batch)):
                    row = batch[place]
                    if summed:
                        factor_momentum[c, row] += new * wrong[c, place]
                    for m in range(size):
                        momentum[c, m] += new * wrong[c, place] * vectors[row, m]
                for m in range(size):
                    held[c, m] -= LEARNING_RATE * momentum[c, m]
                for m in range(factors.shape[1]):
                    factors[c, m] -= LEARNING_RATE * factor_momentum[c, m]
                single_momentum[c] = kept * single_momentum[c] + new * pull[c]
                single[c] -= LEARNING_RATE * single_momentum[c]
            kept, new = MOMENTUM, 1 - DAMPENING


@compiled
def _errors(
    wrong: Floats, norm: Floats, single: Floats, codes: Ints, weight: Floats, batch: Ints, cosine: bool, along: Floats, pull: Floats
) -> None:
    """From products of weights and a batch's rows, `wrong` (C, B), to what each row pulls at each class's weights, in place.

    A batch's loss is the mean of its weighted losses. `along` (C,) becomes what weights are pulled along themselves, `pull` (C,) what
    biases or lengths are.
    """
    classes, taken = len(single), len(batch)
    chance = np.empty(classes)
    for c in range(classes):
        pull[c], along[c] = WEIGHT_DECAY * single[c], WEIGHT_DECAY
    for place in range(taken):
        highest, total = -np.inf, 0.0
        for c in range(classes):
            chance[c] = COSINE_SCALE * single[c] / norm[c] * wrong[c, place] if cosine else wrong[c, place] + single[c]
            highest = max(highest, chance[c])
        for c in range(classes):
            chance[c] = np.exp(chance[c] - highest)
            total += chance[c]
        for c in range(classes):
            error = (chance[c] / total - (1.0 if codes[batch[place]] == c else 0.0)) * weight[batch[place]] / taken
            if cosine:
                of_weights = COSINE_SCALE * single[c] / norm[c] * error
                to_row = wrong[c, place] / norm[c]
                pull[c] += COSINE_SCALE * error * to_row
                # what a row pulls along the weights themselves changes their length, which the loss does not see
                along[c] -= of_weights * to_row / norm[c]
                wrong[c, place] = of_weights
            else:
                pull[c] += error
                wrong[c, place] = error


@compiled
def _product(one: Floats, other: Floats) -> float:
    total = 0.0
    for place in range(len(one)):
        total += one[place] * other[place]
    return total
