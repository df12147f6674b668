"""What tells, after each epoch of an adaptation, whether it got better: on the validation side alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..embed.adapt.contrastive import Contrastive
from ..embed.adapt.errors import AdaptError
from ..embed.adapt.examples import BankExamples
from ..embed.adapt.objective import Model, Objective
from ..embed.adapt.recipe import Recipe
from ..embed.torch_encoder import TorchEncoder
from ..heads.vectors import unit
from .adapt_data import AdaptItems
from .metrics import auroc


def validation(
    encoder: TorchEncoder, objective: Objective, examples: BankExamples, items: AdaptItems, val: NDArray[np.int64], recipe: Recipe
) -> Callable[[], float]:
    """What is asked after each epoch of the validation side: the mean over findings of the AUROC of the objective's scores; of reports
    the mean reciprocal rank of a report's own scan among all. Where both are learned, the mean of the two: retrieval alone would choose
    an epoch by its few reports. It raises AdaptError where vectors are not finite.
    """
    model, at_once = Model(encoder), recipe.training.micro or recipe.training.batch

    def vectors() -> Tensor:
        starts = range(0, len(examples), at_once)
        return _finite(torch.cat([model.vectors(examples.take(range(at, min(len(examples), at + at_once)))).float() for at in starts]))

    if isinstance(objective, Contrastive):
        texts = [items.texts[row] for row in val.tolist()]

        def score() -> float:
            found = vectors()
            rank = reciprocal_rank(found.cpu().numpy(), _words(model, texts, at_once), texts)
            if objective.prompts is None:
                return rank
            return (rank + mean_auroc(items.targets[val], objective.scores(found).float().cpu().numpy())) / 2

        return score
    return lambda: mean_auroc(items.targets[val], objective.scores(vectors()).float().cpu().numpy())


def _words(model: Model, texts: list[str], at_once: int) -> NDArray[np.float32]:
    return _finite(torch.cat([model.texts(texts[at : at + at_once]).float().cpu() for at in range(0, len(texts), at_once)])).numpy()


def _finite(vectors: Tensor) -> Tensor:
    """Raises AdaptError where one is not: the loss is looked at before each step, and what the last step did shows here first."""
    wrong = int((~torch.isfinite(vectors).all(1)).sum())
    if wrong:
        raise AdaptError(
            f"after this epoch's steps, {wrong} of {len(vectors)} vectors of the validation side are not finite: training went wrong, and "
            "nothing is kept of it; try a smaller --learning-rate"
        )
    return vectors


def mean_auroc(targets: NDArray[np.float32], scores: NDArray[np.float32]) -> float:
    """The mean over findings of AUROC; both (N, F), targets 1, 0 or NaN where not known."""
    known = ~np.isnan(targets)
    each = [auroc(targets[known[:, f], f].astype(np.int64), scores[known[:, f], f]).value for f in range(targets.shape[1])]
    return float(np.nanmean(np.array(each, np.float64)))


def reciprocal_rank(images: NDArray[np.float32], words: NDArray[np.float32], texts: list[str]) -> float:
    """The mean over reports (N, D) of 1 / rank of the first scan (N, D) whose report says the same."""
    cosines = unit(words.astype(np.float64)) @ unit(images.astype(np.float64)).T
    same = np.array(texts)[:, None] == np.array(texts)[None]
    best = np.where(same, cosines, -np.inf).max(1, keepdims=True)
    return float((1 / (1 + (cosines > best).sum(1))).mean())
