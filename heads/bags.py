"""Bags: scans as runs of vectors, of slices or steps along depth, each scan with as many as it has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from ..store.errors import UsageError
from .vectors import Floats, Ints

_DTYPES = ("float16", "float32", "float64")
BLOCK = 8192
"""Vectors that are looked at together, in float64."""


@final
@dataclass(frozen=True, eq=False)
class Bags:
    """N bags of S vectors in all. Bag i holds the rows starts[i]..starts[i + 1] of X, in the order of slices.

    Raises:
        UsageError: X is not of float16, float32 or float64 and two axes, or `starts` are not N + 1 numbers that rise from 0 to S.
    """

    X: NDArray[Any]
    """(S, D)."""
    starts: Ints
    """(N + 1,)."""

    def __post_init__(self) -> None:
        if self.X.ndim != 2 or str(self.X.dtype) not in _DTYPES:
            raise UsageError(
                f"vectors of bags are {self.X.dtype} of shape {self.X.shape}; {', '.join(_DTYPES)} of (slices, width) is wanted"
            )
        ends = self.starts[[0, -1]].tolist() if self.starts.ndim == 1 and len(self.starts) else []
        if ends != [0, len(self.X)] or self.starts.dtype.kind not in "iu" or (np.diff(self.starts) < 0).any():
            raise UsageError(
                f"starts of bags are {self.starts.dtype} of shape {self.starts.shape}; whole numbers that rise from 0 to {len(self.X)}, "
                "the number of vectors, are wanted, one more than there are bags"
            )

    @classmethod
    def of_rows(cls, X: NDArray[Any]) -> Bags:
        """Each row of (N, D) a bag of its own."""
        return cls(X, np.arange(len(X) + 1))

    @classmethod
    def of_equal(cls, X: NDArray[Any]) -> Bags:
        """N bags of T vectors each, from (N, T, D)."""
        return cls(X.reshape(-1, X.shape[2]), np.arange(len(X) + 1) * X.shape[1])

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def width(self) -> int:
        return self.X.shape[1]

    @property
    def sizes(self) -> Ints:
        """(N,) vectors in each."""
        return np.diff(self.starts)

    @property
    def owner(self) -> Ints:
        """(S,) the bag that each vector is in."""
        return np.repeat(np.arange(len(self)), self.sizes)

    def of(self, rows: NDArray[Any]) -> Bags:
        """These bags, in this order; rows are numbers or a mask."""
        chosen = np.arange(len(self))[rows]
        return self.runs(self.starts[chosen], self.sizes[chosen])

    def runs(self, first: Ints, count: Ints) -> Bags:
        """A bag from each run of `count` vectors from `first` on, both (M,)."""
        starts = np.concatenate([[0], np.cumsum(count)]).astype(np.int64)
        within = np.arange(starts[-1]) - np.repeat(starts[:-1], count)
        return Bags(self.X[np.repeat(first, count) + within], starts)

    def bad(self) -> int:
        """How many vectors hold NaN or infinity."""
        return sum(int((~np.isfinite(block).all(axis=1)).sum()) for _, block in self.blocks())

    def blocks(self) -> Iterator[tuple[slice, Floats]]:
        """All vectors in float64, at most `BLOCK` at a time, with the place of each block."""
        for start in range(0, len(self.X), BLOCK):
            place = slice(start, min(start + BLOCK, len(self.X)))
            yield place, self.X[place].astype(np.float64)


def sub_bags(bags: Bags, length: int, random: np.random.Generator) -> Bags:
    """Of each bag a run of at most `length` neighbours at a random place: what a window of slices shows of the scan."""
    count = np.minimum(bags.sizes, length)
    return bags.runs(bags.starts[:-1] + random.integers(0, bags.sizes - count, endpoint=True), count)


def check_sub_bag(length: int) -> None:
    """Raises ValueError where it is below 1."""
    if length < 1:
        raise ValueError(f"sub_bag is {length}; 1 slice or more, or None, is wanted")


def windows(bags: Bags, length: int) -> tuple[Bags, Ints]:
    """All bags cut into runs of `length` neighbours, what is left over being one more; and (M,) the bag that each run is of."""
    pieces = -(-bags.sizes // length)
    of = np.repeat(np.arange(len(bags)), pieces)
    number = np.arange(len(of)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    first = bags.starts[:-1][of] + number * length
    return Bags(bags.X, np.concatenate([first, bags.starts[-1:]])), of


def sums(values: Floats, starts: Ints) -> Floats:
    """(N, ...): values (S, ...) added up by bag, none of which is empty."""
    return np.add.reduceat(values, starts[:-1], axis=0)


def log_means(logs: Floats, starts: Ints) -> Floats:
    """(N, C): the logarithm of the mean over each bag's rows of exp(logs), logs (S, C); no bag is empty."""
    most = np.maximum.reduceat(logs, starts[:-1], axis=0)
    sizes = np.diff(starts)
    return most + np.log(sums(np.exp(logs - np.repeat(most, sizes, axis=0)), starts) / sizes[:, None])
