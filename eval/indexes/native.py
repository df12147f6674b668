"""FAISS as this package calls it: what its type stubs do not know of, in one place."""

from __future__ import annotations

from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

native: Any = faiss


def only(parameters: Any, selector: Any, **settings: int) -> Any:
    """Search parameters of a class of FAISS, with a selector of rows (None: all) and whatever else they take."""
    return parameters(sel=selector, **settings) if selector is not None else parameters(**settings)


def of_bits(bits: NDArray[np.uint8] | None) -> Any:
    """The rows whose bit is set, the lowest bit first; None for all."""
    return None if bits is None else native.IDSelectorBitmap(bits)


def of_rows(rows: NDArray[np.int64]) -> Any:
    """These rows. They are visited one by one, and no others; the caller keeps the array."""
    return native.IDSelectorArray(rows)


def of_range(start: int, stop: int) -> Any:
    """Rows start..stop."""
    return native.IDSelectorRange(start, stop)


def one_query(index: Any, query: NDArray[np.float32], k: int, parameters: Any = None) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """What an index of FAISS finds for one query (D,): scores and rows, (k,) each or fewer, best first."""
    scores, rows = index.search(query[None], k, params=parameters)
    there = rows[0] >= 0
    return scores[0][there], rows[0][there]
