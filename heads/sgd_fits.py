"""Softmax classifiers trained by SGD on few rows: the recipe of Chen et al. 2019, step for step.

Chen, Liu, Kira, Wang, Huang: A Closer Look at Few-shot Classification (arXiv:1904.04232). As in the authors' code: 100 epochs of
batches of 4, learning rate 0.01, momentum 0.9, dampening 0.9, weight decay 0.001 on all parameters, from the initial values of torch's
linear layer.

Every gradient is a sum of rows, so that weights stay a sum of the rows and of what they were at first: a fit of fewer rows than dimensions
holds the factors of that sum, and the products of the weights with each row, and steps from those of n rows instead of from D features.
The same but for rounding.
"""

from __future__ import annotations

import numpy as np

from .vectors import Floats, Ints

EPOCHS = 100


def sgd_fit(rows: Floats, codes: Ints, weight: Floats, seed: int, classes: int, *, cosine: bool) -> tuple[Floats, Floats]:
    """Train one classifier.

    Args:
        rows: (n, D); of unit length for cosine classifiers.
        codes: (n,) 0 to C - 1.
        weight: (n,) of each row's loss; a batch's loss is the mean of weighted losses.
        seed: of the weights at first, and of the order in which each epoch takes the rows.
        classes: C.
        cosine: whether weights are a direction and a length by class (Salimans and Kingma 2016, "Weight Normalization"), with no bias.

    Returns:
        Weights (C, D), of cosine classifiers with their lengths and the scale, and biases (C,), 0 of cosine classifiers.
    """
    from .sgd_loops import COSINE_SCALE, train

    (n, width), (weights, single) = rows.shape, first_weights(seed, classes, rows.shape[1])
    if cosine:
        single = np.linalg.norm(weights, axis=1)
    told = (codes, weight, orders_of(seed, n))
    if n + classes < width:
        frame = np.concatenate([rows, weights])
        gram = frame @ frame.T
        factors, held = np.zeros((classes, n + classes)), np.ascontiguousarray(gram[n:])
        factors[:, n:] = np.eye(classes)
        train(gram, *told, held, factors, single, cosine)
        weights = factors @ frame
    else:
        train(np.ascontiguousarray(rows), *told, weights, np.empty((classes, 0)), single, cosine)
    if cosine:
        return weights * (COSINE_SCALE * single / np.linalg.norm(weights, axis=1))[:, None], np.zeros(classes)
    return weights, single


def orders_of(seed: int, rows: int) -> Ints:
    """(epochs, n): in which order each epoch takes the rows."""
    random = np.random.default_rng([seed, 1])
    return random.permuted(np.tile(np.arange(rows), (EPOCHS, 1)), axis=1)


def first_weights(seed: int, classes: int, width: int) -> tuple[Floats, Floats]:
    """(C, D) and (C,): as torch's linear layer begins, uniform within 1 / sqrt(D)."""
    random, bound = np.random.default_rng([seed, 0]), width**-0.5
    return random.uniform(-bound, bound, (classes, width)), random.uniform(-bound, bound, classes)
