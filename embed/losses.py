"""Losses that bring images and texts together."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional
from torchvision.ops import sigmoid_focal_loss


def sigmoid_pairs(logits: Tensor, targets: Tensor) -> Tensor:
    """The pairwise sigmoid loss of SigLIP (Zhai et al. 2023, "Sigmoid Loss for Language Image Pre-Training"), equation 1.

    Args:
        logits: (volumes, texts), scale * cosine + bias.
        targets: (volumes, texts): 1 where the text is true of the volume, -1 where it is not, 0 where nobody knows.

    Returns:
        The mean over texts of the sum over volumes of -log sigmoid(target * logit). With one text per volume and targets of 1 on the
        diagonal, -1 elsewhere, this is the published loss.
    """
    known = (targets != 0).to(logits.dtype)
    return -(functional.logsigmoid(targets * logits) * known).sum() / max(1, logits.shape[1])


def spot_loss(logits: Tensor, truth: Tensor) -> Tensor:
    """The focal loss (Lin et al. 2017, gamma 2) of where each finding is, for each finding over its positive cells.

    Args:
        logits: (B, findings, Z, Y, X).
        truth: the same shape, 1 where a finding is seen and 0 elsewhere.

    Returns:
        The mean over findings of the sum over cells, divided by the positive ones and `_FEW` more: a batch without any weighs little.
    """
    cells = (0, 2, 3, 4)
    focal = sigmoid_focal_loss(logits, truth, alpha=0.5, gamma=2)
    return (focal.sum(cells) / (truth.sum(cells) + _FEW)).mean()


_FEW = 20


def depth_loss(similarity: Tensor, z_mm: Tensor, valid: Tensor, target_mm: Tensor, sigma_mm: float) -> Tensor:
    """Cross-entropy over depth with a Gaussian-smoothed target: which slice a sentence speaks of.

    Args:
        similarity: (texts, Z') scale * cosine of each text with the depths of its volume.
        z_mm: (texts, Z') of the depths.
        valid: (texts, Z') of bool: False for padding.
        target_mm: (texts,) the depth that the sentence refers to.
        sigma_mm: of the target.

    Returns:
        The mean over texts; 0 for none.
    """
    if not len(similarity):
        return similarity.sum()
    lowest = torch.finfo(similarity.dtype).min
    target = (-0.5 * ((z_mm - target_mm[:, None]) / sigma_mm) ** 2).masked_fill(~valid, lowest).softmax(-1)
    log_share = similarity.masked_fill(~valid, lowest).log_softmax(-1)
    return -(target * log_share.masked_fill(~valid, 0.0)).sum(-1).mean()
