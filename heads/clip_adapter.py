"""CLIP-Adapter: a bottleneck of two layers, whose output is mixed into the vector before it meets the class texts.

Gao, Geng, Zhang, Ma, Fang, Zhang, Li, Qiao: CLIP-Adapter: Better Vision-Language Models with Feature Adapters (arXiv:2110.04544). As the
authors' code has it: the visual adapter alone, without biases, trained under the settings of CoOp, within which that code runs: SGD of rate
0.002, momentum 0.9 and decay 5e-4, 200 epochs of 32 rows a step, the first at 1e-5 and then a half cosine. Lengths of vectors do not matter
to it: without biases, a longer vector gives a longer answer, and the mix is normalised.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, final

import numpy as np
from numpy.typing import ArrayLike

from .base import Head
from .class_texts import SCALE, checked_prompts, equal_fits, texts_of
from .support import Support
from .tuning import best_setting
from .vectors import Floats, Ints, softmax, unit

if TYPE_CHECKING:
    from .training import Stack

RATIO = 0.2
"""Of the authors' code."""
RATIOS = (0.2, 0.4, 0.6, 0.8)
"""What is tried on tuning rows; the paper searches the ratio for each data set."""
REDUCTION = 4
MOMENTUM = 0.9
DECAY = 5e-4
_NEAR = 8
"""By how much batches are smaller on a CPU, so that adapters, their gradients and speeds stay in its cache."""
_BLOCK = 4096
"""Queries adapted at once."""


@final
class CLIPAdapterHead(Head):
    """Score of a class: `scale` * cosine between its prompt and (1 - `ratio`) * x + `ratio` * relu(up(relu(down(x)))).

    Args:
        prompts: (C, D) vectors of the class texts, in the order of the sorted labels: absent first, then present.
        scale: the encoder's logit scale (CLIP's is about 100).
        ratio: of the adapter's output; at 0 the head is zero-shot.
        epochs: passes over the support.
        rate: SGD's learning rate.
        batch_size: rows in a step; a smaller support is taken whole.
        random_state: of the first weights, and of how rows are shuffled where there are more than `batch_size`.
    """

    LEARNED: ClassVar[tuple[str, ...]] = ("down_", "up_", "prompts_")

    def __init__(
        self,
        prompts: ArrayLike | None = None,
        scale: float = SCALE,
        ratio: float = RATIO,
        epochs: int = 200,
        rate: float = 0.002,
        batch_size: int = 32,
        random_state: int = 0,
    ) -> None:
        self.prompts = prompts
        self.scale = scale
        self.ratio = ratio
        self.epochs = epochs
        self.rate = rate
        self.batch_size = batch_size
        self.random_state = random_state

    def _learn(self, X: Floats, codes: Ints) -> None:
        from .training import Stack

        self.prompts_ = checked_prompts(self.prompts, len(self.classes_), X.shape[1])
        if not 0 <= self.ratio <= 1:
            raise ValueError(f"ratio is {self.ratio}; give a number from 0 to 1")
        down, up = _adapters(self, Stack.one(unit(X), codes, self.prompts_, self.scale, self.random_state))
        self.down_, self.up_ = down[0], up[0]

    def _class_scores(self, X: Floats) -> Floats:
        return self.scale * (_adapted(unit(X), self.down_, self.up_, self.ratio) @ self.prompts_.T)

    def _probabilities(self, scores: Floats) -> Floats:
        return softmax(scores)


def clip_adapter_scores(X: Floats, supports: Sequence[Support], queries: Ints, device: str) -> Floats:
    """(fits, queries) decision values of `CLIPAdapterHead`, the adapters of all fits trained in one loop.

    The ratio is the default; of supports with tuning rows, an adapter is trained at each ratio, and the one of the highest AUROC there
    counts, of equals that of the smaller ratio.
    """
    U = unit(X)
    scores = np.empty((len(supports), len(queries)))
    tuned = [fit for fit, s in enumerate(supports) if s.tuning]
    plain = [fit for fit, s in enumerate(supports) if not s.tuning]
    for fits, ratios in ((plain, (RATIO,)), (tuned, RATIOS)):
        asked = [supports[fit] for fit in fits]
        for part in equal_fits(asked, 2 * X.shape[1] * _inner(X.shape[1]) * (_NEAR if device == "cpu" else 1), X.shape[1]):
            own = [asked[place] for place in part]
            trained = [_of_ratio(U, own, ratio, device) for ratio in ratios]
            for place, support in enumerate(own):
                adapters = [(down[place], up[place]) for down, up in trained]
                kept = 0
                if support.tuning is not None:
                    Q = U[support.tuning.rows]
                    found = np.stack([_values(support, Q, a, r) for a, r in zip(adapters, ratios, strict=True)])
                    kept = best_setting(found, support.tuning)
                scores[fits[part[place]]] = _values(support, U[queries], adapters[kept], ratios[kept])
    return scores


def _of_ratio(U: Floats, supports: Sequence[Support], ratio: float, device: str) -> tuple[Floats, Floats]:
    from .training import Stack

    return _adapters(CLIPAdapterHead(ratio=ratio), Stack.of(U, supports, device))


def _values(support: Support, Q: Floats, adapter: tuple[Floats, Floats], ratio: float) -> Floats:
    texts = texts_of(support)
    direction = support.logit_scale * (texts[1] - texts[0])
    return np.concatenate([_adapted(Q[i : i + _BLOCK], *adapter, ratio) @ direction for i in range(0, len(Q), _BLOCK)])


def _adapted(U: Floats, down: Floats, up: Floats, ratio: float) -> Floats:
    """(N, D) unit vectors."""
    added = np.maximum(np.maximum(U @ down.T, 0) @ up.T, 0)
    return unit(ratio * added + (1 - ratio) * U)


def _inner(width: int) -> int:
    return max(1, width // REDUCTION)


def _adapters(head: CLIPAdapterHead, stack: Stack) -> tuple[Floats, Floats]:
    """(F, D / 4, D) and (F, D, D / 4)."""
    import torch
    from torch import Tensor

    from .steps import SGD
    from .training import cross_entropy, descend, steps_of, warmed_cosine

    n, width = stack.rows.shape[1:]
    drawn = [_drawn(width, seed) for seed in stack.seeds]
    down, up = (torch.from_numpy(np.stack(layer)).to(stack.rows.device).requires_grad_() for layer in zip(*drawn, strict=True))
    scale = stack.scale[:, None, None]

    def loss(rows: Tensor, codes: Tensor) -> Tensor:
        added = torch.relu(torch.relu(rows @ down.transpose(1, 2)) @ up.transpose(1, 2))
        mixed = head.ratio * added + (1 - head.ratio) * rows
        mixed = mixed / mixed.norm(dim=-1, keepdim=True).clamp_min(1e-12)
        return cross_entropy(scale * (mixed @ stack.texts.transpose(1, 2)), codes)

    rates = warmed_cosine(head.rate, head.epochs, steps_of(n, head.batch_size))
    descend(SGD([down, up], MOMENTUM, DECAY), rates, stack, head.batch_size, loss)
    return down.detach().cpu().numpy(), up.detach().cpu().numpy()


def _drawn(width: int, seed: int) -> tuple[Floats, Floats]:
    """First weights as torch draws those of a linear layer: uniform within 1 / sqrt(inputs)."""
    random, inner = np.random.default_rng(seed), _inner(width)
    down = random.uniform(-1, 1, (inner, width)) / np.sqrt(width)
    return down, random.uniform(-1, 1, (width, inner)) / np.sqrt(inner)
