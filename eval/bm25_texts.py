"""BM25 over report text, by the library bm25s (Lù, arXiv:2407.03618): Lucene's variant, k1 = 1.5, b = 0.75.

Words are runs of two letters or digits at least, in lower case; small words of English and German count for nothing, but for those that
deny: what denies a finding is what a report turns on. There is no stemming: stems of a language that a report is not in do harm.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, final

import bm25s
import numpy as np
from bm25s.stopwords import STOPWORDS_EN, STOPWORDS_GERMAN
from numpy.typing import NDArray

from ..store.progress import Progress, Silent

PARTS = ("words", "data", "indices", "indptr", "count")
"""Arrays that say all that there is to be kept."""
VERSION = f"1-bm25s-{bm25s.__version__}"
"""Of what words are and how they are counted: what was kept by another is counted anew."""
_STEP = 1_000
_WORD = re.compile(r"\w\w+")
_DENYING = frozenset({"no", "not", "without", "kein", "keine", "keinen", "keiner", "keines", "nicht", "ohne"})
_SMALL = frozenset({*STOPWORDS_EN, *STOPWORDS_GERMAN}) - _DENYING


@final
class Bm25:
    """Counts of words in N texts, to score them by."""

    def __init__(self, parts: Mapping[str, NDArray[Any]]) -> None:
        """Args:
        parts: of `counted`: `words` (bytes of UTF-8, a word a line), the matrix of scores by word in the form CSC (`data` float32,
            `indices` int32, `indptr` int64), and `count` (1,), how many texts there are.

        Raises:
            ValueError: the parts do not belong together.
        """
        self.parts = dict(parts)
        self._count = int(parts["count"][0])
        words = parts["words"].tobytes().decode().split("\n") if parts["words"].size else []
        self._vocabulary = {word: number for number, word in enumerate(words)}
        data, indices, ends = parts["data"], parts["indices"], parts["indptr"]
        if len(ends) != len(words) + 1 or not ends[-1] == len(data) == len(indices):
            raise ValueError("words, counts and texts that do not belong together")
        self._index = _engine()
        self._index.scores = {name: parts[name] for name in ("data", "indices", "indptr")} | {"num_docs": self._count}
        self._index.nonoccurrence_array = None

    def __len__(self) -> int:
        return self._count

    def scores(self, query: str) -> NDArray[np.float32]:
        """(N,) at least 0: 0 where a text has none of the query's words. Each word of the query counts once."""
        ids = [self._vocabulary[word] for word in dict.fromkeys(_words(query)) if word in self._vocabulary]
        if not ids:
            return np.zeros(self._count, np.float32)
        return np.asarray(self._index.get_scores_from_ids(ids), dtype=np.float32)


def counted(texts: Sequence[str], progress: Progress | None = None) -> Bm25:
    """The counts of some texts; `progress` is told of texts."""
    progress = progress or Silent()
    progress.start("counting the words of reports", len(texts))
    known: dict[str, int] = {}
    ids: list[list[int]] = []
    for at in range(0, len(texts), _STEP):
        ids += [[known.setdefault(word, len(known)) for word in _words(text)] for text in texts[at : at + _STEP]]
        progress.advance(len(texts[at : at + _STEP]))
    scores = {"data": np.empty(0, np.float32), "indices": np.empty(0, np.int32), "indptr": np.zeros(1, np.int64)}
    if known:
        progress.start("weighing the words of reports")
        index = _engine()
        index.index((ids, known), create_empty_token=False, show_progress=False)
        scores = {name: np.asarray(index.scores[name]) for name in scores}
    words = np.frombuffer("\n".join(known).encode(), np.uint8)
    return Bm25({"words": words, **scores, "count": np.array([len(texts)])})


def _engine() -> Any:
    # its numba back end would be compiled anew by each process
    return bm25s.BM25(method="lucene", k1=1.5, b=0.75, backend="numpy")


def _words(text: str) -> list[str]:
    return [word for word in _WORD.findall(text.lower()) if word not in _SMALL]
