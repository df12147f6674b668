"""Losses of labels, of which some are unknown, one number for each: who calls decides over what to average."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional
from torchvision.ops import sigmoid_focal_loss


def binary_losses(logits: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
    """Binary cross-entropy of logits.

    Args:
        logits: (B, F).
        targets: (B, F): 1 present, 0 absent, NaN unknown.
        weights: (F,) what each finding's present labels are multiplied by; 1 where None.

    Returns:
        (B, F), 0 where unknown.
    """
    known, truth = _known(targets)
    return functional.binary_cross_entropy_with_logits(logits, truth, pos_weight=weights, reduction="none").where(known, 0.0)


def focal_losses(logits: Tensor, targets: Tensor, gamma: float = 2.0, alpha: float = 0.25) -> Tensor:
    """-a (1 - p)^gamma log p, p being the probability of the truth, a being alpha where present and 1 - alpha where absent.

    Lin et al. 2017, "Focal Loss for Dense Object Detection", equation 5; alpha below 0 leaves a away. Shapes as in `binary_losses`.
    """
    known, truth = _known(targets)
    return sigmoid_focal_loss(logits, truth, alpha=alpha, gamma=gamma, reduction="none").where(known, 0.0)


def class_losses(logits: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
    """Cross-entropy of one class out of several.

    Args:
        logits: (B, C).
        targets: (B, C): the share of each class, 1 in all; a row with a NaN is unknown.
        weights: (C,) what each class's share is multiplied by; 1 where None.

    Returns:
        (B,), 0 where unknown.
    """
    known, truth = _known(targets)
    return functional.cross_entropy(logits, truth, weight=weights, reduction="none").where(known.all(-1), 0.0)


def known_mean(losses: Tensor, targets: Tensor) -> Tensor:
    """The mean over what is known of losses that are 0 elsewhere, both (B, F); 0 where nothing is."""
    return losses.sum() / (~targets.isnan()).sum().clamp_min(1)


def positive_weights(targets: Tensor, cap: float) -> Tensor:
    """(F,) absent over present labels of each finding, `cap` at most; 1 where one of the two does not occur. Targets as above."""
    present, absent = (targets == 1).sum(0), (targets == 0).sum(0)
    ratio = (absent / present.clamp_min(1)).clamp_max(cap)
    return ratio.where((present > 0) & (absent > 0), torch.ones_like(ratio))


def class_weights(targets: Tensor, cap: float) -> Tensor:
    """(C,) that give classes equal weight: rows over (classes times a class's rows), `cap` at most. Targets as in `class_losses`."""
    known = targets[~targets.isnan().any(-1)]
    return (len(known) / (targets.shape[1] * known.sum(0)).clamp_min(1)).clamp_max(cap)


def _known(targets: Tensor) -> tuple[Tensor, Tensor]:
    return ~targets.isnan(), targets.nan_to_num(nan=0.0)
