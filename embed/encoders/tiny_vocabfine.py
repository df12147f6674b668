"""`tiny-vocabfine`: a child of `tiny` that learned findings as pairs of sentences, as CT-CLIP's VocabFine did; it comes along too."""

from __future__ import annotations

from ..encoder import Encoder
from .tiny_models import open_release

LATEST = "1"


def open_encoder(name: str, *, random_weights: int | None, device: str) -> Encoder:
    """The encoder `tiny-vocabfine@NAME`; without a name the latest version."""
    return open_release("tiny-vocabfine", name or LATEST, random_weights=random_weights, device=device)
