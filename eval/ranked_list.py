"""One ranking of what is searched: by the vectors of a feature set, or by the words of reports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray


@final
@dataclass(frozen=True)
class RankedList:
    """The M best groups (studies, patients or scans), best first; a group is ranked by the best item in it."""

    name: str
    """Of the feature set, with its pooling, or `bm25`."""
    groups: NDArray[np.int64]
    """(M,)."""
    items: NDArray[np.int64]
    """(M,) rows of what was searched: of scans, of texts, or places of studies."""
    scores: NDArray[np.float32]
    """(M,) cosine similarity, or BM25's score."""
    searched: int
    """Items that were compared."""
    owners: int
    """Studies that these belong to."""
    lacking: int
    """Items that would have been compared, had they a vector in the set."""
