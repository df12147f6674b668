"""Learning from labels: a linear head on an encoder's vectors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ...store.errors import UnknownNameError, UsageError
from ..torch_encoder import TorchEncoder
from .label_losses import binary_losses, class_losses, class_weights, focal_losses, positive_weights
from .objective import Batch, Model, Objective
from .targets import checked_targets, known_each

LOSSES = ("bce", "cross-entropy", "focal")


@final
@dataclass(frozen=True)
class Supervision:
    """How labels are learned from."""

    loss: str = "bce"
    """`bce` or `focal`: each finding by itself. `cross-entropy`: the columns are classes, of which a scan has one."""
    weight_cap: float = 20.0
    """Of the weights that make up for rare labels (`bce`: absent over present ones; `cross-entropy`: classes weigh the same); 0 weighs
    none. `focal` has `alpha`."""
    gamma: float = 2.0
    """Of `focal`."""
    alpha: float = 0.25
    """Of `focal`."""

    def __post_init__(self) -> None:
        if self.loss not in LOSSES:
            raise UnknownNameError("loss", self.loss, LOSSES)
        for name in ("weight_cap", "gamma"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise UsageError(f"{name} {value}: expected a number from 0")
        if not self.alpha <= 1:
            raise UsageError(f"alpha {self.alpha}: expected a number up to 1; below 0 weighs present and absent alike")


@final
class Supervised(Objective):
    """A linear head (D to F), which begins at zero, and the losses of labels.

    Args:
        encoder: Whose vectors (B, D) the head reads.
        targets: (N, F): 1 present, 0 absent, NaN unknown, of the training set's examples by number.
        findings: F names.
        how: The loss.
        mean: (D,) taken from vectors before the head; of the parent's vectors of the training set. None takes nothing away.
        std: (D,) that they are then divided by.

    Raises:
        UsageError: a finding has labels of one class alone.
    """

    targets: Tensor
    mean: Tensor
    std: Tensor
    weights: Tensor

    def __init__(
        self,
        encoder: TorchEncoder,
        targets: NDArray[np.float32],
        findings: Sequence[str],
        how: Supervision | None = None,
        *,
        mean: NDArray[np.float32] | None = None,
        std: NDArray[np.float32] | None = None,
    ) -> None:
        super().__init__()
        self.how = how or Supervision()
        known, count, dim = checked_targets(targets, findings), len(findings), encoder.spec.dim
        weights = torch.ones(count)
        if self._of_classes:
            sums = known.sum(1)
            if bool(((sums - 1).abs() > 1e-4).any()):
                raise UsageError(
                    f"cross-entropy learns one class a scan: {', '.join(findings)} exclude each other; choose bce for findings"
                )
            if self.how.weight_cap:
                weights = class_weights(known, self.how.weight_cap)
            self._each = known_each(sums[:, None])
        else:
            if self.how.weight_cap:
                weights = positive_weights(known, self.how.weight_cap)
            self._each = known_each(known)
        self.register_buffer("targets", known, persistent=False)
        self.register_buffer("weights", weights, persistent=False)
        self.register_buffer("mean", torch.zeros(dim) if mean is None else torch.as_tensor(mean, dtype=torch.float32), persistent=False)
        spread = torch.ones(dim) if std is None else torch.as_tensor(std, dtype=torch.float32)
        self.register_buffer("std", spread.where(spread > 0, 1.0), persistent=False)
        self.head = nn.Linear(dim, count)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)
        self.to(encoder.device)

    @property
    def _of_classes(self) -> bool:
        return self.how.loss == "cross-entropy"

    def loss(self, model: Model, batch: Batch) -> Tensor:
        logits = self._logits(model.vectors(batch))
        return self._losses(logits, self.targets[list(batch.rows)]).sum() / (len(batch.rows) * self._each)

    @torch.no_grad()
    def scores(self, vectors: Tensor) -> Tensor:
        """(N, F) of vectors (N, D): logits, or log-probabilities of classes; higher is more likely."""
        logits = self._logits(vectors.to(self.mean.device))
        return logits.log_softmax(-1) if self._of_classes else logits

    def _logits(self, vectors: Tensor) -> Tensor:
        with torch.autocast(vectors.device.type, enabled=False):
            return self.head((vectors.float() - self.mean) / self.std)

    def _losses(self, logits: Tensor, targets: Tensor) -> Tensor:
        if self._of_classes:
            return class_losses(logits, targets, self.weights)
        if self.how.loss == "focal":
            return focal_losses(logits, targets, self.how.gamma, self.how.alpha)
        return binary_losses(logits, targets, self.weights)
