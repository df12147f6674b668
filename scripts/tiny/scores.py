"""How good a dual encoder is on phantoms: zero-shot AUROC for each finding, and retrieval of volumes by report."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from scanbank.embed.encoder import Encoder
from scanbank.eval.phantoms.reports.prompts import phrases

PAIR = ("{} is present.", "{} is not present.")
"""CT-CLIP's prompts (Hamamci et al. 2024)."""


def prompt_margins(encoder: Encoder, vectors: NDArray[np.float32], findings: Sequence[str]) -> NDArray[np.floating]:
    """(volumes, findings) similarity with "X is present." minus that with "X is not present."."""
    texts = [form.format(name[0].upper() + name[1:]) for finding in findings for name in phrases(finding)[:1] for form in PAIR]
    prompts = encoder.encode_texts(texts).vector.reshape(len(findings), 2, -1)
    return vectors @ (prompts[:, 0] - prompts[:, 1]).T


def aurocs(margins: NDArray[np.floating], labels: NDArray[np.int_]) -> list[float | None]:
    """Of each finding; None where only one class is there."""
    return [
        float(roc_auc_score(labels[:, k], margins[:, k])) if 0 < labels[:, k].sum() < len(labels) else None for k in range(labels.shape[1])
    ]


def recall_at(similarity: NDArray[np.floating], k: int) -> NDArray[np.bool_]:
    """(texts,) whether the volume of the same place is among the `k` nearest of (texts, volumes)."""
    own = np.diagonal(similarity)[:, None]
    return (similarity > own).sum(1) < k
