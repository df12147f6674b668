"""Vectors of pieces of text added up for what they are pieces of: a report, a section."""

from __future__ import annotations

import numpy as np

from ..heads.vectors import Floats, Ints, unit
from ..store.features import CHUNK_ROWS, FeatureSet

BLOCK_ROWS = 8 * CHUNK_ROWS
"""Vectors in memory at a time."""


def text_sums(features: FeatureSet, ordinals: Ints, owner: Ints, owners: int) -> tuple[Floats, Ints]:
    """Of each owner the sum of its pieces' unit vectors, (owners, D), and how many of them have a vector, (owners,).

    Args:
        features: a set of kind `text`, read a block at a time.
        ordinals: (P,) of the pieces, each once.
        owner: (P,) whose each is, from 0.
        owners: how many there are.
    """
    order = np.argsort(ordinals, kind="stable")
    known, of = ordinals[order], owner[order]
    sums, seen = np.zeros((owners, features.dim)), np.zeros(owners, np.int64)
    items = features.items()
    for at in range(0, len(items) if len(known) else 0, BLOCK_ROWS):
        part = items[at : at + BLOCK_ROWS]
        place = np.minimum(np.searchsorted(known, part), len(known) - 1)
        kept = np.flatnonzero(known[place] == part)
        whose = of[place[kept]]
        np.add.at(sums, whose, unit(features.vectors(at, at + len(part))[kept].astype(np.float64)))
        seen += np.bincount(whose, minlength=owners)
    return sums, seen
