"""LP++: a linear probe whose weights lean on the class texts, by a multiplier learned for each class.

Huang, Shakeri, Dolz, Boudiaf, Bahig, Ben Ayed: LP++: A Surprisingly Strong Linear Probe for Few-Shot CLIP (arXiv:2404.02285).
Step sizes and first values come from the data, as in the authors' code: logits f·(w + alpha t) + b; 300 steps of momentum 0.9 on w and b,
at 4 N / lambda_max(F'F), on all rows at once; each tenth also one on alpha, at N / (4 max_k sum_i (f_i·t_k)²). Alpha's step is along the
gradient where it is, as in the paper's block descent (the code never clears it, and steps along the sum of all so far). The last step
counts; the code keeps the one that is best on validation images.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, final

import numpy as np
from numpy.typing import ArrayLike

from .base import Head
from .class_texts import checked_prompts, equal_fits
from .products import decision_values
from .support import Support
from .vectors import Floats, Ints, softmax, unit

if TYPE_CHECKING:
    from torch import Tensor

    from .training import Stack

MOMENTUM = 0.9
BLEND = 250.0
"""Alpha begins at this times the mean cosine of rows with their class text: the authors' number."""
SHOTS = 16
"""The most examples of a class in the paper. Weights of a class begin as the sum of its rows, that of more rows scaled down to so many."""
_EVERY = 10


@final
class LPPlusPlusHead(Head):
    """Score of a class: f·(w + alpha * t) + b, of unit f and prompt t, trained by cross-entropy. Alpha takes the place of a logit scale.

    Args:
        prompts: (C, D) vectors of the class texts, in the order of the sorted labels: absent first, then present.
        epochs: steps on w.
    """

    LEARNED: ClassVar[tuple[str, ...]] = ("coef_", "intercept_", "prompts_")

    def __init__(self, prompts: ArrayLike | None = None, epochs: int = 300) -> None:
        self.prompts = prompts
        self.epochs = epochs

    def _learn(self, X: Floats, codes: Ints) -> None:
        from .training import Stack

        self.prompts_ = checked_prompts(self.prompts, len(self.classes_), X.shape[1])
        coefficients, intercepts = _probes(Stack.one(unit(X), codes, self.prompts_, 1.0, 0), self.epochs)
        self.coef_, self.intercept_ = coefficients[0], intercepts[0]

    def _class_scores(self, X: Floats) -> Floats:
        return unit(X) @ self.coef_.T + self.intercept_

    def _probabilities(self, scores: Floats) -> Floats:
        return softmax(scores)


def lp_plus_plus_scores(X: Floats, supports: Sequence[Support], queries: Ints, device: str) -> Floats:
    """(fits, queries) decision values of `LPPlusPlusHead`, all fits of one size in one loop."""
    from .training import Stack

    U = unit(X)
    directions, intercepts = np.empty((len(supports), X.shape[1])), np.empty(len(supports))
    for part in equal_fits(supports, X.shape[1] * 4, X.shape[1] * 2):
        beside = [supports[fit] for fit in (part if len(part) > 1 else [*part, *part])]  # a product of one fit alone adds up otherwise
        w, b = _probes(Stack.of(U, beside, device), LPPlusPlusHead().epochs)
        kept = slice(len(part))
        directions[part], intercepts[part] = (w[:, 1] - w[:, 0])[kept], (b[:, 1] - b[:, 0])[kept]
    return decision_values(directions, intercepts, U[queries])


def _probes(whole: Stack, epochs: int) -> tuple[Floats, Floats]:
    """W + alpha t (F, C, D) and b (F, C)."""
    import torch

    stack, axes = whole.turned()
    F, T, member = stack.rows, stack.texts, stack.member
    n = F.shape[1]
    counts = member.sum(1)
    cosines = F @ T.transpose(1, 2)
    w = member.transpose(1, 2) @ F * (SHOTS / counts.clamp_min(SHOTS))[..., None]
    b = torch.zeros_like(counts)
    alpha = (BLEND * ((member * cosines).sum(1) / counts).mean(1, keepdim=True)).expand_as(counts).clone()
    w_rate, alpha_rate = 4 * n / _largest(F), n / (4 * cosines.square().sum(1).amax(1).clamp_min(1e-12))
    w_speed, b_speed = torch.zeros_like(w), torch.zeros_like(b)
    for epoch in range(epochs):
        logits = F @ w.transpose(1, 2) + b[:, None] + alpha[:, None] * cosines
        residual = (torch.softmax(logits, -1) - member) / n
        w_speed = MOMENTUM * w_speed + residual.transpose(1, 2) @ F
        b_speed = MOMENTUM * b_speed + residual.sum(1)
        w, b = w - w_rate[:, None, None] * w_speed, b - w_rate[:, None] * b_speed
        if (epoch + 1) % _EVERY == 0:
            alpha = alpha - alpha_rate[:, None] * (residual * cosines).sum(1)
    coefficients = (w + alpha[..., None] * T) @ axes.transpose(1, 2)
    return coefficients.cpu().numpy(), b.cpu().numpy()


def _largest(F: Tensor) -> Tensor:
    """(F,): the largest eigenvalue of F'F, by the smaller of F'F and F F'."""
    import torch

    gram = F @ F.transpose(1, 2) if F.shape[1] < F.shape[2] else F.transpose(1, 2) @ F
    return torch.linalg.eigvalsh(gram)[:, -1].clamp_min(1e-12)
