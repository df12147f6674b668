"""Losses between the images and the texts of a batch, some of which may agree with several, or in part."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


def contrastive_loss(logits: Tensor, agreement: Tensor, smoothing: float = 0.0) -> Tensor:
    """CLIP's loss (Radford et al. 2021): cross-entropy over the texts for each image and over the images for each text, their mean.

    Args:
        logits: (B, B) of images with texts.
        agreement: (B, B), 0 to 1: how far a text is true of an image; symmetric, 1 on the diagonal. A row's target is its share of the
            row's sum: of texts that are equally true, each gets the same.
        smoothing: The part of the target that is spread evenly over all (Szegedy et al. 2016, section 7).
    """
    target = (1 - smoothing) * agreement / agreement.sum(1, keepdim=True) + smoothing / len(agreement)
    return (functional.cross_entropy(logits, target) + functional.cross_entropy(logits.T, target)) / 2


def sigmoid_loss(logits: Tensor, agreement: Tensor) -> Tensor:
    """SigLIP's loss (Zhai et al. 2023, equation 1), where a text may be true in part: -a log sigmoid(l) - (1 - a) log sigmoid(-l).

    Shapes as in `contrastive_loss`; the sum over images, the mean over texts.
    """
    return functional.binary_cross_entropy_with_logits(logits, agreement, reduction="sum") / logits.shape[1]


def agreement_of(same: Tensor, shares: Tensor) -> Tensor:
    """(B, B) of 0 to 1, 1 on the diagonal: how much mixtures of examples have in common.

    Args:
        same: (B, B), 1 where two examples are said the same of, else 0.
        shares: (B, B): what each mixture (row) is made of; the unit matrix where nothing is mixed.

    Returns:
        The cosine of two mixtures, where examples are orthogonal unless they are the same.
    """
    common = shares @ same.to(shares.dtype) @ shares.T
    length = common.diagonal().sqrt()
    return (common / (length[:, None] * length)).clamp_max(1.0)
