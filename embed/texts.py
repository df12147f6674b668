"""Report snippets through the text side of an encoder: kind `text`, one vector for each section and each sentence.

What is longer than the encoder's context gets the mean of its sentences' vectors (`long_texts.py`), so that a long section's speaks of all
of it. `eval/report_vectors.py` pools sentences into vectors of reports in the same way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np

from ..store.feature_rows import FeatureRows
from ..store.progress import Progress, Silent
from ..store.specs import FeatureKey, ViewSpec
from .buffer import FeatureBuffer
from .encoder import Encoder
from .long_texts import LongTexts
from .plan import present

if TYPE_CHECKING:
    from ..store.bank import Bank

_BLOCK = 2_048
"""Snippets that are looked through together for texts that occur again: reports repeat themselves."""


@final
@dataclass(frozen=True)
class TextReport:
    """What a run gave to the bank's snippets."""

    snippets: int = 0
    """That got a vector."""
    pooled: int = 0
    """Of these, longer than the context: theirs is the mean of their parts' vectors."""
    unknown: bool = False
    """The encoder does not tell whether it cut texts off."""

    @property
    def remarks(self) -> tuple[str, ...]:
        """What whoever uses the vectors should know."""
        told = []
        if self.pooled:
            told.append(f"{self.pooled} are longer than the encoder's context: theirs is the mean of their sentences' vectors")
        if self.unknown:
            told.append("the encoder does not tell how long a text may be: what is longer was cut off")
        return tuple(told)


def embed_texts(bank: Bank, encoder: Encoder, *, progress: Progress | None = None) -> TextReport:
    """Give every report snippet that lacks it its vector. Equal texts are encoded once.

    Raises:
        EncoderError: the encoder has no text side.
    """
    progress = progress or Silent()
    key = FeatureKey("text", encoder.spec, ViewSpec())
    have = present(bank, [key])
    known = bank.sql("SELECT ordinal FROM latest_snippets WHERE snippet IS NOT NULL ORDER BY ordinal").column("ordinal").to_numpy()
    if not len(known):
        encoder.encode_texts([])  # says so where there is no text side
    todo = int((~have[key.digest].mask(known)).sum())
    if not todo:
        return TextReport()
    buffer = FeatureBuffer(bank, [key], have, f"embed: {key.name}")
    texts_of = LongTexts(encoder)
    pooled = 0
    progress.start(f"embedding texts with {encoder.spec.name}", todo)
    try:
        for batch in bank.sql_batches("SELECT ordinal, text FROM snippets ORDER BY ordinal"):
            ordinals, texts = batch.column("ordinal").to_numpy(), batch.column("text")
            lacking = np.flatnonzero(~have[key.digest].mask(ordinals))
            for start in range(0, len(lacking), _BLOCK):
                part = lacking[start : start + _BLOCK]
                found = texts_of.encode([texts[int(i)].as_py() for i in part], progress)
                pooled += int(found.pooled.sum())
                buffer.add(key, ordinals[part], FeatureRows(found.vectors))
                buffer.flush_if_due()
    finally:
        buffer.flush()
        bank.refresh()
    return TextReport(todo, pooled, texts_of.unknown)
