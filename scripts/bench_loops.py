"""Few-shot fits as people write them: scikit-learn and torch estimators, measured with scikit-learn, one fit after the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn import metrics
from sklearn.linear_model import LogisticRegression
from sklearn.metrics.pairwise import euclidean_distances
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import normalize
from torch import nn

from scanbank.heads.linear_path import PATH

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Fit = Callable[[Floats, Ints, tuple[Floats, Ints], Floats], Floats]
"""(support, its labels, (validation rows, their labels), test rows) to decision values of validation rows and then test rows."""

NOTHING: Any = 0.0
"""Of an F1 with no true positive."""


def measured(y: Ints, score: Floats, val: Ints, tuned: Floats) -> dict[str, float]:
    """What a study measures of a fit, the threshold (Youden) from validation rows."""
    false, true, at = metrics.roc_curve(val, tuned)
    called = score >= at[np.argmax(true - false)]
    chance = 1 / (1 + np.exp(-score))
    return {
        "auroc": metrics.roc_auc_score(y, score),
        "ap": metrics.average_precision_score(y, score),
        "f1": metrics.f1_score(y, called, zero_division=NOTHING),
        "sensitivity": metrics.recall_score(y, called),
        "specificity": metrics.recall_score(y, called, pos_label=0),
        "balanced_accuracy": metrics.balanced_accuracy_score(y, called),
        "accuracy": metrics.accuracy_score(y, called),
        "macro_f1": metrics.f1_score(y, called, average="macro", zero_division=NOTHING),
        "brier": metrics.brier_score_loss(y, chance),
    }


def _linear(X: Floats, y: Ints, val: tuple[Floats, Ints], test: Floats) -> Floats:
    """Logistic regression on unit vectors at each penalty of the path, the best on validation rows kept."""
    tuning, asked = normalize(val[0]), normalize(np.concatenate([val[0], test]))
    heads = [LogisticRegression(C=c, max_iter=1000).fit(normalize(X), y) for c in PATH]
    best = max(heads, key=lambda head: metrics.roc_auc_score(val[1], head.decision_function(tuning)))
    return best.decision_function(asked)


class _Cosine(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.layer = nn.utils.parametrizations.weight_norm(nn.Linear(width, 2, bias=False))

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return 2 * self.layer(nn.functional.normalize(rows, dim=1))


def _sgd(make: Callable[[int], nn.Module], X: Floats, y: Ints, val: tuple[Floats, Ints], test: Floats) -> Floats:
    """The recipe of Chen et al. 2019: 100 epochs of batches of 4."""
    torch.manual_seed(0)
    scale = X.shape[1] ** 0.5
    rows, labels = torch.from_numpy(scale * normalize(X)).float(), torch.from_numpy(y)
    model = make(X.shape[1])
    steps = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, dampening=0.9, weight_decay=0.001)
    for _ in range(100):
        for batch in torch.randperm(len(rows)).split(4):
            steps.zero_grad()
            nn.functional.cross_entropy(model(rows[batch]), labels[batch]).backward()
            steps.step()
    with torch.no_grad():
        logits = model(torch.from_numpy(scale * normalize(np.concatenate([val[0], test]))).float()).double().numpy()
    return logits[:, 1] - logits[:, 0]


def _prototype(X: Floats, y: Ints, val: tuple[Floats, Ints], test: Floats) -> Floats:
    centre = X.mean(axis=0)
    unit = normalize(X - centre)
    means = np.stack([unit[y == label].mean(axis=0) for label in (0, 1)])  # NearestCentroid divides by zero at one shot
    apart = euclidean_distances(normalize(np.concatenate([val[0], test]) - centre), means, squared=True)
    return apart[:, 0] - apart[:, 1]


def _knn(X: Floats, y: Ints, val: tuple[Floats, Ints], test: Floats) -> Floats:
    head = KNeighborsClassifier(min(5, len(X)), metric="cosine", weights="distance").fit(X, y)
    return 2 * head.predict_proba(np.concatenate([val[0], test]))[:, 1] - 1


LOOPS: Mapping[str, Fit] = {
    "linear": _linear,
    "linear_cls": lambda X, y, val, test: _sgd(lambda width: nn.Linear(width, 2), X, y, val, test),
    "cosine_cls": lambda X, y, val, test: _sgd(_Cosine, X, y, val, test),
    "prototype": _prototype,
    "knn": _knn,
}
"""By the names that heads have here."""
