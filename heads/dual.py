"""Logistic regression on few rows, many fits at once, by Newton's method on the rows' weights.

At the optimum of |w|² / 2 + C * (sum of log losses), w = X' a with a = C (y - p): the coefficients are a sum of the rows, so that n rows of
any width are a problem of n unknowns, in which K = X X' takes the place of X. A Newton step is a weighted least-squares fit whose matrix
I + W^(1/2) K W^(1/2), W = C p (1 - p), has no eigenvalue under 1 whatever K is (Rasmussen and Williams 2006, "Gaussian Processes for
Machine Learning", algorithm 3.1). The intercept bears no penalty: a step chooses it so that the weights sum to 0.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Self, final

import torch
from torch import Tensor
from torch.nn.functional import softplus

TOLERANCE = 1e-12
"""Under which a gradient counts as nothing."""
_HALVINGS = 40
_DECREASE = 1e-4
"""Armijo's condition: the share of the decrease promised by the slope that a step must bring."""
_PROGRESS = 0.9
_PATIENCE = 8
"""A fit ends when so many steps have not brought its gradient under this share of the smallest. One step proves nothing: far from the
optimum the objective falls at each step, but the gradient need not."""
_TINY = 1e-200
"""Weight of a row whose loss is 0 to the last bit, so that nothing is divided by 0."""


@final
@dataclass(frozen=True)
class DualFits:
    """F fits on n rows each, float64."""

    weights: Tensor
    """(F, n) a: the coefficients of a fit are X' a."""
    intercepts: Tensor
    """(F,)."""
    gradients: Tensor
    """(F,): the largest partial derivative of the objective with respect to a and the intercept, over C n."""
    steps: int


def dual_fits(K: Tensor, y: Tensor, C: Tensor, max_steps: int = 100) -> DualFits:
    """Fit all at once. Each goes on until its gradient is nothing or, for rounding, falls no more.

    Args:
        K: (F, n, n) float64: products of the rows with each other.
        y: (F, n) float64: labels 0 and 1, both in each fit.
        C: (F,) float64: weight of the losses against the penalty.
        max_steps: Newton steps. Whoever asks looks at `gradients`.
    """
    best = DualFits(torch.zeros_like(y), torch.zeros_like(C), torch.full_like(C, torch.inf), 0)
    state = _State.start(K, y, C)
    steps = 0
    while True:
        residual = state.C * (state.y - torch.sigmoid(state.f))
        gradient = state.gradient(residual)
        better = gradient < best.gradients[state.number]
        waited = torch.where(gradient < _PROGRESS * best.gradients[state.number], 0, state.waited + 1)
        kept = state.number[better]
        best.weights[kept], best.intercepts[kept], best.gradients[kept] = state.a[better], state.b[better], gradient[better]
        going = (gradient > TOLERANCE) & (waited < _PATIENCE)
        if steps == max_steps or not going.any():
            return DualFits(best.weights, best.intercepts, best.gradients, steps)
        state = replace(state, waited=waited)
        if not going.all():
            state, residual = state.of(going), residual[going]
        state = state.stepped(residual)
        steps += 1


@final
@dataclass(frozen=True)
class _State:
    """The fits that go on."""

    number: Tensor
    """(F,) of each among all."""
    K: Tensor
    y: Tensor
    C: Tensor
    """(F, 1)."""
    a: Tensor
    b: Tensor
    f: Tensor
    """(F, n) decision values, K a + b."""
    waited: Tensor
    """(F,) steps without progress."""

    @classmethod
    def start(cls, K: Tensor, y: Tensor, C: Tensor) -> Self:
        zeros = torch.zeros_like(y)
        return cls(torch.arange(len(y), device=y.device), K, y, C[:, None], zeros, torch.zeros_like(C), zeros, torch.zeros_like(C))

    def of(self, kept: Tensor) -> Self:
        return type(self)(*(getattr(self, one.name)[kept] for one in fields(self)))

    def gradient(self, residual: Tensor) -> Tensor:
        of_weights = _times(self.K, self.a - residual).abs().amax(1)
        return torch.maximum(of_weights, residual.sum(1).abs()) / (self.C[:, 0] * self.y.shape[1])

    def stepped(self, residual: Tensor) -> Self:
        """After a Newton step, halved until the objective falls as far as it should."""
        p = torch.sigmoid(self.f)
        root = (self.C * p * (1 - p)).clamp_min(_TINY).sqrt()
        matrix = root[:, :, None] * self.K * root[:, None, :]
        matrix.diagonal(dim1=1, dim2=2).add_(1)
        wanted = torch.stack([root * self.f + residual / root, root], 2)
        solved = root[..., None] * torch.cholesky_solve(wanted, torch.linalg.cholesky(matrix))
        b = solved[..., 0].sum(1) / solved[..., 1].sum(1)
        da, db = solved[..., 0] - b[:, None] * solved[..., 1] - self.a, b - self.b
        Kda = _times(self.K, da)
        df = Kda + db[:, None]
        slope = ((self.a - residual) * Kda).sum(1) - residual.sum(1) * db
        # |w|² along the step: a' K a, 2 a' K da and da' K da
        straight, bent = (self.a * Kda).sum(1), (da * Kda).sum(1)
        before = self._losses(self.f)
        step = torch.ones_like(self.b)
        for _ in range(_HALVINGS):
            after = self._losses(self.f + step[:, None] * df) + step * straight + step * step * bent / 2
            short = ~(after <= before + _DECREASE * step * slope + 1e-14 * before.abs())
            if not short.any():
                break
            step = torch.where(short, step / 2, step)
        a, b = self.a + step[:, None] * da, self.b + step * db
        return replace(self, a=a, b=b, f=self.f + step[:, None] * df)

    def _losses(self, f: Tensor) -> Tensor:
        return (self.C * (softplus(f) - self.y * f)).sum(1)


def _times(K: Tensor, a: Tensor) -> Tensor:
    return torch.bmm(K, a[..., None])[..., 0]
