"""Report snippets through the text side of an encoder: kind `text`, one vector a snippet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..store.feature_rows import FeatureRows
from ..store.progress import Progress, Silent
from ..store.specs import FeatureKey, ViewSpec
from .buffer import FeatureBuffer
from .encoder import Encoder
from .plan import present

if TYPE_CHECKING:
    from ..store.bank import Bank

TEXTS = 64
"""Snippets given to an encoder at once."""


def embed_texts(bank: Bank, encoder: Encoder, *, progress: Progress | None = None) -> int:
    """Give every report snippet that lacks it its vector, and say how many got one.

    Raises:
        EncoderError: the encoder has no text side.
    """
    progress = progress or Silent()
    key = FeatureKey("text", encoder.spec, ViewSpec())
    have = present(bank, [key])
    answer = bank.sql("SELECT ordinal, text FROM snippets ORDER BY ordinal")
    ordinals, texts = answer.column("ordinal").to_numpy(), answer.column("text").to_pylist()
    todo = np.flatnonzero(~have[key.digest].mask(ordinals))
    buffer = FeatureBuffer(bank, [key], have, f"embed: {key.name}")
    progress.start(f"embedding texts with {encoder.spec.name}", len(todo))
    try:
        for start in range(0, len(todo), TEXTS):
            part = todo[start : start + TEXTS]
            buffer.add(key, ordinals[part], FeatureRows(encoder.encode_texts([texts[i] for i in part]).vector))
            buffer.flush_if_due()
            progress.advance(len(part))
    finally:
        buffer.flush()
        bank.refresh()
    return len(todo)
