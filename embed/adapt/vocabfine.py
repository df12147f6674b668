"""CT-CLIP's vocabulary fine-tuning (Hamamci et al. 2024, "Developing Generalist Foundation Models from a Multimodal Dataset for 3D CT").

Each finding is a pair of sentences, that it is present and that it is not. A scan's cosines with the two, scaled, are a softmax over the
pair, which learns to tell which is true: exactly what is asked of the model in zero-shot classification.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from ...store.errors import UnknownNameError
from ..torch_encoder import TorchEncoder
from .gradient_cache import GradientCache
from .label_losses import binary_losses, positive_weights
from .objective import Batch, Model, Objective, Part
from .pair_scale import PairScale
from .prompts import Prompts
from .targets import checked_targets, known_each
from .text_vectors import TextVectors

LOSSES = ("cross-entropy", "squared")


@final
@dataclass(frozen=True)
class Vocabulary:
    """How pairs are learned from."""

    loss: str = "cross-entropy"
    """-log p of the true sentence; or `squared`, as the published script has it: the mean of (1 - p)^2 and (0 - (1 - p))^2."""
    weight_cap: float = 0.0
    """Present labels of a finding weigh as much more as it has absent ones, so much at most; 0 weighs them alike, as published."""

    def __post_init__(self) -> None:
        if self.loss not in LOSSES:
            raise UnknownNameError("loss", self.loss, LOSSES)


@final
class VocabFine(Objective):
    """A softmax over each finding's pair of sentences.

    Args:
        encoder: Whose model a method has prepared. Sentences are encoded with gradients where its text side trains, else once.
        targets: (N, F): 1 present, 0 absent, NaN unknown, of the training set's examples by number.
        prompts: Of the F findings; of several wordings, each step draws one.
        how: The loss.

    Raises:
        UsageError: a finding has labels of one class alone, or the encoder takes no texts.
    """

    targets: Tensor
    weights: Tensor

    def __init__(self, encoder: TorchEncoder, targets: NDArray[np.float32], prompts: Prompts, how: Vocabulary | None = None) -> None:
        super().__init__()
        self.how, self.prompts = how or Vocabulary(), prompts
        known = checked_targets(targets, prompts.findings)
        self._each = known_each(known)
        weights = positive_weights(known, self.how.weight_cap) if self.how.weight_cap else torch.ones(known.shape[1])
        self.register_buffer("targets", known, persistent=False)
        self.register_buffer("weights", weights, persistent=False)
        self._texts = TextVectors(encoder, prompts.every())
        self.scale = PairScale(encoder, bias=False, start=1 / 0.07)
        self.to(encoder.device)

    def loss(self, model: Model, batch: Batch) -> Tensor:
        return self._loss(model, batch, self._texts.of(self._drawn()))

    def backward(self, model: Model, parts: Sequence[Part], scale: Callable[[Tensor], Tensor]) -> float:
        """As of the base; the sentences are encoded once for all parts, not for each."""
        cache, drawn, found = GradientCache(model.encoder.device), self._drawn(), 0.0
        (words,) = cache.run(lambda: (self._texts.of(drawn),), trains=self._texts.moves)
        every = sum(part.size for part in parts)
        for part in parts:
            loss = self._loss(model, part.take(), words) * (part.size / every)
            scale(loss).backward()
            found += float(loss.detach())
        cache.backward()
        return found

    @torch.no_grad()
    def scores(self, vectors: Tensor) -> Tensor:
        """(N, F) of vectors (N, D): how much more a scan agrees with the first sentence of each pair, as log-odds."""
        return pair_margins(vectors.to(self.targets.device), self._texts.of(self.prompts.drawn(None)), self.scale.scale())

    def _drawn(self) -> list[str]:
        return self.prompts.drawn(np.random.default_rng(int(torch.randint(1 << 62, ()))))

    def _loss(self, model: Model, batch: Batch, words: Tensor) -> Tensor:
        margins = pair_margins(model.vectors(batch), words, self.scale.scale())
        losses = pair_losses(margins, self.targets[list(batch.rows)], self.weights, self.how.loss)
        return losses.sum() / (len(batch.rows) * self._each)


def pair_margins(vectors: Tensor, words: Tensor, scale: Tensor) -> Tensor:
    """(B, F) scaled cosines of vectors (B, D) with the first F of words (2 F, D), of unit length, less those with the others."""
    with torch.autocast(vectors.device.type, enabled=False):
        present, absent = words.float().chunk(2)
        return scale.float() * functional.normalize(vectors.float(), dim=-1) @ (present - absent).T


def pair_losses(margins: Tensor, targets: Tensor, weights: Tensor, loss: str) -> Tensor:
    """(B, F), 0 where unknown. The softmax over a pair is the sigmoid of the margin, so that its cross-entropy is binary.

    Args:
        margins: (B, F), as `pair_margins` gives them.
        targets: (B, F): 1 present, 0 absent, NaN unknown.
        weights: (F,) of present labels.
        loss: `cross-entropy` or `squared`.
    """
    if loss == "cross-entropy":
        return binary_losses(margins, targets, weights)
    weighed = torch.where(targets == 1, weights, 1.0)
    return (weighed * (margins.sigmoid() - targets.nan_to_num(nan=0.0)) ** 2).where(~targets.isnan(), 0.0)
