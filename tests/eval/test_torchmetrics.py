"""The metrics beside those of torchmetrics, on the same scores: another library with other code. It adds up in float32."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torchmetrics.functional.classification import (
    binary_accuracy,
    binary_auroc,
    binary_average_precision,
    binary_calibration_error,
    binary_f1_score,
    binary_recall,
    binary_specificity,
    multiclass_accuracy,
    multiclass_f1_score,
)

from scanbank.eval.battery import battery

CUT = 0.45
TORCHMETRICS: dict[str, Callable[[torch.Tensor, torch.Tensor, torch.Tensor], Any]] = {
    "auroc": lambda p, _, y: binary_auroc(p, y),
    "ap": lambda p, _, y: binary_average_precision(p, y),
    "f1": lambda _, called, y: binary_f1_score(called, y),
    "sensitivity": lambda _, called, y: binary_recall(called, y),
    "specificity": lambda _, called, y: binary_specificity(called, y),
    "balanced_accuracy": lambda _, called, y: multiclass_accuracy(called, y, num_classes=2, average="macro"),
    "accuracy": lambda _, called, y: binary_accuracy(called, y),
    "macro_f1": lambda _, called, y: multiclass_f1_score(called, y, num_classes=2, average="macro"),
    "brier": lambda p, _, y: ((p - y) ** 2).mean(),
    "ece": lambda p, _, y: binary_calibration_error(p, y, n_bins=15, norm="l1"),
}


@pytest.mark.parametrize("step", [0.0, 0.07])
@pytest.mark.parametrize("share", [0.05, 0.5])
def test_every_metric_is_that_of_torchmetrics(share: float, step: float) -> None:
    rng = np.random.default_rng(7)
    y = (rng.random(400) < share).astype(np.int64)
    probability = np.clip(rng.beta(2, 3, (3, 400)) + 0.2 * y, 0, 1)
    if step:
        probability = np.round(probability / step) * step  # many ties
    found = battery(tuple(TORCHMETRICS), y, probability, threshold=np.full(3, CUT), probability=probability).values
    for name, of in TORCHMETRICS.items():
        for fit, row in enumerate(probability):
            p, labels = torch.from_numpy(row), torch.from_numpy(y)
            assert found[name][fit] == pytest.approx(float(of(p, (p >= CUT).long(), labels)), abs=2e-6), name
