"""The losses between scans and texts, the same for a batch of voxels and for one of cached features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from scanbank.embed.losses import depth_loss, sigmoid_pairs
from scanbank.embed.tiny.model import TinyModel

from .data import Sample, mean_depths
from .texts import Text


@dataclass(frozen=True)
class Batch:
    """What a batch's texts say of its scans."""

    samples: Sequence[Sample]
    said: Sequence[Text]
    """Sentences of the batch's reports: the first of the texts."""
    truth: Tensor
    """(scans, texts): 1, -1 or, where nobody knows, 0."""


def text_losses(
    model: TinyModel, volume: Tensor, depth: Tensor, valid: Tensor, words: Tensor, batch: Batch, sigma_mm: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Of whole reports, of statements, of depths.

    Args:
        model: whose logits they are.
        volume: (B, D) unit vectors of the scans.
        depth: (B, Z', D) of their depths.
        valid: (B, Z') of bool.
        words: (B + T, D) of the reports, then of the texts.
        batch: what the texts say.
        sigma_mm: how exactly a sentence's image is meant.
    """
    count = len(batch.samples)
    logits = model.logits(volume, words)
    # the reconstructions of a study share its report
    studies = np.array([sample.study for sample in batch.samples])
    same = torch.from_numpy(np.where(studies[:, None] == studies, 1.0, -1.0).astype(np.float32))
    whole = sigmoid_pairs(logits[:, :count], same)
    of_statements = sigmoid_pairs(logits[:, count:], batch.truth)
    pointing = [(k, text) for k, text in enumerate(batch.said) if text.z_mm is not None]
    own = [text.own for _, text in pointing]
    vectors = words[count:][[k for k, _ in pointing]]
    z = torch.from_numpy(np.stack([mean_depths(sample.z_mm, depth.shape[1]) for sample in batch.samples])).nan_to_num(nan=-1e6)[own]
    told = torch.tensor([float(text.z_mm or 0) for _, text in pointing])
    closeness = model.log_scale.exp() * torch.einsum("nzd,nd->nz", depth[own], vectors)
    return whole, of_statements, depth_loss(closeness, z, valid[own] & (z > -1e5), told, sigma_mm)
