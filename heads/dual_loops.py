"""Newton's method of `dual`, compiled: for matrices of some dozen rows, calling LAPACK takes longer than the arithmetic."""

from __future__ import annotations

import numpy as np

from .compiled import compiled
from .vectors import Floats

HALVINGS = 40
DECREASE = 1e-4
"""Armijo's condition: the share of the decrease promised by the slope that a step must bring."""
PROGRESS = 0.9
PATIENCE = 8
"""A fit ends when so many steps have not brought its gradient under this share of the smallest. One step proves nothing: far from the
optimum the objective falls at each step, but the gradient need not."""
TINY = 1e-200
"""Weight of a row whose loss is 0 to the last bit, so that nothing is divided by 0."""


@compiled
def _dot(left: Floats, right: Floats, n: int) -> float:
    total = 0.0
    for i in range(n):
        total += left[i] * right[i]
    return total


@compiled
def _factored(L: Floats) -> None:
    """The lower triangle of a positive matrix becomes its Cholesky factor."""
    for i in range(len(L)):
        own = L[i]
        for j in range(i):
            own[j] = (own[j] - _dot(own, L[j], j)) / L[j, j]
        own[i] = np.sqrt(own[i] - _dot(own, own, i))


@compiled
def _solved(L: Floats, x: Floats) -> None:
    """`x` becomes the solution of L L' z = x."""
    n = len(x)
    for i in range(n):
        x[i] = (x[i] - _dot(L[i], x, i)) / L[i, i]
    for i in range(n - 1, -1, -1):
        x[i] /= L[i, i]
        for j in range(i):
            x[j] -= x[i] * L[i, j]


@compiled
def _loss(c: Floats, y: Floats, f: Floats, df: Floats, step: float) -> float:
    total = 0.0
    for i in range(len(f)):
        value = f[i] + step * df[i]
        total += c[i] * (max(value, 0.0) + np.log1p(np.exp(-abs(value))) - y[i] * value)
    return total


@compiled
def newton(
    K: Floats, y: Floats, losses: Floats, weights: Floats, intercepts: Floats, gradients: Floats, tolerance: float, max_steps: int
) -> int:
    """Fit one after the other, each on its own.

    Args:
        K: (F, n, n) products of the rows with each other.
        y: (F, n) labels 0 and 1.
        losses: (F, n) weight of each row's loss, C included.
        weights: (F, n) where to begin, and then what was found.
        intercepts: (F,) likewise.
        gradients: (F,) to write to: what is left, as `DualFits` has it.
        tolerance: at which a fit ends.
        max_steps: Newton steps.

    Returns:
        The most steps that a fit took.
    """
    n, most = y.shape[1], 0
    f, residual, root, df = np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    first, second, L = np.empty(n), np.empty(n), np.empty((n, n))
    for fit in range(len(y)):
        own, of, c = K[fit], y[fit], losses[fit]
        a, b, total = weights[fit].copy(), intercepts[fit], c.sum()
        for i in range(n):
            f[i] = _dot(own[i], a, n) + b
        best, waited, steps = np.inf, 0, 0
        while True:
            for i in range(n):
                residual[i] = c[i] * (of[i] - 1 / (1 + np.exp(-f[i])))
            gradient = abs(residual.sum())
            for i in range(n):
                part = abs(f[i] - b - _dot(own[i], residual, n))
                if not part <= gradient:  # NaN counts
                    gradient = part
            gradient /= total
            waited = 0 if gradient < PROGRESS * best else waited + 1
            if gradient < best:
                best, intercepts[fit], weights[fit] = gradient, b, a
            if steps == max_steps or waited >= PATIENCE or not gradient > tolerance:
                break
            for i in range(n):
                p = 1 / (1 + np.exp(-f[i]))
                root[i] = np.sqrt(max(c[i] * p * (1 - p), TINY))
                first[i], second[i] = root[i] * f[i] + residual[i] / root[i], root[i]
                for j in range(i + 1):
                    L[i, j] = root[i] * own[i, j] * root[j]
                L[i, i] += 1
            _factored(L)
            _solved(L, first)
            _solved(L, second)
            first *= root
            second *= root
            moved = first.sum() / second.sum()
            db = moved - b
            first -= moved * second
            first -= a  # the step of a
            slope, straight, bent = -residual.sum() * db, 0.0, 0.0
            for i in range(n):
                df[i] = _dot(own[i], first, n)
                slope += (a[i] - residual[i]) * df[i]
                straight += a[i] * df[i]  # |w|² along the step: a' K a, 2 a' K da and da' K da
                bent += first[i] * df[i]
                df[i] += db
            before, step = _loss(c, of, f, df, 0.0), 1.0
            for _ in range(HALVINGS):
                after = _loss(c, of, f, df, step) + step * straight + step * step * bent / 2
                if after <= before + DECREASE * step * slope + 1e-14 * abs(before):
                    break
                step /= 2
            a += step * first
            b += step * db
            f += step * df
            steps += 1
        gradients[fit] = best
        most = max(most, steps)
    return most
