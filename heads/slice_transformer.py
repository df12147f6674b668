"""Slice transformer head: two blocks over the sequence of a scan's slices, read out at a class token."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, final

import numpy as np

from .bag_head import BagHead
from .bag_training import constant, descend, one_thread, standardisation, started
from .bags import Bags
from .transformer_blocks import forward, weight_shapes
from .vectors import Floats, Ints, softmax

if TYPE_CHECKING:
    from torch import Tensor

BLOCKS = 2
_DRAWN = ("embed", "token", "qkv", "out", "up", "down")
"""Weights that start from chance; all others start from 0, or from 1."""
_ONES = ("norm_attention", "norm_feed", "norm")


@final
class SliceTransformerHead(BagHead):
    """Vectors standardised by feature, projected, with their place in the scan, through two transformer blocks, trained by AdamW.

    Order of slices matters, as a scan has a top and a bottom.

    Args:
        width: of the blocks, a multiple of 2 * `heads`.
        heads: of attention.
        steps: of the optimiser.
        learning_rate: at the start; it falls to 0.
        weight_decay: of AdamW.
        sub_bag: a step sees a run of so many neighbouring slices of each scan, at a new random place; None: all.
        random_state: seed of the first weights, batches and places.
    """

    LEARNED: ClassVar[tuple[str, ...]] = ("mean_", "scale_", *(f"{name}_" for name in weight_shapes(1, 1, 1, 1)))

    def __init__(
        self,
        width: int = 32,
        heads: int = 4,
        steps: int = 100,
        learning_rate: float = 3e-3,
        weight_decay: float = 0.1,
        sub_bag: int | None = None,
        random_state: int = 0,
    ) -> None:
        self.width = width
        self.heads = heads
        self.steps = steps
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.sub_bag = sub_bag
        self.random_state = random_state

    def _learn(self, bags: Bags, codes: Ints) -> None:
        if self.width < 1 or self.heads < 1 or self.width % (2 * self.heads):
            raise ValueError(f"width is {self.width} and heads {self.heads}; a width that is a multiple of 2 * heads is wanted")
        self.mean_, self.scale_ = standardisation(bags)
        shapes = weight_shapes(bags.width, self.width, BLOCKS, len(self.classes_))
        weights = constant(shapes) | constant({name: shapes[name] for name in _ONES}, 1.0)
        weights |= started({name: shapes[name] for name in _DRAWN}, self.random_state)
        # half the time of float64, and noise enough in the gradients of a transformer to drown rounding
        weights = {name: values.float() for name, values in weights.items()}
        descend(
            list(weights.values()),
            lambda part: self._logits(weights, part),
            bags,
            codes,
            steps=self.steps,
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
            sub_bag=self.sub_bag,
            seed=self.random_state,
        )
        for name, values in weights.items():
            setattr(self, f"{name}_", values.double().numpy())

    def _class_scores(self, X: Bags) -> Floats:
        import torch

        weights = {name: torch.from_numpy(getattr(self, f"{name}_")) for name in weight_shapes(1, 1, 1, 1)}
        # one by one: what a scan scores does not depend on the scans beside it, to the bit
        with one_thread():
            return np.concatenate([self._logits(weights, X.of(np.array([row]))).numpy() for row in range(len(X))])

    def _probabilities(self, scores: Floats) -> Floats:
        return softmax(scores)

    def _logits(self, weights: dict[str, Tensor], part: Bags) -> Tensor:
        """(B, C), shorter bags padded to the longest."""
        import torch

        mask = np.arange(part.sizes.max()) < part.sizes[:, None]
        X = np.zeros((*mask.shape, part.width))
        X[mask] = (part.X - self.mean_) / self.scale_
        place = (np.arange(mask.shape[1]) + 0.5) / part.sizes[:, None]
        dtype = weights["coef"].dtype
        return forward(weights, torch.from_numpy(X).to(dtype), torch.from_numpy(place).to(dtype), torch.from_numpy(mask), self.heads)
