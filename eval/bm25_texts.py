"""BM25 over report text, by the library bm25s (Lù, arXiv:2407.03618): Lucene's variant, k1 = 1.5, b = 0.75.

Words are runs of two letters or digits at least, in lower case; small words of English and German count for nothing, but for those that
deny: what denies a finding is what a report turns on. There is no stemming: stems of a language that a report is not in do harm.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, final

import bm25s
import numpy as np
from bm25s.stopwords import STOPWORDS_EN, STOPWORDS_GERMAN
from numpy.typing import NDArray

_WORD = re.compile(r"\w\w+")
_DENYING = frozenset({"no", "not", "without", "kein", "keine", "keinen", "keiner", "keines", "nicht", "ohne"})
_SMALL = frozenset({*STOPWORDS_EN, *STOPWORDS_GERMAN}) - _DENYING


@final
class Bm25:
    """Counts of words in N texts, to score them by."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._count = len(texts)
        self._vocabulary: dict[str, int] = {}
        known = self._vocabulary
        ids = [[known.setdefault(word, len(known)) for word in _words(text)] for text in texts]
        self._index: Any = None
        if known:
            # its numba back end would be compiled anew by each process
            self._index = bm25s.BM25(method="lucene", k1=1.5, b=0.75, backend="numpy")
            self._index.index((ids, known), create_empty_token=False, show_progress=False)

    def scores(self, query: str) -> NDArray[np.float32]:
        """(N,) at least 0: 0 where a text has none of the query's words. Each word of the query counts once."""
        ids = [self._vocabulary[word] for word in dict.fromkeys(_words(query)) if word in self._vocabulary]
        if not ids:
            return np.zeros(self._count, np.float32)
        return np.asarray(self._index.get_scores_from_ids(ids), dtype=np.float32)


def _words(text: str) -> list[str]:
    return [word for word in _WORD.findall(text.lower()) if word not in _SMALL]
