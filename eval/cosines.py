"""Cosine similarity of one query with many vectors, the same for a vector wherever it stands: BLAS adds up in another order at the end
of a block, so that equal vectors would differ in the last digit and ties fall by chance.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .indexes import unit

__all__ = ["cosines", "unit"]


def cosines(vectors: NDArray[Any], query: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N,) of vectors (N, D) and a query (D,) of unit length; 0 for vectors of zero."""
    values = np.ascontiguousarray(vectors, dtype=np.float32)
    lengths = np.sqrt(np.einsum("nd,nd->n", values, values))
    products = np.einsum("nd,d->n", values, query)
    return np.divide(products, lengths, out=np.zeros_like(products), where=lengths > 0)
