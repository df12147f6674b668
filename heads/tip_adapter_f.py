"""Tip-Adapter-F: Tip-Adapter whose keys are trained from the support's vectors.

Zhang et al. 2022 (arXiv:2207.09519), as their code trains it: AdamW of rate 0.001 and epsilon 1e-4, a half cosine over 20 epochs, 256
rows a step. The authors keep the epoch that is best on their test images; here it is the last.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, final

import numpy as np
from numpy.typing import ArrayLike

from .base import Head
from .class_texts import SCALE, checked_prompts, equal_fits
from .support import Support
from .tip_adapter import ALPHA, BETA, blocks_of, check_cache, tuned_cache, votes_for, zero_shot_values
from .vectors import Floats, Ints, softmax, unit

if TYPE_CHECKING:
    from .training import Stack

EPS = 1e-4


@final
class TipAdapterFHead(Head):
    """Scores as of `TipAdapterHead`, by keys that minimise the cross-entropy of the support's own scores.

    Args:
        prompts: (C, D) vectors of the class texts, in the order of the sorted labels: absent first, then present.
        scale: the encoder's logit scale (CLIP's is about 100).
        alpha: weight of the cache in scoring.
        beta: how much louder near rows vote than far ones, in scoring.
        init_alpha: alpha in training.
        init_beta: beta in training.
        epochs: passes over the support.
        rate: AdamW's first learning rate.
        batch_size: rows in a step; a smaller support is taken whole.
        random_state: says how rows are shuffled where there are more than `batch_size`.
    """

    LEARNED: ClassVar[tuple[str, ...]] = ("keys_", "codes_", "prompts_")

    def __init__(
        self,
        prompts: ArrayLike | None = None,
        scale: float = SCALE,
        alpha: float = ALPHA,
        beta: float = BETA,
        init_alpha: float = ALPHA,
        init_beta: float = BETA,
        epochs: int = 20,
        rate: float = 0.001,
        batch_size: int = 256,
        random_state: int = 0,
    ) -> None:
        self.prompts = prompts
        self.scale = scale
        self.alpha = alpha
        self.beta = beta
        self.init_alpha = init_alpha
        self.init_beta = init_beta
        self.epochs = epochs
        self.rate = rate
        self.batch_size = batch_size
        self.random_state = random_state

    def _learn(self, X: Floats, codes: Ints) -> None:
        from .training import Stack

        self.prompts_ = checked_prompts(self.prompts, len(self.classes_), X.shape[1])
        check_cache(self.alpha, self.beta)
        check_cache(self.init_alpha, self.init_beta)
        stack = Stack.one(unit(X), codes, self.prompts_, self.scale, self.random_state)
        self.keys_, self.codes_ = _keys(self, stack)[0], codes

    def _class_scores(self, X: Floats) -> Floats:
        member = np.eye(len(self.classes_))[self.codes_]
        U = unit(X)
        votes = np.concatenate([np.exp(self.beta * (U[block] @ self.keys_.T - 1)) @ member for block in blocks_of(len(U))])
        return self.scale * (U @ self.prompts_.T) + self.alpha * votes

    def _probabilities(self, scores: Floats) -> Floats:
        return softmax(scores)


def tip_adapter_f_scores(X: Floats, supports: Sequence[Support], queries: Ints, device: str) -> Floats:
    """(fits, queries) decision values of `TipAdapterFHead`, the keys of all fits trained in one loop.

    Alpha and beta in scoring are the defaults, or those of the highest AUROC on a support's tuning rows, as the authors choose them.
    """
    from .training import Stack

    U = unit(X)
    Q = U[queries]
    scores = zero_shot_values(supports, Q)
    head = TipAdapterFHead()
    for part in equal_fits(supports, 0, max(X.shape[1], max(len(s.rows) for s in supports))):
        keys = _keys(head, Stack.of(U, [supports[fit] for fit in part], device))
        for fit, own in zip(part, keys, strict=True):
            support, tuning = supports[fit], supports[fit].tuning
            alpha, beta = (ALPHA, BETA) if tuning is None else tuned_cache(own, support, U[tuning.rows])
            for block in blocks_of(len(Q)):
                scores[fit, block] += alpha * votes_for(own @ Q[block].T, support.y, beta)
    return scores


def _keys(head: TipAdapterFHead, stack: Stack) -> Floats:
    """(F, n, D): what the rows become."""
    import torch
    from torch import Tensor

    from .steps import AdamW
    from .training import cross_entropy, descend, steps_of

    member, beta = stack.member, head.init_beta
    keys = stack.rows.clone().requires_grad_()
    scale = stack.scale[:, None, None]

    def loss(rows: Tensor, codes: Tensor) -> Tensor:
        cache = torch.exp(beta * (rows @ keys.transpose(1, 2) - 1)) @ member
        return cross_entropy(scale * (rows @ stack.texts.transpose(1, 2)) + head.init_alpha * cache, codes)

    steps = head.epochs * steps_of(stack.rows.shape[1], head.batch_size)
    rates = [head.rate / 2 * (1 + math.cos(math.pi * step / steps)) for step in range(steps)]
    descend(AdamW([keys], EPS), rates, stack, head.batch_size, loss)
    return keys.detach().cpu().numpy()
