"""Report snippets through the text side of an encoder: kind `text`, one vector for each section and each sentence.

What is longer than the encoder's context is cut by its tokenizer. So a long section's own vector may speak of its beginning alone, and its
sentences, which are short, carry the rest: `eval/report_vectors.py` pools them into vectors of sections and reports.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, final

import numpy as np
from numpy.typing import NDArray

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
_BLOCK = 2_048
"""Snippets that are looked through together for texts that occur again: reports repeat themselves."""
_REMEMBERED_BYTES = 64 * 2**20


def embed_texts(bank: Bank, encoder: Encoder, *, progress: Progress | None = None) -> int:
    """Give every report snippet that lacks it its vector, and say how many got one. Equal texts are encoded once.

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
        return 0
    buffer = FeatureBuffer(bank, [key], have, f"embed: {key.name}")
    remembered = _Remembered(encoder)
    progress.start(f"embedding texts with {encoder.spec.name}", todo)
    try:
        for batch in bank.sql_batches("SELECT ordinal, text FROM snippets ORDER BY ordinal"):
            ordinals, texts = batch.column("ordinal").to_numpy(), batch.column("text")
            lacking = np.flatnonzero(~have[key.digest].mask(ordinals))
            for start in range(0, len(lacking), _BLOCK):
                part = lacking[start : start + _BLOCK]
                buffer.add(key, ordinals[part], FeatureRows(remembered.vectors([texts[int(i)].as_py() for i in part], progress)))
                buffer.flush_if_due()
    finally:
        buffer.flush()
        bank.refresh()
    return todo


@final
class _Remembered:
    """Vectors of the texts that were met last."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._held: OrderedDict[str, NDArray[np.float32]] = OrderedDict()
        self._most = max(1, _REMEMBERED_BYTES // (4 * encoder.spec.dim))

    def vectors(self, texts: list[str], progress: Progress) -> NDArray[np.float32]:
        """(B, D) of B texts, in their order."""
        found = {text: self._held[text] for text in texts if text in self._held}
        new = [text for text in dict.fromkeys(texts) if text not in found]
        progress.advance(len(texts) - len(new))
        for start in range(0, len(new), TEXTS):
            part = new[start : start + TEXTS]
            found |= dict(zip(part, self._encoder.encode_texts(part).vector, strict=True))
            progress.advance(len(part))
        for text, vector in found.items():
            self._held[text] = vector
            self._held.move_to_end(text)
        while len(self._held) > self._most:
            self._held.popitem(last=False)
        return np.stack([found[text] for text in texts])
