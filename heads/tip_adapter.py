"""Tip-Adapter: zero-shot scores and the votes of the support, weighed by a key-value cache. Nothing is trained.

Zhang, Fang, Zhang, Gao, Li, Dai, Qiao, Li: Tip-Adapter: Training-free Adaption of CLIP for Few-shot Classification (arXiv:2207.09519).
The authors average keys over ten augmented views of each image; of cached features there is one view.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar, final

import numpy as np
from numpy.typing import ArrayLike

from .base import Head
from .class_texts import SCALE, checked_prompts, texts_of
from .products import decision_values
from .support import Support
from .tuning import best_setting
from .vectors import Floats, Ints, softmax, unit

ALPHA, BETA = 1.0, 5.5
"""The best of the paper's ablation on ImageNet."""
ALPHAS = (0.0, 0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0, 10.0)
BETAS = (0.1, 1.0, 2.0, 3.5, 5.5, 7.5, 9.5, 12.0)
"""What is tried on tuning rows: a coarser grid than the authors' 20 x 200, over the ranges of all their data sets, and alpha 0."""
_BLOCK = 512
"""Queries whose affinities are held at once."""


@final
class TipAdapterHead(Head):
    """Score of a class: `scale` * cosine with its prompt + `alpha` * sum over its support of exp(-`beta` * (1 - cosine with the row)).

    Args:
        prompts: (C, D) vectors of the class texts, in the order of the sorted labels: absent first, then present.
        scale: the encoder's logit scale (CLIP's is about 100).
        alpha: weight of the cache; at 0 the head is zero-shot.
        beta: how much louder near rows vote than far ones.
    """

    LEARNED: ClassVar[tuple[str, ...]] = ("keys_", "codes_", "prompts_")

    def __init__(self, prompts: ArrayLike | None = None, scale: float = SCALE, alpha: float = ALPHA, beta: float = BETA) -> None:
        self.prompts = prompts
        self.scale = scale
        self.alpha = alpha
        self.beta = beta

    def _learn(self, X: Floats, codes: Ints) -> None:
        self.prompts_ = checked_prompts(self.prompts, len(self.classes_), X.shape[1])
        check_cache(self.alpha, self.beta)
        self.keys_, self.codes_ = unit(X), codes

    def _class_scores(self, X: Floats) -> Floats:
        member = np.eye(len(self.classes_))[self.codes_]
        U = unit(X)
        blocks = [U[block] for block in blocks_of(len(U))]
        votes = np.concatenate([np.exp(self.beta * (Q @ self.keys_.T - 1)) @ member for Q in blocks])
        return self.scale * (U @ self.prompts_.T) + self.alpha * votes

    def _probabilities(self, scores: Floats) -> Floats:
        return softmax(scores)


def check_cache(alpha: float, beta: float) -> None:
    """Raises ValueError where a setting of the cache is no number from 0."""
    for name, value in (("alpha", alpha), ("beta", beta)):
        if not 0 <= value < np.inf:
            raise ValueError(f"{name} is {value}; give a number from 0")


def tip_adapter_scores(X: Floats, supports: Sequence[Support], queries: Ints, device: str) -> Floats:  # noqa: ARG001
    """(fits, queries) decision values of `TipAdapterHead`, one matrix of affinities for all fits.

    Alpha and beta are the defaults, or those of the highest AUROC on a support's tuning rows.
    """
    U = unit(X)
    settings = [_chosen(U, s) for s in supports]
    scores = zero_shot_values(supports, U[queries])
    used = np.unique(np.concatenate([s.rows for s in supports]))
    places = [np.searchsorted(used, s.rows) for s in supports]
    for block in blocks_of(len(queries)):
        affinity = decision_values(U[used], np.zeros(len(used)), U[queries[block]])
        for fit, (support, place, (alpha, beta)) in enumerate(zip(supports, places, settings, strict=True)):
            scores[fit, block] += alpha * votes_for(affinity[place], support.y, beta)
    return scores


def zero_shot_values(supports: Sequence[Support], Q: Floats) -> Floats:
    """(fits, queries): the scaled cosine with presence less that with absence, of unit Q (queries, D)."""
    directions = np.stack([s.logit_scale * (t[1] - t[0]) for s, t in ((s, texts_of(s)) for s in supports)])
    return decision_values(directions, np.zeros(len(supports)), Q)


def votes_for(affinity: Floats, y: Ints, beta: float) -> Floats:
    """(queries,): votes of rows of class 1 less those of class 0, from cosines (rows, queries)."""
    weights = np.exp(beta * (affinity - 1))
    return weights[y == 1].sum(axis=0) - weights[y == 0].sum(axis=0)


def tuned_cache(keys: Floats, support: Support, Q: Floats) -> tuple[float, float]:
    """The alpha and beta of the highest AUROC on unit Q, the vectors of the support's tuning rows; of equals the smaller alpha, then beta.

    Args:
        keys: (n, D) of the support's rows.
        support: has tuning rows.
        Q: (V, D).

    Raises:
        UsageError: all tuning rows are of one class.
    """
    if support.tuning is None:
        raise ValueError("the support has no tuning rows")
    votes = np.empty((len(BETAS), len(Q)))
    for block in blocks_of(len(Q)):
        affinity = decision_values(keys, np.zeros(len(keys)), Q[block])
        votes[:, block] = [votes_for(affinity, support.y, beta) for beta in BETAS]
    zero_shot = zero_shot_values([support], Q)[0]
    scores = np.concatenate([zero_shot + alpha * votes for alpha in ALPHAS])
    alpha, beta = divmod(best_setting(scores, support.tuning), len(BETAS))
    return ALPHAS[alpha], BETAS[beta]


def blocks_of(rows: int) -> Iterator[slice]:
    return (slice(start, start + _BLOCK) for start in range(0, rows, _BLOCK))


def _chosen(U: Floats, support: Support) -> tuple[float, float]:
    if support.tuning is None:
        return ALPHA, BETA
    return tuned_cache(U[support.rows], support, U[support.tuning.rows])
