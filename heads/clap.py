"""CLAP: a linear probe that starts from the class texts and is held near them, each class as firmly as zero-shot is right about it.

Silva-Rodriguez, Hajimiri, Ben Ayed, Dolz: A Closer Look at the Few-Shot Adaptation of Large Vision-Language Models (arXiv:2312.12730). The
settings are those of the authors' code, which are the same for all tasks: SGD of rate 0.1 and momentum 0.9, 300 epochs of 256 rows a step,
the first at 1e-5 and then a half cosine. The authors learn from 20 augmented views of each image; of cached features there is one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, final

import numpy as np
from numpy.typing import ArrayLike

from .base import Head
from .class_texts import SCALE, checked_prompts, equal_fits
from .products import decision_values
from .support import Support
from .vectors import Floats, Ints, softmax, unit

if TYPE_CHECKING:
    from torch import Tensor

    from .training import Stack

MOMENTUM = 0.9


@final
class CLAPHead(Head):
    """Score of a class: `scale` * cosine between a vector and the class's prototype w.

    Training minimises the cross-entropy + the mean over classes of lambda_c * |w_c - t_c|², where lambda_c is the mean probability that
    zero-shot gives class c on its own rows, and t_c is where w_c starts.

    Args:
        prompts: (C, D) vectors of the class texts, in the order of the sorted labels: absent first, then present.
        scale: the encoder's logit scale (CLIP's is about 100).
        length: of t. Cosines do not see it, but steps and penalty do: the settings are for class texts as CLIP's text side gives them
            before they are normalised, whose lengths are of this order. At unit length the first steps would lose the start.
        epochs: passes over the support.
        rate: SGD's learning rate.
        batch_size: rows in a step; a smaller support is taken whole.
        random_state: says how rows are shuffled where there are more than `batch_size`.
    """

    LEARNED: ClassVar[tuple[str, ...]] = ("prototypes_", "prompts_")

    def __init__(
        self,
        prompts: ArrayLike | None = None,
        scale: float = SCALE,
        length: float = 10.0,
        epochs: int = 300,
        rate: float = 0.1,
        batch_size: int = 256,
        random_state: int = 0,
    ) -> None:
        self.prompts = prompts
        self.scale = scale
        self.length = length
        self.epochs = epochs
        self.rate = rate
        self.batch_size = batch_size
        self.random_state = random_state

    def _learn(self, X: Floats, codes: Ints) -> None:
        from .training import Stack

        self.prompts_ = checked_prompts(self.prompts, len(self.classes_), X.shape[1])
        if not 0 < self.length < np.inf:
            raise ValueError(f"length is {self.length}; give a number over 0")
        self.prototypes_ = _prototypes(self, Stack.one(unit(X), codes, self.prompts_, self.scale, self.random_state))[0]

    def _class_scores(self, X: Floats) -> Floats:
        return self.scale * (unit(X) @ self.prototypes_.T)

    def _probabilities(self, scores: Floats) -> Floats:
        return softmax(scores)


def clap_scores(X: Floats, supports: Sequence[Support], queries: Ints, device: str) -> Floats:
    """(fits, queries) decision values of `CLAPHead`, all fits of one size in one loop."""
    from .training import Stack

    U = unit(X)
    directions = np.empty((len(supports), X.shape[1]))
    for part in equal_fits(supports, X.shape[1] * 4, X.shape[1] * 2):
        own = [supports[fit] for fit in part]
        w = _prototypes(CLAPHead(), Stack.of(U, own, device))
        directions[part] = np.array([s.logit_scale for s in own])[:, None] * (w[:, 1] - w[:, 0])
    return decision_values(directions, np.zeros(len(supports)), U[queries])


def _prototypes(head: CLAPHead, whole: Stack) -> Floats:
    """(F, C, D) of unit length."""
    import torch

    from .steps import SGD
    from .training import cross_entropy, descend, steps_of, warmed_cosine

    stack, axes = whole.turned()
    scale, start = stack.scale[:, None, None], head.length * stack.texts
    member = stack.member
    right = torch.softmax(scale * (stack.rows @ stack.texts.transpose(1, 2)), -1)
    firmness = (right * member).sum(1) / member.sum(1)
    w = start.clone().requires_grad_()

    def loss(rows: Tensor, codes: Tensor) -> Tensor:
        logits = scale * (rows @ _unit(w).transpose(1, 2))
        return cross_entropy(logits, codes) + (firmness * (w - start).square().sum(2)).mean(1)

    rates = warmed_cosine(head.rate, head.epochs, steps_of(stack.rows.shape[1], head.batch_size))
    descend(SGD([w], MOMENTUM), rates, stack, head.batch_size, loss)
    return (_unit(w.detach()) @ axes.transpose(1, 2)).cpu().numpy()


def _unit(w: Tensor) -> Tensor:
    return w / w.norm(dim=-1, keepdim=True).clamp_min(1e-12)
