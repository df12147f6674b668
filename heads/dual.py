"""Logistic regression on few rows, many fits at once, by Newton's method on the rows' weights.

At the optimum of |w|² / 2 + C * (sum of log losses), w = X' a with a = C (y - p): the coefficients are a sum of the rows, so that n rows of
any width are a problem of n unknowns, in which K = X X' takes the place of X. A Newton step is a weighted least-squares fit whose matrix
I + W^(1/2) K W^(1/2), W = C p (1 - p), C with the row's weight, has no eigenvalue under 1 whatever K is (Rasmussen and Williams 2006,
"Gaussian Processes for Machine Learning", algorithm 3.1). The intercept bears no penalty: a step chooses it so that the weights sum to 0.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Self, final

import torch
from torch import Tensor
from torch.nn.functional import pad, softplus

from .dual_loops import DECREASE, HALVINGS, PATIENCE, PROGRESS, TINY, newton

TOLERANCE = 1e-12
"""Under which a gradient counts as nothing."""
MAX_STEPS = 100
_LANES = 16
"""A multiple of the numbers that a processor takes at once."""
_ALIGNED = 8
"""Numbers in a line of a processor's cache: matrices of whole lines all begin at the start of one, on which LAPACK's sums depend."""
_WORTHWHILE = 0.75
"""The share of fits that go on at which the others are left behind."""


@final
@dataclass(frozen=True)
class DualFits:
    """F fits on n rows each, float64."""

    weights: Tensor
    """(F, n) a: the coefficients of a fit are X' a."""
    intercepts: Tensor
    """(F,)."""
    gradients: Tensor
    """(F,): the largest partial derivative of the objective with respect to a and the intercept, over C and the rows' weights."""
    steps: int


def dual_fits(
    K: Tensor,
    y: Tensor,
    C: Tensor,
    max_steps: int = MAX_STEPS,
    *,
    weight: Tensor | None = None,
    start: DualFits | None = None,
    tolerance: float = TOLERANCE,
) -> DualFits:
    """Fit all: on a CPU one after the other by `dual_loops`, elsewhere all at once.

    Each goes on until its gradient is under `tolerance` or, for rounding, falls no more. What is found for a fit is the same to the bit
    on a CPU whichever fits are beside it.

    Args:
        K: (F, n, n) float64: products of the rows with each other.
        y: (F, n) float64: labels 0 and 1, both in each fit.
        C: (F,) float64: weight of the losses against the penalty.
        max_steps: Newton steps. Whoever asks looks at `gradients`.
        weight: (F, n) float64: of each row's loss, 0 or more; None: 1 each.
        start: where to begin, such as fits with a stronger penalty; None: at 0.
        tolerance: on the gradient, as `DualFits` has it.
    """
    losses = C[:, None] * (torch.ones_like(y) if weight is None else weight)
    if K.device.type != "cpu":
        return together(K, y, losses, max_steps, start, tolerance)
    a, b = (torch.zeros_like(y), torch.zeros_like(C)) if start is None else (start.weights.clone(), start.intercepts.clone())
    gradients = torch.empty_like(C)
    given = K.contiguous().numpy(), y.contiguous().numpy(), losses.contiguous().numpy()
    steps = newton(*given, a.numpy(), b.numpy(), gradients.numpy(), tolerance, max_steps)
    return DualFits(a, b, gradients, steps)


def together(K: Tensor, y: Tensor, losses: Tensor, max_steps: int, start: DualFits | None, tolerance: float) -> DualFits:
    """All at once by operations on arrays, as a GPU wants them; `losses` (F, n) are weights of rows with C."""
    n = y.shape[1]
    full = -(-n // _ALIGNED) * _ALIGNED
    # rows of zeros that weigh nothing change nothing but the places of matrices in memory
    wide, labels, losses = pad(K, (0, full - n, 0, full - n)), pad(y, (0, full - n)), pad(losses, (0, full - n))
    none = torch.zeros_like(labels[:, 0])
    best = DualFits(torch.zeros_like(labels), none, torch.full_like(none, torch.inf), 0)
    everyone = _filled(torch.arange(len(y), device=y.device))
    state = _State.begin(wide, labels, losses, None if start is None else (pad(start.weights, (0, full - n)), start.intercepts))
    if len(everyone) > len(y):
        state = state.of(everyone)
    room = torch.empty((2, *state.K.shape), dtype=K.dtype, device=K.device)
    steps = 0
    while True:
        residual = state.C * (state.y - torch.sigmoid(state.f))
        gradient = state.gradient(residual)
        better = state.going & (gradient < best.gradients[state.number])
        waited = torch.where(gradient < PROGRESS * best.gradients[state.number], 0, state.waited + 1)
        kept = state.number[better]
        best.weights[kept], best.intercepts[kept], best.gradients[kept] = state.a[better], state.b[better], gradient[better]
        going = state.going & (gradient > tolerance) & (waited < PATIENCE)
        if steps == max_steps or not going.any():
            return DualFits(best.weights[:, :n], best.intercepts, best.gradients, steps)
        state = replace(state, waited=waited, going=going)
        left = _filled(going.nonzero()[:, 0])
        if len(left) <= _WORTHWHILE * len(going):
            state, residual, room = state.of(left), residual[left], room[:, : len(left)]
        state = state.stepped(residual, room)
        steps += 1


def _filled(numbers: Tensor) -> Tensor:
    """With the last one repeated up to a multiple of `_LANES`, so that no fit is computed by the code for what is left over."""
    return torch.cat([numbers, numbers[-1:].expand(-len(numbers) % _LANES)])


@final
@dataclass(frozen=True)
class _State:
    """Fits of which some go on."""

    number: Tensor
    """(F,) of each among all."""
    K: Tensor
    y: Tensor
    C: Tensor
    """(F, n): with the weights of the rows."""
    a: Tensor
    b: Tensor
    f: Tensor
    """(F, n) decision values, K a + b."""
    waited: Tensor
    """(F,) steps without progress."""
    going: Tensor
    """(F,): what is found for the others stays as it is, however long these go on."""

    @classmethod
    def begin(cls, K: Tensor, y: Tensor, C: Tensor, start: tuple[Tensor, Tensor] | None) -> Self:
        number, none = torch.arange(len(y), device=y.device), torch.zeros_like(C[:, 0])
        a, b = (torch.zeros_like(y), none) if start is None else start
        f = a if start is None else _times(K, a) + b[:, None]
        return cls(number, K, y, C, a, b, f, none, torch.ones_like(number, dtype=torch.bool))

    def of(self, kept: Tensor) -> Self:
        return type(self)(*(getattr(self, one.name)[kept] for one in fields(self)))

    def gradient(self, residual: Tensor) -> Tensor:
        of_weights = (self.f - self.b[:, None] - _times(self.K, residual)).abs().amax(1)
        return torch.maximum(of_weights, residual.sum(1).abs()) / self.C.sum(1)

    def stepped(self, residual: Tensor, room: Tensor) -> Self:
        """After a Newton step, halved until the objective falls as far as it should; `room` (2, F, n, n) is written over."""
        p = torch.sigmoid(self.f)
        root = (self.C * p * (1 - p)).clamp_min(TINY).sqrt()
        matrix, factor = torch.mul(self.K, root[:, :, None], out=room[0]).mul_(root[:, None, :]), room[1].mT
        matrix.diagonal(dim1=1, dim2=2).add_(1)
        torch.linalg.cholesky_ex(matrix.mT, out=(factor, torch.empty(len(factor), dtype=torch.int32, device=factor.device)))
        wanted = torch.stack([root * self.f + residual / root, root], 2)
        half = torch.linalg.solve_triangular(factor, wanted, upper=False)
        solved = root[..., None] * torch.linalg.solve_triangular(factor.mT, half, upper=True)
        b = solved[..., 0].sum(1) / solved[..., 1].sum(1)
        da, db = solved[..., 0] - b[:, None] * solved[..., 1] - self.a, b - self.b
        Kda = _times(self.K, da)
        df = Kda + db[:, None]
        slope = ((self.a - residual) * Kda).sum(1) - residual.sum(1) * db
        # |w|² along the step: a' K a, 2 a' K da and da' K da
        straight, bent = (self.a * Kda).sum(1), (da * Kda).sum(1)
        before = self._losses(self.f)
        step = torch.ones_like(self.b)
        for _ in range(HALVINGS):
            after = self._losses(self.f + step[:, None] * df) + step * straight + step * step * bent / 2
            short = ~(after <= before + DECREASE * step * slope + 1e-14 * before.abs())
            if not short.any():
                break
            step = torch.where(short, step / 2, step)
        a, b = self.a + step[:, None] * da, self.b + step * db
        return replace(self, a=a, b=b, f=self.f + step[:, None] * df)

    def _losses(self, f: Tensor) -> Tensor:
        return (self.C * (softplus(f) - self.y * f)).sum(1)


def _times(K: Tensor, a: Tensor) -> Tensor:
    return torch.bmm(K, a[..., None])[..., 0]
