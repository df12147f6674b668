"""Attention MIL head: a scan is the mean of its slices, weighted by what a small network attends to.

Ilse, Tomczak, Welling: Attention-based Deep Multiple Instance Learning (arXiv:1802.04712), equations 7 and 9, here on
cached vectors in place of a network's own: a_k proportional to exp(w' (tanh(V h_k) * sigmoid(U h_k))), z = sum of a_k h_k, a linear layer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, final

import numpy as np
from sklearn.utils.validation import check_is_fitted

from .bag_head import BagHead
from .bag_training import constant, descend, standardisation, started
from .bags import Bags, sums
from .vectors import Floats, Ints, softmax

if TYPE_CHECKING:
    from torch import Tensor


@final
class AttentionMILHead(BagHead):
    """Gated attention over slices and a linear layer, trained together from end to end by AdamW. Order of slices does not matter.

    It starts from even attention and a linear layer of zeros, so as mean pooling, and learns from there where to look.

    Args:
        hidden: width of the attention network; vectors come to it standardised by feature over all slices that are learned from.
        steps: of the optimiser.
        learning_rate: at the start; it falls to 0.
        weight_decay: of AdamW.
        sub_bag: a step sees a run of so many neighbouring slices of each scan, at a new random place; None: all.
        random_state: seed of the first weights, batches and places.
    """

    LEARNED: ClassVar[tuple[str, ...]] = ("mean_", "scale_", "tanh_", "gate_", "attend_", "coef_", "intercept_")

    tanh_: Floats
    gate_: Floats
    attend_: Floats
    coef_: Floats
    intercept_: Floats

    def __init__(
        self,
        hidden: int = 64,
        steps: int = 100,
        learning_rate: float = 1e-2,
        weight_decay: float = 1.0,
        sub_bag: int | None = None,
        random_state: int = 0,
    ) -> None:
        self.hidden = hidden
        self.steps = steps
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.sub_bag = sub_bag
        self.random_state = random_state

    def _learn(self, bags: Bags, codes: Ints) -> None:
        import torch

        self.mean_, self.scale_ = standardisation(bags)
        width, classes = bags.width, len(self.classes_)
        weights = started({"tanh_": (self.hidden, width), "gate_": (self.hidden, width)}, self.random_state)
        weights |= constant({"attend_": (self.hidden,), "coef_": (classes, width), "intercept_": (classes,)})
        mean, scale = torch.from_numpy(self.mean_), torch.from_numpy(self.scale_)

        def logits(part: Bags) -> Tensor:
            X = (torch.from_numpy(part.X).double() - mean) / scale
            gated = torch.tanh(X @ weights["tanh_"].T) * torch.sigmoid(X @ weights["gate_"].T)
            attention = _softmax_by_bag(gated @ weights["attend_"], torch.from_numpy(part.owner), len(part))
            of_slices = X @ weights["coef_"].T  # what the mean of the vectors would give, before the mean
            pooled = of_slices.new_zeros(len(part), classes).index_add(0, torch.from_numpy(part.owner), attention[:, None] * of_slices)
            return pooled + weights["intercept_"]

        descend(
            list(weights.values()),
            logits,
            bags,
            codes,
            steps=self.steps,
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
            sub_bag=self.sub_bag,
            seed=self.random_state,
        )
        for name, values in weights.items():
            setattr(self, name, values.numpy())

    def attention(self, X: Any) -> Floats:
        """(S,): how much each slice counts; the weights of a scan's slices sum to 1. Raises as `decision_function`."""
        check_is_fitted(self)
        return self._attention_and_values(self._checked(X))[0]

    def _class_scores(self, X: Bags) -> Floats:
        attention, values = self._attention_and_values(X)
        return sums(attention[:, None] * values, X.starts) + self.intercept_

    def _probabilities(self, scores: Floats) -> Floats:
        return softmax(scores)

    def _attention_and_values(self, X: Bags) -> tuple[Floats, Floats]:
        """(S,) and (S, C), the linear layer's of each slice without its intercept."""
        asked, values = np.empty(len(X.X)), np.empty((len(X.X), len(self.classes_)))
        for place, block in X.blocks():
            standard = (block - self.mean_) / self.scale_
            gate = 0.5 * (1 + np.tanh(standard @ self.gate_.T / 2))
            asked[place] = (np.tanh(standard @ self.tanh_.T) * gate) @ self.attend_
            values[place] = standard @ self.coef_.T
        raised = np.exp(asked - np.repeat(np.maximum.reduceat(asked, X.starts[:-1]), X.sizes))
        return raised / np.repeat(sums(raised, X.starts), X.sizes), values


def _softmax_by_bag(asked: Tensor, owner: Tensor, bags: int) -> Tensor:
    """(S,): asked (S,) to weights that sum to 1 over the rows of each owner."""
    most = asked.new_full((bags,), float("-inf")).scatter_reduce(0, owner, asked.detach(), "amax")
    raised = (asked - most[owner]).exp()
    return raised / raised.new_zeros(bags).index_add(0, owner, raised)[owner]
