"""Folds of a cross-validation over a support, that keep a patient's rows together and every class in every fold."""

from __future__ import annotations

import zlib

import numpy as np

from .vectors import Floats, Ints

_DECIMALS = 6


def row_keys(U: Floats) -> Ints:
    """(N,): a number that is as good as random and depends on nothing but the vector, from unit vectors (N, D)."""
    rounded = np.round(U, _DECIMALS) + 0.0  # -0 becomes 0
    return np.array([zlib.crc32(row) for row in np.ascontiguousarray(rounded)], dtype=np.int64)


def patient_folds(keys: Ints, codes: Ints, patients: Ints | None, folds: int) -> Ints | None:
    """(n,): the fold of each row, 0 to folds - 1; None where a class has fewer patients than folds.

    A patient counts for the highest class among its rows. The patients of a class are dealt out in the order of their keys, so that folds
    are the same in whatever order the rows are given.

    Args:
        keys: (n,), as `row_keys` gives them.
        codes: (n,) the class of each row, from 0, none missing.
        patients: (n,) whose each row is; None: each row is a patient of its own.
        folds: how many, 2 or more.
    """
    if patients is None:
        owner, count = np.arange(len(codes)), len(codes)
    else:
        names, owner = np.unique(patients, return_inverse=True)
        count = len(names)
    highest = np.zeros(count, dtype=np.int64)
    np.maximum.at(highest, owner, codes)
    least = np.full(count, np.iinfo(np.int64).max)
    np.minimum.at(least, owner, keys)
    classes = int(codes.max()) + 1
    if np.bincount(highest, minlength=classes).min() < folds:
        return None
    fold = np.empty(count, dtype=np.int64)
    dealt = 0
    for c in range(classes):
        members = np.flatnonzero(highest == c)
        ordered = members[np.argsort(least[members], kind="stable")]
        fold[ordered] = (dealt + np.arange(len(ordered))) % folds  # goes on where the last class ended: folds differ by one patient at most
        dealt += len(ordered)
    return fold[owner]
