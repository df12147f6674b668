"""Decision values of many linear fits on many rows, the same to the bit whichever fits are asked for together.

A matrix product adds in an order that depends on its shape, so that shapes are always the same here: fits in blocks of a fixed number, the
last one filled up with zeros.
"""

from __future__ import annotations

import numpy as np

from .vectors import Floats

BLOCK = 64
"""Fits in a product."""
QUERIES = 128
"""Rows that are compared with others at once: beside 100,000 others 100 MB a thread."""


def decision_values(coefficients: Floats, intercepts: Floats, X: Floats) -> Floats:
    """(F, M): `coefficients` (F, D) times the rows of X (M, D), plus `intercepts` (F,)."""
    fits, width = coefficients.shape
    values = np.empty((fits, len(X)))
    block = np.zeros((BLOCK, width))
    for start in range(0, fits, BLOCK):
        part = coefficients[start : start + BLOCK]
        block[: len(part)], block[len(part) :] = part, 0
        values[start : start + len(part)] = (block @ X.T)[: len(part)]
    values += intercepts[:, None]
    return values


def query_blocks(rows: int) -> list[slice]:
    """Rows in blocks of `QUERIES`, always as many, so that products with them add in the same order."""
    return [slice(start, start + QUERIES) for start in range(0, rows, QUERIES)]
