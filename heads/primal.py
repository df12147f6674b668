"""Logistic regression on many rows, many fits on the same rows at once: L-BFGS in coordinates that one Gram matrix makes round.

What costs is the product of the rows with the coefficients, one large matrix product for all fits. The Hessian of a fit is 1 / C + X' W X,
W = p (1 - p) by row; with W replaced by its mean it is diagonal in the eigenvectors of the centred Gram matrix X' X, so that one
decomposition serves all fits and all penalties (cf. Boehning 1992, "Multinomial logistic regression algorithm", whose bound has W = 1/4).
In coordinates scaled by it, L-BFGS (Nocedal and Wright 2006, algorithm 7.5) takes a dozen steps or two, each fit with its own history and
step length.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor
from torch.nn.functional import softplus

HISTORY = 8
_HALVINGS = 30
_DECREASE = 1e-4
_LEAST_VARIANCE = 1e-4
"""Of labels, in the scaling: of a finding that nearly no row has."""


@final
@dataclass(frozen=True)
class PrimalFits:
    """F fits on N rows of D values, in the rows' dtype."""

    coefficients: Tensor
    """(F, D)."""
    intercepts: Tensor
    """(F,)."""
    gradients: Tensor
    """(F,): the largest partial derivative of the mean loss with its penalty, with respect to coefficients and intercept."""
    steps: int


@final
@dataclass(frozen=True)
class Rows:
    """Rows, and what all fits on them share."""

    mean: Tensor
    """(D,)."""
    axes: Tensor
    """(D, D): eigenvectors of the centred Gram matrix, in columns."""
    lengths: Tensor
    """(D,): its eigenvalues over N."""
    turned: Tensor
    """(N, D): centred rows along the axes."""

    @classmethod
    def of(cls, X: Tensor) -> Rows:
        """Of (N, D); takes as much memory again."""
        mean = X.mean(0)
        centred = X - mean
        gram = (centred.T @ centred).double() / len(X)
        lengths, axes = torch.linalg.eigh(gram)
        axes = axes.to(X.dtype)
        return cls(mean, axes, lengths.clamp_min(0).to(X.dtype), centred @ axes)


def primal_fits(rows: Rows, y: Tensor, weight: Tensor, C: Tensor, tolerance: float, max_steps: int = 200) -> PrimalFits:
    """Fit all at once, each until its gradient is under `tolerance` or falls no more.

    Minimises |w|² / 2 + C * (sum of weighted log losses), the intercept unpenalised.

    Args:
        rows: N rows.
        y: (N, F), labels 0 and 1, in the rows' dtype.
        weight: (N, F), of each row in each fit: 0 leaves it out, as an unknown label is.
        C: (F,).
        tolerance: On the gradient of the objective over C and the sum of weights.
        max_steps: Whoever asks looks at `gradients`.
    """
    objective = _Objective(rows, y, weight, C)
    x = objective.start()
    f, value = objective.at(x)
    gradient = objective.gradient(f, x)
    history: list[tuple[Tensor, Tensor, Tensor]] = []
    best_x, best = x, objective.size(gradient)
    steps, stuck = 0, torch.zeros_like(best, dtype=torch.bool)
    while steps < max_steps and not (done := (best <= tolerance) | stuck).all():
        direction = -_inverse_times(history, gradient)
        df, slope = objective.along(direction), (direction * gradient).sum(0)
        step, value_then = torch.ones_like(best), value
        for _ in range(_HALVINGS):
            value_then = objective.value(f + step * df, x + step * direction)
            short = ~(value_then <= value + _DECREASE * step * slope + objective.rounding * value.abs())
            if not short.any():
                break
            step = torch.where(short, step / 2, step)
        moved = x + step * direction
        f, value = f + step * df, value_then
        after = objective.gradient(f, moved)
        history = [*history, _pair(moved - x, after - gradient)][-HISTORY:]
        x, gradient = moved, after
        size = objective.size(gradient)
        better = (size < best) & ~done  # what is done stays as it is, however long others go on
        best_x, best = torch.where(better, x, best_x), torch.where(better, size, best)
        stuck = stuck | (step * direction.abs().amax(0) <= objective.rounding * x.abs().amax(0).clamp_min(1e-6))
        steps += 1
    coefficients, intercepts = objective.plain(best_x)
    return PrimalFits(coefficients, intercepts, best, steps)


@final
class _Objective:
    """Mean losses with their penalties of all fits, in scaled coordinates: (D + 1, F), the intercept last."""

    def __init__(self, rows: Rows, y: Tensor, weight: Tensor, C: Tensor) -> None:
        total = weight.sum(0)
        self.rows, self.y, self.share = rows, y, weight / total
        self.penalty = 1 / (C * total)
        present = (self.share * y).sum(0).clamp(_LEAST_VARIANCE, 1 - _LEAST_VARIANCE)
        variance = present * (1 - present)
        curvature = self.penalty + variance * rows.lengths[:, None]
        self.scale = torch.cat([curvature.rsqrt(), variance.rsqrt()[None]])
        self._odds = torch.log(present / (1 - present))
        self.rounding = 10 * torch.finfo(y.dtype).eps

    def start(self) -> Tensor:
        x = torch.zeros_like(self.scale)
        x[-1] = self._odds / self.scale[-1]
        return x

    def at(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Decision values (N, F) and the objective (F,)."""
        f = self.along(x)
        return f, self.value(f, x)

    def along(self, direction: Tensor) -> Tensor:
        """(N, F): by how much decision values change in a direction."""
        scaled = self.scale * direction
        return torch.addmm(scaled[-1], self.rows.turned, scaled[:-1])

    def value(self, f: Tensor, x: Tensor) -> Tensor:
        losses = (self.share * (softplus(f) - self.y * f)).sum(0)
        return losses + self.penalty / 2 * (self.scale[:-1] * x[:-1]).square().sum(0)

    def gradient(self, f: Tensor, x: Tensor) -> Tensor:
        residual = self.share * (torch.sigmoid(f) - self.y)
        plain = torch.cat([self.rows.turned.T @ residual + self.penalty * self.scale[:-1] * x[:-1], residual.sum(0)[None]])
        return self.scale * plain

    def size(self, gradient: Tensor) -> Tensor:
        """(F,): the largest partial derivative in plain coordinates along the axes."""
        return (gradient / self.scale).abs().amax(0)

    def plain(self, x: Tensor) -> tuple[Tensor, Tensor]:
        scaled = self.scale * x
        coefficients = (self.rows.axes @ scaled[:-1]).T
        return coefficients, scaled[-1] - coefficients @ self.rows.mean


def _pair(moved: Tensor, turned: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """A step and its change of gradient; nothing where rounding makes the curvature negative."""
    product = (moved * turned).sum(0)
    sound = product > torch.finfo(moved.dtype).eps * (turned * turned).sum(0)
    inverse = torch.where(sound, 1 / torch.where(sound, product, 1), 0)
    return moved * sound, turned * sound, inverse


def _inverse_times(history: list[tuple[Tensor, Tensor, Tensor]], gradient: Tensor) -> Tensor:
    """The inverse Hessian, as the history tells it, times the gradient."""
    q, alphas = gradient, list[Tensor]()
    for moved, turned, inverse in reversed(history):
        alphas.append(inverse * (moved * q).sum(0))
        q = q - alphas[-1] * turned
    if history:
        moved, turned, inverse = history[-1]
        squared = (turned * turned).sum(0)
        q = q * torch.where(
            squared > 0, 1 / (inverse.clamp_min(torch.finfo(q.dtype).tiny) * squared).clamp_min(torch.finfo(q.dtype).tiny), 1
        )
    for (moved, turned, inverse), alpha in zip(history, reversed(alphas), strict=True):
        q = q + moved * (alpha - inverse * (turned * q).sum(0))
    return q
